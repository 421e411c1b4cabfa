"""Reading what a pull request would do to its base branch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime

from interlock.clients.git import FileChange as GitChange
from interlock.clients.git import Repository
from interlock.errors import InputError, InterlockError
from interlock.platform.delivery.signers import Signers
from interlock.platform.domain.change import Change, ChangeStatus, FileChange
from interlock.platform.domain.classification import Classification, classify
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import CommitId, EnvironmentName, ObjectId
from interlock.platform.domain.pull import PullRequest
from interlock.platform.estate import Environment, layout

MAX_FILES = 200
"""Contents are read of this many files at most; no supported kind changes more."""
MAX_COMMITS = 200
_REGULAR = ("100644", "100755")
_STATUS: dict[str, ChangeStatus] = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}


def read_change(git: Repository, pull: PullRequest, signers: Signers, *, now: datetime) -> Change | Unread:
    """The change from a fetched mirror; Unread ``merge-conflict`` when it does not merge, or what git said.

    The head is the branch's own tip: a pull request from somewhere else has no branch here and is not judged.
    """
    try:
        base = git.resolve(f"refs/heads/{pull.base_ref}")
        head = git.resolve(f"refs/heads/{pull.head_ref}")
        start = git.merge_base(base, head)
        if start is None:
            raise InputError("merge-conflict", "the branch shares no history with its base")
        tree = git.merge_tree(base, head)
        effect = git.diff(base, tree)
        before, after = _sides(git, effect[:MAX_FILES])
        commits = git.log(f"{base}..{head}", limit=MAX_COMMITS + 1)
        if len(commits) > MAX_COMMITS:
            raise InputError("change-too-large", "too many commits", got=len(commits), expected=f"<= {MAX_COMMITS}")
        return Change(
            base=CommitId(base),
            head=CommitId(head),
            merge_base=CommitId(start),
            tree=ObjectId(tree),
            proposed=files(git.diff(start, head)),
            effect=files(effect),
            before=before,
            after=after,
            commits=signers.attribute(commits, at=now),
        )
    except InterlockError as error:
        return unread(f"git {pull.repository}", error)


def with_unchanged(git: Repository, change: Change, wanted: Iterable[str]) -> Change:
    """``change`` with the content of further files in its result. Raises git's errors."""
    return dataclasses.replace(change, unchanged=contents(git, change.tree, set(wanted) - change.after.keys()))


def classify_change(change: Change | Unread, environment: Environment, pull: PullRequest) -> Classification:
    """The delivery's kind and service; a change that cannot be read has none."""
    if isinstance(change, Unread):
        return Classification(None, None, detail=str(change))

    def image_changes(path: str) -> bool:
        try:
            before, after = (layout.image_in(side[path], file=path) for side in (change.before, change.after))
        except (InputError, KeyError):
            # Not readable as an image: the check of the text says what is wrong with it.
            return True
        return before != after

    return classify(change, EnvironmentName(environment.name), pull.head_ref, image_changes=image_changes)


def files(changes: Iterable[GitChange]) -> tuple[FileChange, ...]:
    return tuple(FileChange(item.path, _STATUS[item.status], item.old_mode, item.new_mode) for item in changes)


def contents(git: Repository, revision: str, paths: Iterable[str]) -> dict[str, bytes]:
    """Path -> content of the regular files among ``paths``; links and submodules have none."""
    wanted = frozenset(paths)
    if not wanted:
        return {}
    entries = [item for item in git.ls_tree(revision) if item.path in wanted and item.mode in _REGULAR]
    return {item.path: git.blob(item.id) for item in entries}


def _sides(git: Repository, changes: Iterable[GitChange]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Contents before and after of the regular files among ``changes``."""
    before, after = {}, {}
    for item in changes:
        if item.old_id is not None and item.old_mode in _REGULAR:
            before[item.path] = git.blob(item.old_id)
        if item.new_id is not None and item.new_mode in _REGULAR:
            after[item.path] = git.blob(item.new_id)
    return before, after
