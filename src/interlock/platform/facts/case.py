"""What is judged: of which kind a delivery is, and for which service."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.domain.ids import DeliveryKind, ReasonCode, ServiceName
from interlock.platform.facts.facts import Facts, missing

OK = ReasonCode("ok")


@dataclass(frozen=True, slots=True)
class Case:
    """``kind`` and ``service`` are None where none can be named: ``reason`` and ``detail`` say why."""

    kind: DeliveryKind | None
    service: ServiceName | None
    reason: ReasonCode = OK
    detail: str = ""
    brings_source: bool = False
    """Whether what its source commits changed comes with it."""
    restores: bool = False
    """A revert to exactly what is sealed, the release of a blocked queue: nothing that runs changes."""


def read(facts: Facts) -> Case:
    """The kinds tell it of a change, the decision of what runs."""
    raise missing("kind of the delivery")
