"""Kinds of delivery: a folder each, which never import each other. To add one: its folder, and one line here.

Public interface: `classify.classify` says which kind a change is, `table.demanded` which checks it must hold, `KINDS`
and `find` what else a kind says (paths, record, inverse, links).
"""

from __future__ import annotations

from collections.abc import Iterable

from interlock.errors import UnsupportedError
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.estate import PLATFORM, layout
from interlock.platform.facts.result import paths
from interlock.platform.kinds import classify
from interlock.platform.kinds.chart import Chart
from interlock.platform.kinds.configuration import Configuration
from interlock.platform.kinds.image import Image
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.onboarding import Onboarding
from interlock.platform.kinds.platform import PlatformEdit
from interlock.platform.kinds.removal import Removal
from interlock.platform.kinds.revert import Revert

KINDS: tuple[Kind, ...] = (
    Image(),
    Onboarding(),
    Configuration(),
    Removal(),
    PlatformEdit(),
    Revert(),
    Chart(),
)

__all__ = ["KINDS", "Kind", "Need", "Position", "bound", "classify", "find", "known"]


def bound(
    name: DeliveryKind | None,
    service: ServiceName | None,
    environment: str,
    chart: str,
    changed: Iterable[str] = (),
) -> tuple[str, ...] | None:
    """The paths whose object ids an approval is bound to; None, of a restoring revert of no single service: everything.
    ``chart``: the folder of the library chart that the service renders with (`result.library`). ``changed``: paths of
    what it changes; of a delivery of the platform repo's own files the services among them count too.

    Raises UnsupportedError ``kind-unknown``.
    """
    if name is None:
        # It is refused, and people still see what it would give.
        return paths(service, environment, chart) if service else None
    own = known(name).paths(service, environment, chart)
    if own is None or service is not None or environment != PLATFORM:
        return own
    return (*own, *sorted(path for path in changed if layout.registered_service(path)))


def known(name: DeliveryKind) -> Kind:
    """The kind of what was decided. Raises UnsupportedError ``kind-unknown``."""
    found = find(name)
    if found is None:
        raise UnsupportedError(
            "kind-unknown",
            "it was delivered as a kind that this software does not know",
            got=name,
            todo="use the version of Interlock that delivered it, or a newer one",
        )
    return found


def find(name: DeliveryKind | None) -> Kind | None:
    """None for a kind that this software does not know."""
    return next((kind for kind in KINDS if kind.name == name), None)
