"""A delivery: one movement into one environment, of one service or of the repository itself, as one pull request."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.domain.ids import CommitId, DeliveryKind, EnvironmentName, ServiceName


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which pull request, of which kind, for whom."""

    kind: DeliveryKind
    service: ServiceName | None
    """None where it is of no single service."""
    environment: EnvironmentName
    repository: str
    """``owner/name`` on the forge."""
    number: int
    head: CommitId

    @property
    def id(self) -> str:
        """Stable over pushes: the pull request. Change records name it."""
        return f"{self.repository}#{self.number}"
