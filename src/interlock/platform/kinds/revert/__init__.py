"""Kind ``revert``: goes back from a service's newest delivery to what was sealed before it, or restores what is sealed.

It claims no paths: a branch ``revert/...`` asks for it, and it is one where it is exactly that (`reading.read`). The
inverse of anything else is judged as what it delivers.
"""

from __future__ import annotations

from interlock.platform.checks import Check, image
from interlock.platform.checks.pull import ServiceRegistered
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.domain.result import registry_paths, service_paths
from interlock.platform.estate import PLATFORM
from interlock.platform.facts import Facts, change, ground, revert
from interlock.platform.facts import image as images
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.record import Told, image_lines
from interlock.platform.kinds.revert.checks import RevertExact, RevertKeepsWorkload, RevertNewest

NAME = DeliveryKind("revert")


class Revert(Kind):
    name = NAME
    needs = (
        Need(change.read, "git"),
        Need(revert.read, "git"),
        Need(images.wanted, "git"),
        Need(images.read, "evidence"),
    )

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        return False

    def checks(self, position: Position) -> tuple[Check, ...]:
        if position.restores:
            return (RevertExact(),)
        own: tuple[Check, ...] = (ServiceRegistered(), RevertExact(), RevertNewest(), RevertKeepsWorkload())
        return own + tuple(image.demanded(position.environment.rules, aged=False))

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        if service is None:
            return None
        return registry_paths(service) if environment == PLATFORM else service_paths(service, chart)

    def record(self, facts: Facts) -> Told | None:
        found, held = facts.get(images.read), facts.get(images.held)
        if found is None:
            return None
        service, where = facts.get(ground.registered).name, facts.get(ground.environment).name
        back = f"Revert pull request: `interlock revert {service} --env {where}` goes back to {held}."
        return Told(found.reference.tag, str(held or "no image"), str(found.reference), image_lines(found), back)
