"""Everything that the gate knows of one pull request at one moment. Readers fill it; checks only look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import Change, CommitFacts
from interlock.platform.domain.classification import Classification
from interlock.platform.domain.delivery import Delivery, DeliveryKind
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import CommitId, EnvironmentName, ObjectId, ServiceName
from interlock.platform.domain.image import ImageFacts, ImageReference
from interlock.platform.domain.pull import PullRequest, Review
from interlock.platform.domain.record import RecordFacts
from interlock.platform.domain.result import ResultIds
from interlock.platform.estate import Environment, Estate, Service

Objects = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Rendering:
    """The service's objects as Argo CD would render them from the base and from the merge result."""

    before: Objects
    after: Objects


@dataclass(frozen=True)
class QueueState:
    """The env repo's queue. ``blocked_by``: the first commit of ``main`` that is not proven."""

    blocked_by: CommitId | None = None
    reason: str = ""
    waiting: bool = False
    """Whether that commit can be proven is not known yet: a source did not answer. Nothing is to be reverted."""


@dataclass(frozen=True)
class RevertFacts:
    """What a revert would have to give. ``expected`` is None when the named commit is none that can be inverted."""

    commit: CommitId | None
    expected: ObjectId | None
    problem: str = ""
    restores: bool = False
    """The merge gives exactly the tree that is sealed now: nothing that runs would change."""


@dataclass(frozen=True)
class GateFacts:
    """Facts of one pull request. A field that its kind does not need stays None."""

    now: datetime
    estate: Estate
    environment: Environment
    pull: PullRequest
    change: Change | Unread
    classification: Classification
    result: ResultIds | Unread
    reviews: tuple[Review, ...] | Unread = ()
    approvals: tuple[Approval, ...] = ()
    """Reviews as captured: bound to what was approved."""
    rendering: Rendering | Unread | None = None
    onboarding: Mapping[str, bytes] | Unread | None = None
    """What the golden path generates for this service and environment."""
    image: ImageFacts | Unread | None = None
    """The image that would run afterwards; None when none would."""
    previous: ImageReference | Unread | None = None
    """What the previous environment's main holds for this service."""
    health: ApplicationFacts | Unread | None = None
    """The previous environment's Application; None when there is none."""
    source: tuple[CommitFacts, ...] | Unread = ()
    """Commits of the app repo that this delivery brings."""
    record: RecordFacts = field(default_factory=lambda: RecordFacts(None))
    queue: QueueState = QueueState()
    revert: RevertFacts | Unread | None = None

    @property
    def kind(self) -> DeliveryKind | None:
        return self.classification.kind

    @property
    def restores(self) -> bool:
        """A revert to exactly what is sealed: the release of a blocked queue."""
        return isinstance(self.revert, RevertFacts) and self.kind is DeliveryKind.REVERT and self.revert.restores

    @property
    def service(self) -> Service | None:
        """The registered service, or None."""
        name = self.classification.service
        return self.estate.services.get(name) if name else None

    @property
    def delivery(self) -> Delivery:
        return Delivery(
            kind=self.kind or DeliveryKind.PLATFORM,
            service=self.classification.service or ServiceName(""),
            environment=EnvironmentName(self.environment.name),
            repository=self.pull.repository,
            number=self.pull.number,
            head=self.pull.head,
        )
