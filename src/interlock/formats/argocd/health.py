"""Health of an Application from the health of its resources (argo-cd controller/health.go setApplicationHealth)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from interlock.formats.argocd import plan, tracking
from interlock.formats.kubernetes import health
from interlock.formats.kubernetes.health import Health

_SHOWN = 3
IGNORE = "argocd.argoproj.io/ignore-healthcheck"


def of_resource(live: Mapping[str, Any] | None) -> Health | None:
    """The health of one resource; a missing one is ``Missing``."""
    return Health("Missing") if live is None else health.assess(live)


def of_application(pairs: Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]) -> Health:
    """The worst health of the (target, live) pairs. Missing resources count only when nothing is live at all."""
    worst: health.Status = "Healthy"
    causes: list[str] = []
    some = some_live = False
    for target, live in pairs:
        if (target is not None and plan.skipped(target)) or (live is not None and plan.is_hook(live)):
            continue
        some = True
        if live is None:
            continue
        some_live = True
        if plan.annotations_of(live).get(IGNORE) == "true":
            continue
        found = of_resource(live)
        if found is None or (live.get("kind") == "Application" and found.status in ("Missing", "Unknown")):
            continue
        if health.worse(worst, found.status):
            worst, causes = found.status, [_cause(live)]
        elif worst == found.status != "Healthy":
            causes.append(_cause(live))
    if some and not some_live and health.worse(worst, "Missing"):
        return Health("Missing")
    return Health(worst, _message(causes))


def _cause(live: Mapping[str, Any]) -> str:
    key = tracking.key_of(live)
    kind = f"{key.group}/{key.kind}" if key.group else key.kind
    return f"{kind}:{key.namespace}/{key.name}" if key.namespace else f"{kind}:{key.name}"


def _message(causes: list[str]) -> str:
    """formatHealthCauses."""
    if not causes:
        return ""
    more = f" and {len(causes) - _SHOWN} more" if len(causes) > _SHOWN else ""
    return f"Caused by {', '.join(causes[:_SHOWN])}{more}"
