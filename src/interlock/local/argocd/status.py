"""The status of an Application as Argo CD writes it: values, conditions, history, and the patch between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from interlock.formats.argocd.automation import LastOperation

Object = dict[str, Any]

MANAGER = "argocd-controller"
"""Field manager of everything that is applied to a cluster (argo-cd common ArgoCDSSAManager)."""
STATUS_MANAGER = "argocd-application-controller"
"""Field manager of writes to Applications: upstream's comes from its user agent."""


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with seconds, as metav1.Time."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def condition(kind: str, message: str) -> Object:
    return {"type": kind, "message": message}


def with_conditions(
    old: Sequence[Mapping[str, Any]], found: Iterable[Mapping[str, Any]], evaluated: Iterable[str], now: datetime
) -> list[Object]:
    """``old`` with the types in ``evaluated`` replaced by ``found``; an unchanged condition keeps its time
    (v1alpha1/types.go SetConditions)."""
    types = set(evaluated)
    kept = [dict(item) for item in old if item.get("type") not in types]
    times = {(item.get("type"), item.get("message")): item.get("lastTransitionTime") for item in old}
    for item in found:
        since = times.get((item["type"], item["message"])) or timestamp(now)
        kept.append({**item, "lastTransitionTime": since})
    return sorted(kept, key=lambda item: (str(item["type"]), str(item["message"])))


def last_operation(status: Mapping[str, Any]) -> LastOperation | None:
    state = status.get("operationState")
    if not isinstance(state, dict):
        return None
    result = state.get("syncResult")
    sync = (state.get("operation") or {}).get("sync") or {}
    return LastOperation(
        phase=str(state.get("phase", "")),
        message=str(state.get("message", "")),
        revision=str(result.get("revision") or "") if isinstance(result, dict) else None,
        source=result.get("source") if isinstance(result, dict) else None,
        finished=read_time(state.get("finishedAt")),
        self_heals=int(sync.get("autoHealAttemptsCount") or 0),
    )


def history(old: Sequence[Mapping[str, Any]], state: Mapping[str, Any], *, limit: int, now: datetime) -> list[Object]:
    """``old`` with the row of the operation that just succeeded; the oldest rows beyond ``limit`` go."""
    result = state["syncResult"]
    row = {
        "id": int(old[-1].get("id", 0)) + 1 if old else 0,
        "revision": result["revision"],
        "source": result["source"],
        "deployStartedAt": state["startedAt"],
        "deployedAt": timestamp(now),
        "initiatedBy": dict((state.get("operation") or {}).get("initiatedBy") or {}),
    }
    rows = [*(dict(item) for item in old), row]
    return rows[-limit:] if limit else []


def images(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every container image in the pod specs of ``objects``."""
    found: set[str] = set()
    for obj in objects:
        spec = obj.get("spec") or {}
        template = spec.get("template") or {}
        job = ((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
        for pod in (spec, template.get("spec") or {}, job.get("spec") or {}):
            for group in ("initContainers", "containers"):
                containers = pod.get(group)
                if isinstance(containers, list):
                    found.update(
                        str(item["image"]) for item in containers if isinstance(item, dict) and "image" in item
                    )
    return sorted(found)


def merge_patch(old: Any, new: Any) -> Any:
    """The JSON merge patch (RFC 7396) from ``old`` to ``new``; {} when they are equal."""
    patch: Object = {}
    for name in {**old, **new}:
        if name not in new:
            patch[name] = None
        elif name not in old:
            patch[name] = new[name]
        elif isinstance(old[name], dict) and isinstance(new[name], dict):
            inner = merge_patch(old[name], new[name])
            if inner:
                patch[name] = inner
        elif old[name] != new[name]:
            patch[name] = new[name]
    return patch
