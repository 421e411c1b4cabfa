"""Which Application an object belongs to: the tracking annotation (argo-cd util/argo/resource_tracking.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.formats.kubernetes.comparison import group_of

ANNOTATION = "argocd.argoproj.io/tracking-id"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What identifies an object in a cluster across versions (gitops-engine kube.ResourceKey)."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}/{self.kind}/{self.namespace}/{self.name}"


def key_of(obj: Mapping[str, Any]) -> Key:
    metadata = obj.get("metadata") or {}
    return Key(
        group_of(obj), str(obj.get("kind", "")), str(metadata.get("namespace") or ""), str(metadata.get("name", ""))
    )


@dataclass(frozen=True, slots=True)
class TrackingId:
    """``<app>:<group>/<kind>:<namespace>/<name>``; a cluster-scoped object carries the app's destination namespace."""

    application: str
    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.application}:{self.group}/{self.kind}:{self.namespace}/{self.name}"

    def refers_to(self, obj: Mapping[str, Any]) -> bool:
        """Whether the annotation was made for ``obj`` itself and not copied from another object
        (controller/state.go isSelfReferencedObj)."""
        key = key_of(obj)
        same = (self.group, self.kind, self.name) == (key.group, key.kind, key.name)
        return same and (not key.namespace or key.namespace == self.namespace)


def parse(text: str) -> TrackingId | None:
    """None for what is no tracking id."""
    parts = text.split(":")
    if len(parts) < 3:
        return None
    # Names of RBAC objects may contain colons.
    application, kind, name = parts[0], parts[1], ":".join(parts[2:])
    if kind.count("/") != 1 or "/" not in name:
        return None
    group, kind = kind.split("/")
    namespace, name = name.split("/", 1)
    return TrackingId(application, group, kind, namespace, name)


def of(obj: Mapping[str, Any]) -> TrackingId | None:
    """The tracking id that ``obj`` carries."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return parse(str(annotations.get(ANNOTATION, "")))


def tracked(obj: dict[str, Any], application: str, namespace: str) -> dict[str, Any]:
    """``obj`` with the annotation of ``application``; ``namespace`` is the destination's."""
    key = key_of(obj)
    tracking = TrackingId(application, key.group, key.kind, key.namespace or namespace, key.name)
    metadata = dict(obj.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: str(tracking)}
    return {**obj, "metadata": metadata}


def owner(obj: Mapping[str, Any]) -> str | None:
    """The Application whose tracking id refers to ``obj`` itself; None when there is none."""
    tracking = of(obj)
    return tracking.application if tracking is not None and tracking.refers_to(obj) else None
