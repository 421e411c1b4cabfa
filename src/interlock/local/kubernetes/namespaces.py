"""Namespaces and definitions that end take their content with them; a new namespace gets its standard content."""

from __future__ import annotations

from interlock.local.kubernetes import bootstrap, definitions
from interlock.local.kubernetes.acting import Actor
from interlock.local.kubernetes.api import Api
from interlock.local.kubernetes.queue import Key, WorkQueue
from interlock.local.kubernetes.store import Change

_NAMESPACES = "/namespaces"


class NamespaceController:
    """Keys are ``("namespace", name)`` and ``("resource", group/plural)`` of a definition that is gone."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._cluster = api.cluster
        self._actor = Actor(api, "namespace-controller")
        self.queue = WorkQueue("namespace controller", self._handle)

    def start(self) -> None:
        for namespace in self._cluster.store.objects(_NAMESPACES):
            self.queue.add("namespace", namespace["metadata"]["name"])
        for resource in self._cluster.store.resources():
            if self._cluster.kinds.of_resource(resource) is None:
                self.queue.add("resource", resource)

    def wake(self, change: Change) -> None:
        if change.resource == _NAMESPACES and change.type != "DELETED":
            self.queue.add("namespace", change.name)
        elif change.resource == definitions.RESOURCE and change.type == "DELETED":
            spec = change.object["spec"]
            self.queue.add("resource", f"{spec['group']}/{spec['names']['plural']}")
        elif change.type == "DELETED" and change.namespace:
            self.queue.add("namespace", change.namespace)

    async def _handle(self, key: Key) -> None:
        if key[0] == "namespace":
            self._namespace(key[1])
        else:
            self._undefined(key[1])

    def _namespace(self, name: str) -> None:
        namespace = self._cluster.store.get(_NAMESPACES, "", name)
        if namespace is None:
            return
        if not namespace["metadata"].get("deletionTimestamp"):
            for obj in bootstrap.namespace_content(self._cluster.config, name):
                bootstrap.create(self._api, obj)
            return
        left = False
        for kind in list(self._cluster.kinds.stored()):
            if not kind.namespaced:
                continue
            for obj in self._cluster.store.objects(kind.resource, name):
                metadata = obj["metadata"]
                if not metadata.get("deletionTimestamp"):
                    self._actor.delete(kind, name, metadata["name"], propagation="Background", uid=metadata["uid"])
                left = left or self._cluster.store.get(kind.resource, name, metadata["name"]) is not None
        if not left and (namespace.get("spec") or {}).get("finalizers"):
            own = self._cluster.kinds.named("v1", "Namespace")
            assert own is not None  # noqa: S101 - built in
            self._actor.replace(own, {**namespace, "spec": {}}, subresource="finalize")

    def _undefined(self, resource: str) -> None:
        """Objects of a kind that is defined no more: nobody can reach them, finalizers included."""
        if self._cluster.kinds.of_resource(resource) is not None:
            return
        with self._cluster.store.transaction():
            for obj in self._cluster.store.objects(resource):
                self._cluster.store.delete(resource, obj)
