"""The history of ``main`` since the last seal, and the proof of each of its commits (design section 6.6).

Proven means: the merge of exactly the head that the gate judged, by the platform, onto the last proven commit, and
its whole tree is what git merges from its parents. Nothing in a commit's message, author or dates is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interlock.clients.git import Commit, Repository
from interlock.errors import ConflictError, InterlockError, UnsupportedError
from interlock.platform import kinds
from interlock.platform.books import Books, Recorded
from interlock.platform.books.vocabulary import Judged
from interlock.platform.checks.reasons import OK
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import CommitId, ObjectId, ReasonCode
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate.layout import MAIN
from interlock.platform.facts import result as results
from interlock.platform.facts import seals
from interlock.platform.facts.queue import QueueState
from interlock.platform.proof import reasons


@dataclass(frozen=True)
class Main:
    """``sealed`` is the tip of the branch of that name; ``pending`` the first-parent commits of ``main`` after
    ``sealed.merge``, oldest first."""

    sealed: seals.Seal
    tip: CommitId
    pending: tuple[Commit, ...]


@dataclass(frozen=True)
class Proof:
    """The verdict over one commit of ``main``. Invalid blocks the queue; unknown is asked again next round."""

    commit: CommitId
    verdict: Verdict
    reason: ReasonCode
    detail: str = ""
    judgement: Recorded[Judged] | None = None
    expected_tree: ObjectId | None = None
    result: ResultIds | None = None


@dataclass(frozen=True)
class Progress:
    """What may be sealed now, oldest first, and what stands in the way."""

    proven: tuple[Proof, ...]
    stopped: Proof | None = None

    @property
    def queue(self) -> QueueState:
        """Nothing is merged onto a commit that is not proven; only one that cannot be is to be reverted."""
        if self.stopped is None:
            return QueueState()
        waiting = self.stopped.verdict is Verdict.UNKNOWN
        return QueueState(self.stopped.commit, self.stopped.reason, waiting)


def read_main(git: Repository, certificate: str) -> Main | Proof:
    """Both branches of a fetched mirror; a Proof with verdict invalid when one of them was tampered with."""
    tip = CommitId(git.resolve(MAIN))
    try:
        sealed = seals.read(git, seals.BRANCH, certificate)
    except InterlockError as error:
        return _no("sealed-branch-foreign", tip, str(error))
    if not git.is_ancestor(sealed.merge, tip):
        return _no("history-rewritten", tip, f"main does not contain {sealed.merge[:12]}")
    pending = git.log(f"{sealed.merge}..{tip}", first_parent=True)
    return Main(sealed, tip, tuple(reversed(pending)))


def progress(
    git: Repository,
    main: Main,
    judged: Callable[[CommitId], Recorded[Judged] | None],
    merged: Callable[[int], PullRequest | Unread],
    *,
    platform: str,
) -> Progress:
    """Prove the pending commits in order, up to the first that is not proven.

    Past an unprovable commit only one thing is proven: a judged revert after which the tree is the sealed one again.
    Its seal covers everything before it. ``judged`` finds the newest judgement of a head (`judgement_of`), ``merged``
    reads a pull request; ``platform`` is the account that may merge.
    """
    proven: list[Proof] = []
    parent, sealed_tree = main.sealed.merge, git.tree(main.sealed.id)
    index = 0
    while index < len(main.pending):
        commit = main.pending[index]
        proof = prove(git, commit, parent, judged, merged, platform=platform)
        if proof.verdict is Verdict.INVALID:
            rest = list(enumerate(main.pending))[index + 1 :]
            restored = next(
                (
                    (place, found)
                    for place, item in rest
                    if item.tree == sealed_tree
                    and (found := prove(git, item, None, judged, merged, platform=platform)).judgement is not None
                    and found.judgement.said.restores
                    and found.verdict is Verdict.VALID
                ),
                None,
            )
            if restored is None:
                return Progress(tuple(proven), proof)
            index, proof = restored
            commit = main.pending[index]
        elif proof.verdict is Verdict.UNKNOWN:
            return Progress(tuple(proven), proof)
        proven.append(proof)
        parent, sealed_tree = CommitId(commit.id), commit.tree
        index += 1
    return Progress(tuple(proven))


def prove(
    git: Repository,
    commit: Commit,
    parent: CommitId | None,
    judged: Callable[[CommitId], Recorded[Judged] | None],
    merged: Callable[[int], PullRequest | Unread],
    *,
    platform: str,
) -> Proof:
    """``parent``: the last proven commit, which this one must follow; None for a revert that restores a tree."""
    name = CommitId(commit.id)
    if len(commit.parents) != 2:
        return _no("merge-not-a-merge", name, f"{len(commit.parents)} parents")
    base, head = commit.parents
    if parent is not None and base != parent:
        return _no("merge-parent", name, f"follows {base[:12]}, expected {parent[:12]}")
    try:
        expected = git.merge_tree(base, head)
    except ConflictError as error:
        return _no("merge-conflict-hidden", name, str(error))
    if commit.tree != expected:
        return _no("merge-tree-differs", name, f"tree {commit.tree[:12]}, git merges {expected[:12]}")
    recorded = judged(CommitId(head))
    if recorded is None:
        return _no("merge-unjudged", name, f"head {head[:12]}")
    if isinstance(recorded.body, Unread):
        return Proof(name, Verdict.UNKNOWN, ReasonCode("fact-unreadable"), str(recorded.body))
    judgement = recorded.body
    try:
        chart = results.library(git, commit.id, judgement.service)
        changed = (item.path for item in git.diff(base, commit.id))
        bound = kinds.bound(judgement.kind, judgement.service, judgement.environment, chart, changed)
    except UnsupportedError as error:
        return Proof(name, Verdict.UNKNOWN, ReasonCode(error.code), str(error))
    got = results.ids(git, commit.id, bound)
    if got != judgement.result:
        return _no("merge-result-differs", name, ", ".join(got.difference(judgement.result)))
    pull = merged(judgement.pull)
    if isinstance(pull, Unread):
        return Proof(name, Verdict.UNKNOWN, ReasonCode("fact-unreadable"), str(pull))
    if not pull.merged or pull.merge_commit != name or (pull.merged_by or "").casefold() != platform.casefold():
        return _no("merge-by-other", name, f"pull request {pull.number}: merged by {pull.merged_by or 'nobody'}")
    return Proof(name, Verdict.VALID, ReasonCode(OK), f"#{judgement.pull}", recorded, ObjectId(expected), got)


def judgement_of(books: Books, repository: str, head: CommitId) -> Recorded[Judged] | None:
    """The newest judgement of ``head`` in ``repository`` (``owner/name``); one that cannot be read counts as one."""
    for item in books.about(Judged, head):
        if isinstance(item.body, Unread) or (item.body.repository, item.body.head) == (repository, head):
            return item
    return None


def read_merged(read: Callable[[int], PullRequest], number: int) -> PullRequest | Unread:
    """A pull request as a fact."""
    try:
        return read(number)
    except InterlockError as error:
        return unread("forge", error)


def _no(reason: str, commit: CommitId, detail: str) -> Proof:
    assert reason in reasons.REASONS  # noqa: S101 - every code is in the one table
    return Proof(commit, Verdict.INVALID, ReasonCode(reason), detail)
