"""A cluster's objects in memory, behind the interface of `KubernetesClient`: what `interlock pipeline run` acts on.

As much of the Kubernetes API as the engine uses: names that are generated, uids, resource versions, merge patches,
watches that continue after a version. No validation, no access rules, no defaults: whoever creates objects here has
checked them.
"""

from __future__ import annotations

import builtins
import itertools
import random
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from interlock.clients.kubernetes import Object, ObjectList, WatchEvent
from interlock.errors import ConflictError, NotFoundError, UnreachableError

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


@dataclass
class Cluster:
    """The objects by (kind, namespace, name), and every event in order. ``now`` and ``names`` are the outside world.

    A stored object is never changed, only replaced: what a write returns and what watches bring are the same object,
    and readers must leave it as it is. `get` and `list` give copies.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    names: random.Random = field(default_factory=random.Random)
    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    history: list[WatchEvent] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    unreachable: bool = False
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def client(self) -> MemoryClient:
        """A client of its own; closing it ends its watches and no other's."""
        return MemoryClient(self)

    def put(self, event: str, value: Object) -> Object:
        """Store (or with ``DELETED`` remove) an object and tell the watches. Hold `changed`."""
        metadata = {**value["metadata"], "resourceVersion": str(next(self._versions))}
        value = {**value, "metadata": metadata}
        key = (value["kind"], metadata.get("namespace", ""), metadata["name"])
        if event == "DELETED":
            self.objects.pop(key)
        else:
            self.objects[key] = value
        self.history.append(WatchEvent(event, value))  # type: ignore[arg-type]
        self.changed.notify_all()
        return value

    def wait(self, condition: Callable[[], Any], *, timeout: float | None = None) -> Any:
        """What ``condition`` returns as soon as that is true, tried at every change; None after ``timeout`` seconds."""
        with self.changed:
            self.changed.wait_for(condition, timeout)
            return condition() or None


class MemoryClient:
    """`KubernetesClient` as far as the engine uses it, with its errors."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        with self.cluster.changed:
            self.cluster.changed.notify_all()

    def _reach(self) -> None:
        if self.cluster.unreachable or self.closed.is_set():
            raise UnreachableError("kubernetes-unreachable", "no answer")

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Raises NotFoundError ``kubernetes-not-found``."""
        with self.cluster.changed:
            self._reach()
            return copied(self._held(kind, name, namespace))  # type: ignore[no-any-return]

    def _held(self, kind: str, name: str, namespace: str | None) -> Object:
        try:
            return self.cluster.objects[kind, namespace or "", name]
        except KeyError:
            raise NotFoundError("kubernetes-not-found", f'{kind} "{name}" not found') from None

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> ObjectList:
        """Objects of a kind; a label selector is ``a=b,c=d``."""
        wanted = dict(part.split("=", 1) for part in (label_selector or "").split(",") if part)
        with self.cluster.changed:
            self._reach()
            found = [
                copied(value)
                for (held, where, _), value in self.cluster.objects.items()
                if held == kind
                and namespace in (None, where)
                and wanted.items() <= (value["metadata"].get("labels") or {}).items()
            ]
            return ObjectList(found, str(len(self.cluster.history)))

    def watch(self, api_version: str, kind: str, **options: Any) -> MemoryWatch:
        return MemoryWatch(self, kind, int(options["resource_version"]))

    def create(self, obj: Object) -> Object:
        """Raises ConflictError ``kubernetes-already-exists``."""
        with self.cluster.changed:
            self._reach()
            value = copied(obj)
            metadata = value["metadata"]
            if not metadata.get("name"):
                suffix = "".join(self.cluster.names.choice(_SUFFIX) for _ in range(5))
                metadata["name"] = metadata.get("generateName", "") + suffix
            key = (value["kind"], metadata.get("namespace", ""), metadata["name"])
            if key in self.cluster.objects:
                raise ConflictError("kubernetes-already-exists", f'{value["kind"]} "{metadata["name"]}" already exists')
            metadata["uid"] = str(uuid.UUID(int=self.cluster.names.getrandbits(128), version=4))
            metadata["creationTimestamp"] = self.cluster.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            return self.cluster.put("ADDED", value)

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Any,
        *,
        namespace: str | None = None,
        patch_type: str = "merge",
        subresource: str | None = None,
    ) -> Object:
        """A merge patch (RFC 7386); with ``subresource="status"`` of the status alone, else of all but it."""
        with self.cluster.changed:
            self._reach()
            value = self._held(kind, name, namespace)
            wanted = {key: item for key, item in patch.items() if (key == "status") == (subresource == "status")}
            return self.cluster.put("MODIFIED", merged(value, copied(wanted)))

    def delete(
        self, api_version: str, kind: str, name: str, *, namespace: str | None = None, **options: object
    ) -> Object:
        """Remove the object and, in turn, what it owns."""
        with self.cluster.changed:
            self._reach()
            gone = self.cluster.put("DELETED", self._held(kind, name, namespace))
            for owned in self._owned(gone["metadata"]["uid"]):
                self.delete("", owned["kind"], owned["metadata"]["name"], namespace=owned["metadata"].get("namespace"))
            return gone

    def _owned(self, uid: str) -> builtins.list[Object]:
        return [
            value
            for value in self.cluster.objects.values()
            if any(owner.get("uid") == uid for owner in value["metadata"].get("ownerReferences") or [])
        ]


class MemoryWatch:
    """Events of one kind after a version, until its client is closed."""

    def __init__(self, client: MemoryClient, kind: str, position: int) -> None:
        self._client, self._kind, self._position = client, kind, position

    def __enter__(self) -> Iterator[WatchEvent]:
        return self._events()

    def __exit__(self, *_: object) -> None:
        return None

    def _events(self) -> Iterator[WatchEvent]:
        cluster, closed = self._client.cluster, self._client.closed
        while not closed.is_set():
            with cluster.changed:
                cluster.changed.wait_for(lambda: len(cluster.history) > self._position or closed.is_set())
                events = cluster.history[self._position :]
                self._position = len(cluster.history)
            yield from (event for event in events if event.object["kind"] == self._kind)


def copied(value: Any) -> Any:
    """A JSON value of one's own; several times as fast as `copy.deepcopy`, which knows more kinds of values."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def merged(value: Any, patch: Any) -> Any:
    """``value`` with a merge patch applied (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), item)
    return result
