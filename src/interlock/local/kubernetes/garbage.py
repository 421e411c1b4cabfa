"""Garbage collection: dependents go when their last owner is gone; foreground and orphan deletion."""

from __future__ import annotations

from interlock.local.kubernetes.acting import Actor
from interlock.local.kubernetes.api import Api
from interlock.local.kubernetes.cluster import Object
from interlock.local.kubernetes.queue import Key, WorkQueue
from interlock.local.kubernetes.store import Change

_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"


class GarbageCollector:
    """Keys are ``("dependents", uid)`` of an owner that is gone, and ``("owner", resource, namespace, name)``."""

    def __init__(self, api: Api) -> None:
        self._cluster = api.cluster
        self._actor = Actor(api, "generic-garbage-collector")
        self.queue = WorkQueue("garbage collector", self._handle)

    def start(self) -> None:
        """Look at every owner that is named somewhere, and at every deletion that waits."""
        for uid in self._cluster.store.owner_uids():
            self.queue.add("dependents", uid)
        for resource in self._cluster.store.resources():
            for obj in self._cluster.store.objects(resource):
                self._look(resource, obj)

    def wake(self, change: Change) -> None:
        if change.type == "DELETED":
            self.queue.add("dependents", change.object["metadata"]["uid"])
            for owner in change.object["metadata"].get("ownerReferences") or []:
                self._wake_owner(owner, change.namespace)
        else:
            self._look(change.resource, change.object)
            if change.type == "ADDED":
                for owner in change.object["metadata"].get("ownerReferences") or []:
                    self.queue.add("dependents", owner["uid"])

    def _look(self, resource: str, obj: Object) -> None:
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp") and {_FOREGROUND, _ORPHAN} & set(metadata.get("finalizers") or []):
            self.queue.add("owner", resource, metadata.get("namespace") or "", metadata["name"])

    def _wake_owner(self, reference: Object, namespace: str) -> None:
        kind = self._cluster.kinds.named(reference["apiVersion"], reference["kind"])
        if kind is not None:
            self.queue.add("owner", kind.resource, namespace if kind.namespaced else "", reference["name"])

    async def _handle(self, key: Key) -> None:
        if key[0] == "dependents":
            self._collect(key[1])
        else:
            self._finish(*key[1:])

    def _collect(self, uid: str) -> None:
        for resource, namespace, name in self._cluster.store.owned_by(uid):
            obj = self._cluster.store.get(resource, namespace, name)
            if obj is None or obj["metadata"].get("deletionTimestamp"):
                continue
            owners = obj["metadata"].get("ownerReferences") or []
            if not any(self._alive(owner, namespace) for owner in owners):
                self._delete(resource, obj, "Background")

    def _alive(self, reference: Object, namespace: str) -> bool:
        """Whether the owner exists. An owner of a kind that is not served (any more) counts as alive: unknown."""
        kind = self._cluster.kinds.named(reference["apiVersion"], reference["kind"])
        if kind is None:
            return True
        owner = self._cluster.store.get(kind.resource, namespace if kind.namespaced else "", reference["name"])
        return owner is not None and owner["metadata"]["uid"] == reference["uid"]

    def _finish(self, resource: str, namespace: str, name: str) -> None:
        owner = self._cluster.store.get(resource, namespace, name)
        if owner is None or not owner["metadata"].get("deletionTimestamp"):
            return
        uid, finalizers = owner["metadata"]["uid"], owner["metadata"].get("finalizers") or []
        dependents = [
            (kind, obj)
            for kind, *place in self._cluster.store.owned_by(uid)
            if (obj := self._cluster.store.get(kind, *place)) is not None
        ]
        if _ORPHAN in finalizers:
            for kind, obj in dependents:
                self._release(kind, obj, uid)
            self._drop(resource, owner, _ORPHAN)
        elif _FOREGROUND in finalizers:
            blocking = [(kind, obj) for kind, obj in dependents if _blocks(obj, uid)]
            for kind, obj in dependents:
                if not obj["metadata"].get("deletionTimestamp"):
                    self._delete(kind, obj, "Foreground")
            if not blocking:
                self._drop(resource, owner, _FOREGROUND)

    def _release(self, resource: str, obj: Object, uid: str) -> None:
        owners = [owner for owner in obj["metadata"]["ownerReferences"] if owner["uid"] != uid]
        metadata = {**obj["metadata"], "ownerReferences": owners}
        if not owners:
            del metadata["ownerReferences"]
        self._replace(resource, {**obj, "metadata": metadata})

    def _drop(self, resource: str, obj: Object, finalizer: str) -> None:
        left = [item for item in obj["metadata"]["finalizers"] if item != finalizer]
        metadata = {**obj["metadata"], "finalizers": left}
        if not left:
            del metadata["finalizers"]
        self._replace(resource, {**obj, "metadata": metadata})

    def _replace(self, resource: str, obj: Object) -> None:
        kind = self._cluster.kinds.of_resource(resource)
        if kind is not None:
            self._actor.replace(kind, obj)

    def _delete(self, resource: str, obj: Object, propagation: str) -> None:
        kind = self._cluster.kinds.of_resource(resource)
        if kind is not None:
            metadata = obj["metadata"]
            self._actor.delete(
                kind, metadata.get("namespace") or "", metadata["name"], propagation=propagation, uid=metadata["uid"]
            )


def _blocks(obj: Object, uid: str) -> bool:
    owners = obj["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)
