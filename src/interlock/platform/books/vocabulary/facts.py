"""Evidence: facts as they were read, in the platform's words, with the raw answers of their sources beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from interlock.platform.books.vocabulary.body import Body, Raw
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.ids import ObjectId
from interlock.platform.domain.pull import PullRequest, Review
from interlock.platform.domain.record import RecordFacts


@dataclass(frozen=True, slots=True)
class ReviewsRead:
    """What approvals are judged on: everything that the gate knew of the pull request and its people."""

    now: datetime
    pull: PullRequest
    reviews: tuple[Review, ...]
    approvals: tuple[Approval, ...]
    commits: tuple[CommitFacts, ...]
    source: tuple[CommitFacts, ...]
    restores: bool


@dataclass(frozen=True, slots=True)
class ReviewsFact(Body):
    """What approvals were judged on; ``raw`` is what the forge answered: its pull request and reviews."""

    KIND: ClassVar[str] = "reviews"

    read: ReviewsRead
    raw: Any


@dataclass(frozen=True, slots=True)
class RecordRead:
    """What the change record is judged on."""

    now: datetime
    record: RecordFacts


@dataclass(frozen=True, slots=True)
class RecordFact(Body):
    """What the change record was judged on; ``raw`` is {record, approvals}: the ticket system's rows."""

    KIND: ClassVar[str] = "change-record"

    read: RecordRead
    raw: Any


@dataclass(frozen=True, slots=True)
class MergeFact(Body):
    """A merge commit, the tree that ``git merge-tree`` gave for its parents, and the object ids of the delivery's paths
    in it; ``pull`` is the merged pull request as the forge answered."""

    KIND: ClassVar[str] = "merge"

    pull: Any
    commit: Mapping[str, Any]
    expected_tree: Annotated[ObjectId, Field(alias="expectedTree")]
    result: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SyncFact(Body):
    """An Application, and the Deployment it manages, as the Kubernetes API gave them after a sync."""

    KIND: ClassVar[str] = "sync"

    application: Mapping[str, Any]
    workload: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PipelineRunFact(Raw):
    """A finished PipelineRun as the Kubernetes API gave it."""

    KIND: ClassVar[str] = "pipeline-run"

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaskRunFact(Raw):
    """A finished TaskRun as the Kubernetes API gave it."""

    KIND: ClassVar[str] = "task-run"

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReviewFact(Raw):
    """One review as the forge answered."""

    KIND: ClassVar[str] = "review"

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JudgedFacts(Raw):
    """What else the checks of a delivery looked at: fact's name -> its value as it was read."""

    KIND: ClassVar[str] = "judged-facts"

    value: Mapping[str, Any]
