"""Deployments: carry out what `rollout` decides."""

from __future__ import annotations

from interlock.formats.kubernetes.selectors import object_selector
from interlock.local.kubernetes.acting import Actor
from interlock.local.kubernetes.api import Api
from interlock.local.kubernetes.cluster import Object
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.queue import Key, WorkQueue
from interlock.local.kubernetes.store import Change
from interlock.local.kubernetes.workloads import rollout
from interlock.local.kubernetes.workloads.owners import adopted, controller_of, reference

_DEPLOYMENTS = "apps/deployments"
_SETS = "apps/replicasets"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class DeploymentController:
    def __init__(self, api: Api) -> None:
        self._cluster = api.cluster
        self._actor = Actor(api, "deployment-controller")
        self.queue = WorkQueue("deployments", self._handle)

    def start(self) -> None:
        for item in self._cluster.store.objects(_DEPLOYMENTS):
            self.queue.add(item["metadata"]["namespace"], item["metadata"]["name"])

    def wake(self, change: Change) -> None:
        if change.resource == _DEPLOYMENTS:
            self.queue.add(change.namespace, change.name)
        elif change.resource == _SETS:
            owner = controller_of(change.object)
            if owner is not None and owner["kind"] == "Deployment":
                self.queue.add(change.namespace, owner["name"])

    async def _handle(self, key: Key) -> float | None:
        namespace, name = key
        deployment = self._cluster.store.get(_DEPLOYMENTS, namespace, name)
        if deployment is None or deployment["metadata"].get("deletionTimestamp"):
            return None
        sets = self._sets(deployment)
        new = rollout.find_new(deployment, sets)
        old = [item for item in sets if item is not new]
        deployment, new = self._numbered(deployment, new, old)
        step = rollout.plan(deployment, new, old)
        kind = self._kind("ReplicaSet")
        if step.create is not None:
            self._create(deployment, old, step.create)
        for item in (*old, *([new] if new else [])):
            target = step.scale.get(item["metadata"]["name"])
            if target is not None:
                self._actor.replace(kind, {**item, "spec": {**item["spec"], "replicas": target}})
        for item in old:
            if item["metadata"]["name"] in step.delete:
                uid = item["metadata"]["uid"]
                self._actor.delete(kind, namespace, item["metadata"]["name"], propagation="Background", uid=uid)
        return self._status(namespace, name)

    def _kind(self, name: str) -> Kind:
        kind = self._cluster.kinds.named("apps/v1", name)
        assert kind is not None  # noqa: S101 - built in
        return kind

    def _sets(self, deployment: Object) -> list[Object]:
        """The Deployment's sets; sets without an owner that its selector matches are adopted."""
        matches = object_selector(deployment["spec"]["selector"])
        found = []
        for item in self._cluster.store.objects(_SETS, deployment["metadata"]["namespace"]):
            if item["metadata"].get("deletionTimestamp"):
                continue
            owner = controller_of(item)
            if owner is None and matches(item["metadata"].get("labels") or {}):
                found.append(self._actor.replace(self._kind("ReplicaSet"), adopted(item, reference(deployment))))
            elif owner is not None and owner["uid"] == deployment["metadata"]["uid"]:
                found.append(item)
        return found

    def _numbered(self, deployment: Object, new: Object | None, old: list[Object]) -> tuple[Object, Object | None]:
        """Revision numbers: a set that becomes the new one again gets the next number."""
        if new is None:
            return deployment, None
        latest = max(map(rollout.revision, old), default=0)
        if rollout.revision(new) <= latest:
            new = self._annotated("ReplicaSet", new, str(latest + 1))
        if rollout.revision(deployment) != rollout.revision(new):
            deployment = self._annotated("Deployment", deployment, str(rollout.revision(new)))
        return deployment, new

    def _annotated(self, kind: str, obj: Object, revision: str) -> Object:
        annotations = {**(obj["metadata"].get("annotations") or {}), rollout.REVISION: revision}
        metadata = {**obj["metadata"], "annotations": annotations}
        return self._actor.replace(self._kind(kind), {**obj, "metadata": metadata})

    def _create(self, deployment: Object, old: list[Object], replicas: int) -> Object:
        spec, metadata = deployment["spec"], deployment["metadata"]
        template = spec["template"]
        digest = rollout.template_hash(template)
        labels = {**((template.get("metadata") or {}).get("labels") or {}), rollout.HASH: digest}
        kept = {name: text for name, text in (metadata.get("annotations") or {}).items() if name != _LAST_APPLIED}
        number = str(max(map(rollout.revision, old), default=0) + 1)
        selector = spec["selector"]
        matched = {**(selector.get("matchLabels") or {}), rollout.HASH: digest}
        new = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name'][:242]}-{digest}",
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {**kept, rollout.REVISION: number},
                "ownerReferences": [reference(deployment)],
            },
            "spec": {
                "replicas": replicas,
                "selector": {**selector, "matchLabels": matched},
                "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
                **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
            },
        }
        return self._actor.create(self._kind("ReplicaSet"), new)

    def _status(self, namespace: str, name: str) -> float | None:
        deployment = self._cluster.store.get(_DEPLOYMENTS, namespace, name)
        if deployment is None:
            return None
        sets = self._sets(deployment)
        new = rollout.find_new(deployment, sets)
        old = [item for item in sets if item is not new]
        status, later = rollout.status(deployment, new, old, self._cluster.now())
        if status != deployment.get("status"):
            self._actor.replace(self._kind("Deployment"), {**deployment, "status": status}, subresource="status")
        return later
