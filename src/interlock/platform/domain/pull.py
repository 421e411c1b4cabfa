"""Pull requests and reviews as the forge reports them: claims of one system, before any judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from interlock.platform.domain.ids import CommitId


class ReviewState(StrEnum):
    """What a review says."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes-requested"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Review:
    """One review. ``stale`` and ``dismissed`` are the forge's; rules may only be stricter than they."""

    id: int
    account: str
    state: ReviewState
    commit: CommitId
    stale: bool
    dismissed: bool
    official: bool
    """The forge counted the reviewer as allowed when the review was submitted."""
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull request."""

    repository: str
    number: int
    title: str
    author: str
    """Login of the account that opened it."""
    head: CommitId
    head_ref: str
    base_ref: str
    open: bool
    merged: bool = False
    merge_commit: CommitId | None = None
    merged_by: str | None = None
    body: str = ""
