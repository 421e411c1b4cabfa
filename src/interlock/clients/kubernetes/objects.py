"""What the API hands over: objects stay plain dicts, exactly as they were read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Object = dict[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
Propagation = Literal["Background", "Foreground", "Orphan"]
PatchType = Literal["merge", "json", "strategic"]


@dataclass(frozen=True, slots=True)
class ObjectList:
    """One consistent list. ``resource_version`` is where a watch goes on from without a gap."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change. A ``BOOKMARK`` carries only ``metadata.resourceVersion``."""

    type: EventType
    object: Object

    @property
    def resource_version(self) -> str:
        return str(self.object.get("metadata", {}).get("resourceVersion", ""))


@dataclass(frozen=True, slots=True)
class Synced:
    """Said by `follow` after each complete list: everything listed has been handed over."""

    resource_version: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind: what discovery says of it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = field(default=())

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, of one object, or of an object's subresource."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "/".join(part for part in (f"{base}{scope}/{self.plural}", name, subresource) if part)


def key(obj: Object) -> tuple[str, str]:
    """``(namespace, name)``; the namespace of a cluster-scoped object is ``""``."""
    metadata = obj.get("metadata", {})
    return metadata.get("namespace", ""), metadata.get("name", "")
