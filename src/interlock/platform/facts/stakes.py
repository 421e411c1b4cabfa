"""Who has a stake in a delivery: the owners of what it touches, and those whom it is about."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.domain.ids import PersonId
from interlock.platform.facts import ground
from interlock.platform.facts.facts import Facts


@dataclass(frozen=True, slots=True)
class Stakes:
    owners: frozenset[PersonId] = frozenset()
    """Of every service that is touched."""
    concerned: frozenset[PersonId] = frozenset()
    """Whose own entry the delivery changes: they do not approve it."""


def read(facts: Facts) -> Stakes:
    """Its kind may know more of them."""
    return of_service(facts)


def of_service(facts: Facts) -> Stakes:
    """The owner of the delivery's service."""
    service = facts.get(ground.service)
    return Stakes(frozenset({PersonId(service.owner)} if service else ()))
