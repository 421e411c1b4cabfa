"""What merging a pull request would do to its base, as git has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from interlock.clients.git import Commit, Repository
from interlock.clients.git import FileChange as GitChange
from interlock.errors import ConflictError, InputError, RefusedError
from interlock.platform.domain.change import Change, ChangeStatus, CommitFacts, FileChange
from interlock.platform.domain.ids import CommitId, ObjectId
from interlock.platform.estate import PLATFORM
from interlock.platform.facts import pull as pulls
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.ground import environment, estate, moment, repository, sources
from interlock.platform.facts.signers import GENESIS, Signers

MAX_FILES = 200
"""Contents are read of this many files at most; no kind changes more."""
MAX_COMMITS = 200
CONFLICT = "merge-conflict"
_REGULAR = ("100644", "100755")
_STATUS: dict[str, ChangeStatus] = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}


def read(facts: Facts) -> Change:
    """Raises ConflictError ``merge-conflict`` when it does not merge, InputError ``change-too-large``, git's errors.

    The head is the branch's own tip: a pull request from somewhere else has no branch here and is not judged.
    """
    git, pull = facts.get(repository), facts.get(pulls.read)
    if facts.get(pulls.foreign):
        # A branch of that name here would be another one.
        raise RefusedError("pull-from-fork", "the head is a branch of a fork", got=pull.head_ref)
    base = git.resolve(f"refs/heads/{pull.base_ref}")
    head = git.resolve(f"refs/heads/{pull.head_ref}")
    moved, found = facts.get(sources).kept.get(("change", base, head), lambda: _between(git, base, head))
    # Whose commits they are depends on who is known when.
    signers = Signers(facts.get(estate)).attribute(found, at=facts.get(moment))
    return dataclasses.replace(moved, commits=signers)


def _between(git: Repository, base: str, head: str) -> tuple[Change, tuple[Commit, ...]]:
    """What two commits alone decide: the change, and its commits as git has them."""
    start = git.merge_base(base, head)
    if start is None:
        raise ConflictError(CONFLICT, "the branch shares no history with its base")
    tree = git.merge_tree(base, head)
    effect = git.diff(base, tree)
    before, after = _sides(git, effect[:MAX_FILES])
    found = git.log(f"{base}..{head}", limit=MAX_COMMITS + 1)
    if len(found) > MAX_COMMITS:
        raise InputError("change-too-large", "too many commits", got=len(found), expected=f"<= {MAX_COMMITS}")
    change = Change(
        base=CommitId(base),
        head=CommitId(head),
        merge_base=CommitId(start),
        tree=ObjectId(tree),
        proposed=_files(git.diff(start, head)),
        effect=_files(effect),
        before=before,
        after=after,
    )
    return change, tuple(found)


def made(git: Repository, commit: str) -> Change:
    """What a commit of ``main`` made of its first parent. Raises NotFoundError ``fact-missing`` for the first commit,
    git's errors."""
    parents = git.commit(commit).parents
    if not parents:
        raise missing(f"the parent of {commit[:12]}")
    return _between(git, parents[0], git.resolve(commit))[0]


def commits(facts: Facts) -> tuple[CommitFacts, ...]:
    """Every commit that the pull request brings, with who is shown to have made it."""
    return facts.get(read).commits


def genesis(facts: Facts) -> bool:
    """Whether the genesis key signed all that an edit of the platform repo brings, on top of what its main is now: an
    old commit of that key, of a pull request that was closed, is worth nothing."""
    brought = facts.get(commits)
    if facts.get(environment).name != PLATFORM or not brought or any(item.problem != GENESIS for item in brought):
        return False
    moved = facts.get(read)
    return moved.merge_base == moved.base


def contents(git: Repository, revision: str, paths: Iterable[str]) -> dict[str, bytes]:
    """Path -> content of the regular files among ``paths``; links and submodules have none."""
    wanted = frozenset(paths)
    if not wanted:
        return {}
    entries = [item for item in git.ls_tree(revision) if item.path in wanted and item.mode in _REGULAR]
    return {item.path: git.blob(item.id) for item in entries}


def _files(changes: Iterable[GitChange]) -> tuple[FileChange, ...]:
    return tuple(FileChange(item.path, _STATUS[item.status], item.old_mode, item.new_mode) for item in changes)


def _sides(git: Repository, changes: Iterable[GitChange]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Contents before and after of the regular files among ``changes``."""
    before, after = {}, {}
    for item in changes:
        if item.old_id is not None and item.old_mode in _REGULAR:
            before[item.path] = git.blob(item.old_id)
        if item.new_id is not None and item.new_mode in _REGULAR:
            after[item.path] = git.blob(item.new_id)
    return before, after
