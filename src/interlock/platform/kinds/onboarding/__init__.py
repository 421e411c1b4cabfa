"""Kind ``onboarding``: every generated file of a new service, or its registration in the platform repo."""

from __future__ import annotations

from interlock.platform.checks import Check
from interlock.platform.checks.pull import ServiceRegistered
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.domain.result import registry_paths, service_paths
from interlock.platform.estate import PLATFORM, layout
from interlock.platform.facts import Facts, change, ground, onboarding
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.onboarding.checks import OnboardingFiles, Registration
from interlock.platform.kinds.record import Told

NAME = DeliveryKind("onboarding")


class Onboarding(Kind):
    name = NAME
    inverse = "revert-removes-workload"
    needs = (Need(change.read, "git"), Need(onboarding.read, "estate"))

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """New files of a service whose Application is new too, and the library chart where there is none yet."""
        if file.status != "added":
            return False
        if environment == PLATFORM:
            return layout.registered_service(file.path) is not None
        new = {layout.application_of(item.path) for item in change.effect if item.status == "added"} - {None}
        return (
            layout.is_library_chart(file.path)
            if new and layout.service_of(file.path) is None
            else (layout.service_of(file.path) in new and not layout.is_middleware(file.path))
        )

    def checks(self, position: Position) -> tuple[Check, ...]:
        return (Registration(),) if position.environment.name == PLATFORM else (ServiceRegistered(), OnboardingFiles())

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        if service is None:
            return None
        return registry_paths(service) if environment == PLATFORM else service_paths(service, chart)

    def record(self, facts: Facts) -> Told | None:
        if facts.get(ground.service) is None:
            return None
        back = "First release: nothing ran before; remove it by a removal delivery."
        return Told(self.name, "no image", "no image", (), back)
