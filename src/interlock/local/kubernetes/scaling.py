"""The scale subresource: replicas without the rest of the object (autoscaling/v1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.local.kubernetes import answers, writing
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.kinds import Kind

ChangeScale = Callable[[Object], Object]

_BUILTIN = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}


def scale_of(kind: Kind, obj: Object) -> Object:
    """The ``Scale`` of an object."""
    places = kind.scale or _BUILTIN
    selector = (obj.get("spec") or {}).get("selector") or {}
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    metadata = obj["metadata"]
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in fields if name in metadata},
        "spec": {"replicas": _at(obj, places["specReplicasPath"]) or 0},
        "status": {
            "replicas": _at(obj, places["statusReplicasPath"]) or 0,
            "selector": ",".join(f"{name}={value}" for name, value in sorted((labels or {}).items())),
        },
    }


def change(cluster: Cluster, call: Call, name: str, change_scale: ChangeScale) -> Object:
    """Write the replicas that ``change_scale`` makes of the present scale. Raises ApiError 400."""
    kind = call.kind

    def scaled(old: Object) -> Object:
        wanted = change_scale(scale_of(kind, old))
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
            raise answers.bad_request("spec.replicas: Invalid value: must be an integer of at least 0")
        version = (wanted.get("metadata") or {}).get("resourceVersion")
        metadata = {**old["metadata"], **({"resourceVersion": version} if version else {})}
        return _with({**old, "metadata": metadata}, (kind.scale or _BUILTIN)["specReplicasPath"], replicas)

    return scale_of(kind, writing.update(cluster, call, name, scaled))


def _at(obj: Any, path: str) -> Any:
    for step in path.strip(".").split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _with(obj: Object, path: str, value: Any) -> Object:
    step, _, rest = path.strip(".").partition(".")
    below = obj.get(step)
    return {**obj, step: _with(below if isinstance(below, dict) else {}, rest, value) if rest else value}
