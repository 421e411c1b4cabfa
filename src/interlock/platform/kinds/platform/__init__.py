"""Kind ``platform``: the platform repo's own files: rules, people, checks, keys, catalog, and services as registered.

Judged by the people and rules of the sealed base, never by its own: who is added, or whose entry changes, does not
count, and what an environment with change records gets weaker by is recorded like a change of that environment.
"""

from __future__ import annotations

from interlock.platform.checks import Check, people
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, PersonId, ServiceName
from interlock.platform.domain.people import System
from interlock.platform.domain.result import registry_paths
from interlock.platform.estate import PLATFORM, Requirement, layout, rules, strictness
from interlock.platform.estate.check_table import FILE as CHECKS
from interlock.platform.estate.estate import GENESIS, KEYS
from interlock.platform.estate.rules import Demand
from interlock.platform.facts import Facts, change, edit, ground
from interlock.platform.facts.stakes import Stakes
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.platform.checks import (
    CatalogLint,
    FreezesPast,
    GenesisKey,
    KeysFixed,
    KeysOverlap,
    Loads,
    ObjectsGenerated,
    PeopleApart,
    Unlocked,
)
from interlock.platform.kinds.record import Told

NAME = DeliveryKind("platform")
OWN = ("platform.yaml", "people.yaml", CHECKS)


class PlatformEdit(Kind):
    name = NAME
    several = True
    needs = (
        Need(change.read, "git"),
        Need(edit.read, "git"),
        Need(edit.differences, "git"),
        Need(edit.generated, "git"),
        Need(edit.catalog, "git"),
        Need(edit.pipelines, "git"),
        Need(edit.rotations, "git"),
        Need(edit.unknown_checks, "git"),
        Need(change.genesis, "reviews"),
    )

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """Argo CD's objects too: a check says that they are those which are generated. A registration that is new is an
        onboarding, one that goes a removal."""
        if environment != PLATFORM:
            return False
        if layout.registered_service(file.path) is not None:
            return file.status == "modified"
        return file.path in (*OWN, *KEYS, GENESIS) or file.path.startswith((edit.CATALOG, edit.GENERATED))

    def checks(self, position: Position) -> tuple[Check, ...]:
        return (
            Loads(), CatalogLint(), ObjectsGenerated(), KeysFixed(), KeysOverlap(), PeopleApart(), FreezesPast(),
            Unlocked(), GenesisKey(),
        )  # fmt: skip

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        folders = (edit.CATALOG, edit.GENERATED, "keys/")
        return (*OWN, *(item.rstrip("/") for item in folders), *(registry_paths(service) if service else ()))

    def asks(self, facts: Facts, own: Demand) -> Demand:
        """The owners of every service that changes, old and new, and a change record where a rule gets weaker for an
        environment that has records. Nobody, where the genesis key signed it: people are what it brings back."""
        if facts.get(change.genesis):
            return Demand((), change_record=False, windows=(), freezes=False)
        owners = tuple(Requirement(who="owners-touched") for _ in self.stakes(facts).owners)
        found, before = facts.get(edit.differences), facts.get(edit.read).before.platform
        places = [item for item in (*before.environments, before.itself) if rules.records(item)]
        weaker = any(strictness.weaker(found, item.name) for item in places)
        return Demand((*own.approvals, *owners), own.change_record or weaker, own.windows, own.freezes)

    def stakes(self, facts: Facts) -> Stakes:
        """Owners that can answer, other than those who ask."""
        found = facts.get(edit.read)
        if found.after is None:
            return Stakes()
        pairs = [
            (item, found.after.services[name])
            for name, item in found.before.services.items()
            if name in found.after.services and found.after.services[name] != item
        ]
        known, at = facts.get(ground.estate).people, facts.get(ground.merging)
        gone = {
            item.id
            for item in known.persons
            if not item.valid(at) or System.FORGE not in {system for system, _ in item.accounts}
        }
        owners = {PersonId(service.owner) for pair in pairs for service in pair}
        before = {item.id: item for item in found.before.people.persons}
        after = {item.id: item for item in found.after.people.persons}
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return Stakes(frozenset(owners - gone - people.initiators(facts)), frozenset(changed))

    def record(self, facts: Facts) -> Told | None:
        found = facts.get(edit.read)
        if found.after is None:
            return None
        told = [f"{'Stricter' if item.stricter else 'Weaker'}: {item.path}" for item in facts.get(edit.differences)]
        back = "Another edit that says what was said before: `interlock platform edit`."
        return Told("edit of the platform", found.before.digest, found.after.digest, tuple(told), back)
