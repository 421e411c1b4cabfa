"""A delivery: one movement of one service into one environment, as one pull request of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from interlock.platform.domain.branches import Branch, Purpose
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName


class DeliveryKind(StrEnum):
    """What a delivery changes. Kinds outside ``SUPPORTED`` are known by name and refused."""

    IMAGE = "image"
    ONBOARDING = "onboarding"
    REVERT = "revert"
    CONFIGURATION = "configuration"
    CHART = "chart"
    MIDDLEWARE = "middleware"
    REMOVAL = "removal"
    PLATFORM = "platform"


SUPPORTED = frozenset({DeliveryKind.IMAGE, DeliveryKind.ONBOARDING, DeliveryKind.REVERT})


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which pull request, of which kind, for whom."""

    kind: DeliveryKind
    service: ServiceName
    environment: EnvironmentName
    repository: str
    """``owner/name`` on the forge."""
    number: int
    head: CommitId

    @property
    def id(self) -> str:
        """Stable over pushes: the pull request. Change records name it."""
        return f"{self.repository}#{self.number}"


def branch(kind: DeliveryKind, service: ServiceName, suffix: str = "", *, pipeline: bool = False) -> str:
    """The head branch of a delivery (domain/branches.py)."""
    purpose = {
        DeliveryKind.ONBOARDING: Purpose.ONBOARD,
        DeliveryKind.IMAGE: Purpose.BUMP if pipeline else Purpose.PROMOTE,
        DeliveryKind.REVERT: Purpose.REVERT,
    }[kind]
    return str(Branch(purpose, service, suffix))
