"""Kind ``removal``: a service leaves an environment, in steps; its registration goes when no environment has it.

1. ``objects``: its chart renders nothing any more, and ``removal.yaml`` names every live object. The platform deletes
   these and no others (controller/loops/removals).
2. ``application``: when they are gone, the Application and the rest of its files go; no object with it.
3. The registration, in the platform repo.

Before the first, its replicas are 0: that is configuration, and taken back as such. The first is taken back by its
exact inverse; after the second the service is onboarded again.
"""

from __future__ import annotations

from interlock.platform.checks import Check
from interlock.platform.checks.pull import ServiceRegistered
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.domain.result import registry_paths, service_paths
from interlock.platform.estate import PLATFORM, layout
from interlock.platform.estate.platform import Requirement
from interlock.platform.estate.rules import Demand
from interlock.platform.facts import Facts, change, ground, removal, rendering
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.record import Told
from interlock.platform.kinds.removal.checks import (
    RegistrationUnused,
    RemovalFiles,
    RemovalNamed,
    RemovalStopped,
    RemovalUnused,
)
from interlock.platform.kinds.removal.steps import belongs, step

NAME = DeliveryKind("removal")
_OWNERS = frozenset({"data-owner", "service-owner", "owners-touched"})
"""Who owns a service owns its data, and counts for one requirement."""


class Removal(Kind):
    name = NAME
    needs = (
        Need(change.read, "git"),
        Need(rendering.read, "git"),
        Need(removal.before, "git"),
        Need(removal.after, "git"),
        Need(removal.users, "git"),
        Need(removal.places, "git"),
        Need(removal.held, "evidence"),
    )

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """The files of one step of one service; of the platform repo a registration that is deleted."""
        if environment == PLATFORM:
            return file.status == "deleted" and layout.registered_service(file.path) is not None
        service = layout.service_of(file.path)
        found = step(change, service) if service else None
        return found is not None and belongs(file.path, file.status, found)

    def checks(self, position: Position) -> tuple[Check, ...]:
        if position.environment.name == PLATFORM:
            return (ServiceRegistered(), RegistrationUnused())
        return (ServiceRegistered(), RemovalFiles(), RemovalStopped(), RemovalNamed(), RemovalUnused())

    def asks(self, facts: Facts, own: Demand) -> Demand:
        """The owner of the data, where records are asked for."""
        if not own.change_record or any(item.who in _OWNERS for item in own.approvals):
            return own
        approvals = (*own.approvals, Requirement(who="data-owner"))
        return Demand(approvals, own.change_record, own.windows, own.freezes)

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        if service is None:
            return None
        return registry_paths(service) if environment == PLATFORM else service_paths(service, chart)

    def record(self, facts: Facts) -> Told | None:
        service, where = facts.get(ground.service), facts.get(ground.environment).name
        if service is None:
            return None
        if where == PLATFORM:
            return Told("removal of its registration", "registered", "not registered", (), "Register it again.")
        found = step(facts.get(change.read), ServiceName(service.name))
        listed = facts.get(removal.after) or facts.get(removal.before)
        tests = tuple(f"Named: {item}" for item in (listed.objects if listed else ()))
        match found:
            case "objects":
                back = f"`interlock revert {service.name} --env {where}`: the objects come back as git has them."
                return Told("removal of its objects", "no pods", f"{len(tests)} objects deleted", tests, back)
            case "back":
                back = f"`interlock service remove {service.name} --env {where}` again."
                return Told("removal taken back", "no objects", "its objects, as git has them", (), back)
        return Told("removal of its Application", "no objects", "not in the environment", tests, "Onboard it again.")
