"""Kind ``configuration``: values of a service that its chart's schema names as configuration; nothing is rebuilt."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.platform.checks import Check
from interlock.platform.checks.pull import ServiceRegistered
from interlock.platform.domain import difference
from interlock.platform.domain.change import REGULAR_FILE, Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.domain.result import service_paths
from interlock.platform.estate import PLATFORM, layout
from interlock.platform.facts import Facts, change, configuration, ground, image, rendering
from interlock.platform.kinds.configuration.checks import ConfigurationKeys, ConfigurationRendered, NoSecretInText
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.record import Told

NAME = DeliveryKind("configuration")
MAX_TOLD = 500
"""Characters of the values before and after in a record."""


class Configuration(Kind):
    name = NAME
    undone_anytime = True
    needs = (
        Need(change.read, "git"),
        Need(configuration.read, "git"),
        Need(configuration.keys, "git"),
        Need(configuration.merged, "git"),
        Need(configuration.secrets, "git"),
        Need(rendering.read, "git"),
    )

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """Values of a service whose image stays: those of the environment, and those that all have. Which keys may
        change a check says, for that is a matter of the chart."""
        service = layout.service_of(file.path)
        if environment == PLATFORM or service is None or (file.status, file.new_mode) != ("modified", REGULAR_FILE):
            return False
        if file.path == layout.values(service, environment):
            before, after = change.before.get(file.path), change.after.get(file.path)
            return not layout.image_moves(before, after, file=file.path)
        return file.path == layout.shared_values(service)

    def checks(self, position: Position) -> tuple[Check, ...]:
        return (ServiceRegistered(), ConfigurationKeys(), ConfigurationRendered(), NoSecretInText())

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        return service_paths(service, chart) if service else None

    def record(self, facts: Facts) -> Told | None:
        """None while a secret would be told."""
        if facts.get(configuration.secrets):
            return None
        held, service = facts.get(image.held), facts.get(ground.registered).name
        differing = [item for every in facts.get(configuration.read).values() for item in every]
        moved = rendering.moved(facts.get(rendering.read))
        before = _told((item.place, item.before) for item in differing)
        after = _told((item.place, item.after) for item in differing)
        tests = (
            f"Rendered before and after: {rendering.summary(moved)}",
            f"What runs stays {held}" if held else "No image runs yet",
        )
        where = facts.get(ground.environment).name
        back = f"Revert pull request: `interlock revert {service} --env {where}` goes back to the values of before."
        return Told(self.name, before, after, tests, back, rendering.text(moved))


def _told(values: Iterable[tuple[str, str | None]]) -> str:
    stated = (f"{place}: {value}" for place, value in values if value is not None)
    return difference.listed(stated, limit=MAX_TOLD, between=", ") or "nothing stated, the chart's defaults"
