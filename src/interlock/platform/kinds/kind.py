"""What a kind of delivery is: the one interface between a folder of this package and everybody else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from interlock.platform.checks import Check
from interlock.platform.checks.link import Link
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.estate import Environment
from interlock.platform.estate.rules import Demand
from interlock.platform.facts import Facts, stakes
from interlock.platform.facts.stakes import Stakes
from interlock.platform.kinds.record import Told


@dataclass(frozen=True)
class Position:
    """Where a delivery goes. ``first``: the environment is the first of the estate. ``restores``: see `Case`."""

    environment: Environment
    first: bool = False
    restores: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """A fact that a kind's checks look at. ``kept``: where a later proof finds it again: captured for itself, or with
    the reviews; by the ids of git, or of the sealed platform commit that the decision names."""

    read: Callable[[Facts], Any]
    kept: Literal["evidence", "reviews", "git", "estate"]


class Kind(ABC):
    """One kind. Checks that every delivery has (base, queue, people, record) are added by the table."""

    name: ClassVar[DeliveryKind]
    brings_source: ClassVar[bool] = False
    """Whether its authors of source may not approve it."""
    several: ClassVar[bool] = False
    """Whether one delivery may touch several services, or none: it is about the repository then, as everything of such
    a kind in the platform repo is."""
    inverse: ClassVar[str] = ""
    """Empty: taken back by the exact inverse of its commit. Else the reason code of the refusal."""
    undone_anytime: ClassVar[bool] = False
    """Whether the newest delivery of a service may be taken back outside windows and in freezes, when it is of this
    kind: by a delivery of kind ``revert``. The inverse of any other is judged as what it delivers."""
    needs: ClassVar[tuple[Need, ...]] = ()
    """Facts that its own checks look at, and no others."""
    links: ClassVar[tuple[type[Link], ...]] = ()
    """What its proof has beyond the links that everything that runs has."""

    @abstractmethod
    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """Whether a delivery of this kind may change ``file`` as ``change`` does. An allow-list: everything that this
        kind's checks do not judge is refused by not being claimed."""

    @abstractmethod
    def checks(self, position: Position) -> tuple[Check, ...]:
        """Its own checks there."""

    @abstractmethod
    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        """The paths whose object ids an approval is bound to; None: everything. ``chart``: the folder of the library
        chart that the service renders with."""

    def asks(self, facts: Facts, own: Demand) -> Demand:
        """What this very delivery asks, never less than ``own``, which the rules ask of its kind. May read any fact
        but `ground.demand`; what it raises makes the demand unknown, and the gate with it."""
        return own

    def stakes(self, facts: Facts) -> Stakes:
        """Who owns what this delivery touches, and whom it is about."""
        return stakes.of_service(facts)

    @abstractmethod
    def record(self, facts: Facts) -> Told | None:
        """What its change record says; None while not everything that it tells has been read."""
