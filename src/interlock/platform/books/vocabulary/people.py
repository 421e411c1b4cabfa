"""Entries about what people said, each written in the round in which it was new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from interlock.platform.books.vocabulary.body import Body
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.result import ResultIds


@dataclass(frozen=True, slots=True)
class PullSighted(Body):
    """What a pull request resulted in when it was looked at. Subject: ``owner/name#number``."""

    KIND: ClassVar[str] = "pull-sighted"

    base: CommitId
    base_ref: str
    head: CommitId
    result: ResultIds

    @staticmethod
    def key(subject: str, before: Digest | None) -> str:
        """One entry for a sighting after the one before: a pull request may come back to what it was."""
        return f"pull-sighted/{subject}/{before or 0}"


@dataclass(frozen=True, slots=True)
class ApprovalCaptured(Body):
    """A review, bound to exactly what it approved. Subject: ``owner/name#number``; evidence: ``review``."""

    KIND: ClassVar[str] = "approval-captured"

    review: int
    account: str
    repository: str
    number: int
    base_ref: str
    head: CommitId
    result: ResultIds | None
    evidence: None = None
    """Always null: the entry's own evidence names the review."""

    @property
    def source(self) -> str:
        """Where the review is on the forge."""
        return f"{self.repository}/pulls/{self.number}/reviews/{self.review}"

    @property
    def key(self) -> str:
        return f"{self.KIND}/{self.source}"

    def approval(self, evidence: Digest | None) -> Approval:
        """As the gate knows it; ``evidence`` is the digest of the review as read."""
        return Approval(
            self.review,
            self.account,
            self.repository,
            self.number,
            self.base_ref,
            self.head,
            self.result,
            evidence,
        )

    @classmethod
    def of(cls, approval: Approval) -> ApprovalCaptured:
        return cls(
            approval.review,
            approval.account,
            approval.repository,
            approval.number,
            approval.base_ref,
            approval.head,
            approval.result,
        )


@dataclass(frozen=True, slots=True)
class RecordAnswered(Body):
    """What the plan of a change record was when an approval of it was first seen. Subject: the record's number."""

    KIND: ClassVar[str] = "record-answer-captured"

    row: str
    """The answer's row in the ticket system."""
    account: str
    plan: Digest

    def key(self, number: str) -> str:
        return f"{self.KIND}/{number}/{self.row}"


@dataclass(frozen=True, slots=True)
class RecordWithdrawn(Body):
    """The record of a pull request that was closed without being merged was cancelled. Subject: its number."""

    KIND: ClassVar[str] = "record-withdrawn"

    delivery: str
    """``owner/name#number``."""

    def key(self, number: str) -> str:
        return f"{self.KIND}/{self.delivery}/{number}"


@dataclass(frozen=True, slots=True)
class RecordClosed(Body):
    """The record of a delivery that is sealed, synced and healthy was closed. Subject: its number."""

    KIND: ClassVar[str] = "record-closed"

    decision: Digest
    revision: CommitId

    @staticmethod
    def key(number: str) -> str:
        return f"record-closed/{number}"
