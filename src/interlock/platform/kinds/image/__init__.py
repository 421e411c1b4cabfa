"""Kind ``image``: tag and digest of a service's image, and nothing else (a build's bump, or a promotion)."""

from __future__ import annotations

from interlock.platform.checks import Check, image, people, rendered
from interlock.platform.checks.pull import ServiceRegistered
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.domain.result import service_paths
from interlock.platform.estate import layout
from interlock.platform.estate import rules as demands
from interlock.platform.facts import Facts, change, ground, health, rendering, source
from interlock.platform.facts import image as images
from interlock.platform.kinds.image.checks import ImageTextDiff
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.record import Told, image_lines

NAME = DeliveryKind("image")


class Image(Kind):
    name = NAME
    brings_source = True
    undone_anytime = True
    needs = (
        Need(change.read, "git"),
        Need(rendering.read, "git"),
        Need(source.read, "reviews"),
        Need(images.wanted, "git"),
        Need(images.read, "evidence"),
        Need(health.promoted, "evidence"),
        Need(health.read, "evidence"),
        Need(health.before, "estate"),
    )

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """The environment's values file of a service, where something below ``image`` changes in it, or where it cannot
        be read: the check of the text says what is wrong with it."""
        service = layout.service_of(file.path)
        if file.status != "modified" or service is None or file.path != layout.values(service, environment):
            return False
        return layout.image_moves(change.before.get(file.path), change.after.get(file.path), file=file.path)

    def checks(self, position: Position) -> tuple[Check, ...]:
        rules = position.environment.rules
        found: list[Check] = [ServiceRegistered(), ImageTextDiff(), rendered.RenderedDiff()]
        found += image.demanded(rules, aged=True)
        if not position.first:
            found.append(image.Promoted())
            if rules.healthy_before:
                found.append(image.HealthyBefore())
        if demands.of(position.environment, self.name).approvals:
            found.append(people.SourceAuthorsKnown())
        return tuple(found)

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        return service_paths(service, chart) if service else None

    def record(self, facts: Facts) -> Told | None:
        found, held = facts.get(images.read), facts.get(images.held)
        if found is None:
            return None
        service, where = facts.get(ground.registered).name, facts.get(ground.environment)
        tests = list(image_lines(found))
        earlier = facts.get(ground.estate).previous(where)
        if earlier is not None:
            tests.append(f"The same digest must be Synced and Healthy in {earlier.name}; the gate checks it")
        back = (
            f"Revert pull request: `interlock revert {service} --env {where.name}` goes back to {held}."
            if held
            else "First release: nothing ran before; remove it by a removal delivery."
        )
        return Told(found.reference.tag, str(held or "no image"), str(found.reference), tuple(tests), back)
