"""Reverts: the exact inverse of one commit of ``main``, or everything since the last seal."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.clients.git import Repository
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.platform.domain.branches import parse
from interlock.platform.domain.ids import CommitId, ObjectId, ServiceName
from interlock.platform.estate import layout
from interlock.platform.facts import change, queue, seals
from interlock.platform.facts import pull as pulls
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, repository, sources
from interlock.platform.facts.result import library, object_ids, paths


@dataclass(frozen=True)
class RevertFacts:
    """What a revert would have to give. ``expected`` is None when the named commit is none that can be inverted."""

    commit: CommitId | None
    expected: ObjectId | None
    problem: str = ""
    restores: bool = False
    """The merge gives exactly the tree that is sealed now: nothing that runs would change."""


def read(facts: Facts) -> RevertFacts | None:
    """What the branch ``revert/<service>/<id>`` would have to give; None when it is no such branch.

    Only while the queue is blocked can something be restored without taking back what was approved.
    """
    short = reverted(facts.get(pulls.read).head_ref)
    if short is None:
        return None
    git, found, state = facts.get(repository), facts.get(change.read), facts.get(queue.read)
    blocked = state.blocked_by is not None and not state.waiting and facts.get(environment).sealed
    sealed = seals.BRANCH if blocked and seals.is_seal(git, seals.BRANCH, facts.get(sources).seal) else None
    return judge(git, short, base=found.base, tree=found.tree, sealed=sealed)


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


def newest(git: Repository, service: ServiceName, environment: str) -> CommitId:
    """The newest commit of ``main`` that changed what the service runs. Raises NotFoundError ``revert-nothing``."""
    history = git.log(layout.MAIN, first_parent=True)

    def ids(revision: str) -> object:
        return object_ids(git, revision, paths(service, environment, library(git, revision, service)))

    for commit in history:
        if commit.parents and ids(commit.id) != ids(commit.parents[0]):
            return CommitId(commit.id)
    raise NotFoundError("revert-nothing", f"no commit of main changed {service}", where=environment)


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
