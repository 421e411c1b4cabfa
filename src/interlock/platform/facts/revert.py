"""Reverts: the exact inverse of one commit of ``main``, or everything since the last seal.

The way back is one of them: from the newest delivery of a service to what was sealed directly before it. It alone may
be gone at any hour. What brings forward again what was taken back before is none, whatever its branch is called.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from interlock.clients.git import Commit, Repository
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.platform.domain.branches import parse
from interlock.platform.domain.ids import CommitId, ObjectId, ServiceName
from interlock.platform.domain.result import ResultIds
from interlock.platform.estate import PLATFORM, Environment, layout
from interlock.platform.facts import change, queue, seals
from interlock.platform.facts import image as images
from interlock.platform.facts import pull as pulls
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, repository, sources
from interlock.platform.facts.result import ids, library, paths


@dataclass(frozen=True)
class RevertFacts:
    """What a revert would have to give. ``expected`` is None when the named commit is none that can be inverted."""

    commit: CommitId | None
    expected: ObjectId | None
    problem: str = ""
    restores: bool = False
    """The merge gives exactly the tree that is sealed now: nothing that runs would change."""
    obstacle: str = ""
    """Why it is not the way back; empty when it is."""
    before: CommitId | None = None
    """What it goes back to: the seal, or the commit of ``main`` where there are no seals."""


def read(facts: Facts) -> RevertFacts | None:
    """What the branch ``revert/<service>/<id>`` would have to give; None when it is no such branch.

    Only while the queue is blocked can something be restored without taking back what was approved.
    """
    short = reverted(facts.get(pulls.read).head_ref)
    if short is None:
        return None
    git, found, state = facts.get(repository), facts.get(change.read), facts.get(queue.read)
    blocked = state.blocked_by is not None and not state.waiting and facts.get(environment).sealed
    certificate = facts.get(sources).seal
    sealed = seals.BRANCH if blocked and seals.is_seal(git, seals.BRANCH, certificate) else None
    judged = judge(git, short, base=found.base, tree=found.tree, sealed=sealed)
    return judged if judged.restores else way_back(git, judged, facts.get(environment), found.tree, certificate)


def reverted(head_ref: str) -> str | None:
    """The commit id, short or full, that a branch ``revert/<service>/<id>`` says it reverts."""
    branch = parse(head_ref)
    return branch.reverts if branch else None


def judge(git: Repository, short: str, *, base: str, tree: str, sealed: str | None) -> RevertFacts:
    """What taking back the commit ``short`` gives on ``base``. ``sealed``: what may be restored, or None."""
    restores = False
    try:
        restores = sealed is not None and git.tree(sealed) == git.tree(tree)
        commit = find(git, short, base)
        if commit is None:
            return RevertFacts(None, None, f"{short} is no single commit of main", restores)
        return RevertFacts(commit, inverse(git, commit, base), restores=restores)
    except (InputError, ConflictError, NotFoundError) as error:
        return RevertFacts(None, None, str(error), restores)


def find(git: Repository, short: str, tip: str) -> CommitId | None:
    """The first-parent commit of ``tip`` whose id begins with ``short``, when it is exactly one."""
    found = [item.id for item in git.log(tip, first_parent=True) if item.id.startswith(short)]
    return CommitId(found[0]) if len(found) == 1 else None


def way_back(git: Repository, found: RevertFacts, where: Environment, tree: str, certificate: str) -> RevertFacts:
    """``found`` with the answer whether merging it, which gives ``tree``, goes the way back. ``certificate``: of the
    seal key."""
    try:
        before, obstacle = _before(git, found, where, tree, certificate)
    except (InputError, ConflictError, NotFoundError) as error:
        before, obstacle = None, str(error)
    return dataclasses.replace(found, obstacle=obstacle, before=before)


def _before(
    git: Repository, found: RevertFacts, where: Environment, tree: str, certificate: str
) -> tuple[CommitId | None, str]:
    """What the merge goes back to, and what stands against it."""
    if found.commit is None or found.expected is None:
        return None, found.problem
    if found.expected != tree:
        return None, f"it is not the exact inverse of {found.commit[:12]}"
    changed = [item.path for item in git.diff(git.commit(found.commit).parents[0], found.commit)]
    services = {layout.service_of(path) for path in changed}
    service = services.pop() if len(services) == 1 and where.name != PLATFORM else None
    if service is None:
        return None, f"{found.commit[:12]} is no delivery of one service"
    last = newest(git, service, where.name)
    if last != found.commit:
        return None, f"{last[:12]} is the newest delivery of {service}"
    if _went_back(state for _, state in _past(git, service, where.name)):
        return None, f"{found.commit[:12]} went back itself: this brings forward again what it took back"
    if images.in_values(git, layout.MAIN, layout.values(service, where.name)) is None:
        return None, f"{service} runs no image"
    before = _sealed_before(git, found.commit, certificate) if where.sealed else _parent(git, found.commit)
    if before is None:
        return None, f"nothing was sealed directly before {found.commit[:12]}"
    if _state(git, tree, service, where.name) != _state(git, before, service, where.name):
        return None, f"{service} would not be exactly what it was at {before[:12]}"
    return before, ""


def newest(git: Repository, service: ServiceName, environment: str) -> CommitId:
    """The newest commit of ``main`` that changed what the service runs. Raises NotFoundError ``revert-nothing``."""
    last, _ = next(_past(git, service, environment))
    if not git.commit(last).parents:
        raise NotFoundError("revert-nothing", f"no commit of main changed {service}", where=environment)
    return last


def _past(git: Repository, service: ServiceName, environment: str) -> Iterator[tuple[CommitId, ResultIds]]:
    """What the service was one after the other, newest first, each with the commit of ``main`` that made it so."""
    made: tuple[CommitId, ResultIds] | None = None
    for commit in _first_parents(git, layout.MAIN):
        state = _state(git, commit.id, service, environment)
        if made is not None and made[1] != state:
            yield made
        made = CommitId(commit.id), state
    if made is not None:
        yield made


def _went_back(states: Iterable[ResultIds]) -> bool:
    """Whether the newest delivery gave what was there before the one that it followed, which did not go back itself.

    From the contents alone: A, B, A went back; A, B, A, B went forward again, whoever says what of it.
    """
    one, other = itertools.tee(states)
    pairs = zip(one, itertools.islice(other, 2, None), strict=False)
    again = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
    return sum(1 for _ in again) % 2 == 1


def _first_parents(git: Repository, tip: str) -> Iterator[Commit]:
    """From ``tip`` back, as far as it is asked for."""
    commit = git.commit(tip)
    yield commit
    while commit.parents:
        commit = git.commit(commit.parents[0])
        yield commit


def _state(git: Repository, revision: str, service: ServiceName, environment: str) -> ResultIds:
    """What the service is at a commit or tree."""
    return ids(git, revision, paths(service, environment, library(git, revision, service)))


def _sealed_before(git: Repository, merge: str, certificate: str) -> CommitId | None:
    """The seal before that of ``merge``; None when either is none of the platform's."""
    for item in _first_parents(git, seals.BRANCH):
        if seals.decision(item) is None:
            break  # older than the first seal
        if item.parents[-1] == merge:
            before = seals.read(git, item.id, certificate).previous
            return seals.read(git, before, certificate).id if before else None
    return None


def _parent(git: Repository, commit: str) -> CommitId:
    return CommitId(git.commit(commit).parents[0])


def inverse(git: Repository, commit: str, tip: str) -> ObjectId:
    """The tree of ``tip`` with the change that ``commit`` made to its first parent taken back, path by path.

    Every path must still be as ``commit`` left it: taking back less, or something newer as well, is no inverse.
    Raises InputError ``revert-root``, ConflictError ``revert-overtaken`` naming the paths.
    """
    parents = git.commit(commit).parents
    if not parents:
        raise InputError("revert-root", "the first commit has nothing to go back to", got=commit)
    changed = git.diff(parents[0], commit)
    now = {item.path: (item.new_id, item.new_mode) for item in git.diff(commit, tip)}
    overtaken = [item.path for item in changed if item.path in now]
    if overtaken:
        raise ConflictError(
            "revert-overtaken",
            f"what {commit[:12]} changed has been changed again since",
            got=", ".join(overtaken[:3]),
            todo="revert the newer commits first",
        )
    before: dict[str, bytes | None] = {
        item.path: None if item.old_id is None else git.blob(item.old_id) for item in changed
    }
    return ObjectId(git.write_tree(before, base=tip))
