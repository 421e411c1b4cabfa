"""The steps of a removal, by what a change does: each is a delivery of its own, and each but the last can be undone."""

from __future__ import annotations

from typing import Literal

from interlock.platform.domain.change import Change
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import layout

Step = Literal["objects", "back", "application"]
"""The chart renders nothing any more, and its objects are named; that is taken back; the rest goes."""


def step(change: Change, service: ServiceName) -> Step | None:
    """None for a change that is no step."""
    status = {item.path: item.status for item in change.effect}
    if status.get(layout.application(service)) == "deleted":
        return "application"
    return {"added": "objects", "deleted": "back"}.get(status.get(layout.removal(service), ""))  # type: ignore[return-value]


def belongs(path: str, status: str, step: Step) -> bool:
    """Whether a file of the service may be changed so in that step."""
    inside = layout.in_app(path) or ""
    if step == "application":
        return status == "deleted" and not layout.is_middleware(path)
    if inside == "removal.yaml":
        return status == ("added" if step == "objects" else "deleted")
    return inside.startswith("templates/") and status == ("deleted" if step == "objects" else "added")
