"""ReplicaSets: as many pods as asked for (pkg/controller/replicaset)."""

from __future__ import annotations

from datetime import datetime, timedelta

from interlock.formats.kubernetes.selectors import object_selector
from interlock.local.kubernetes.acting import Actor
from interlock.local.kubernetes.answers import ApiError
from interlock.local.kubernetes.api import Api
from interlock.local.kubernetes.cluster import Object
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.queue import Key, WorkQueue
from interlock.local.kubernetes.store import Change
from interlock.local.kubernetes.workloads import SIMULATED
from interlock.local.kubernetes.workloads.owners import adopted, controller_of, reference

_SETS = "apps/replicasets"
_PODS = "/pods"


class ReplicaSetController:
    def __init__(self, api: Api) -> None:
        self._cluster = api.cluster
        self._actor = Actor(api, "replicaset-controller")
        self.queue = WorkQueue("replica sets", self._handle)

    def start(self) -> None:
        for item in self._cluster.store.objects(_SETS):
            self.queue.add(item["metadata"]["namespace"], item["metadata"]["name"])

    def wake(self, change: Change) -> None:
        if change.resource == _SETS:
            self.queue.add(change.namespace, change.name)
        elif change.resource == _PODS:
            owner = controller_of(change.object)
            if owner is not None and owner["kind"] == "ReplicaSet":
                self.queue.add(change.namespace, owner["name"])
            elif owner is None:
                for item in self._cluster.store.objects(_SETS, change.namespace):
                    if object_selector(item["spec"]["selector"])(change.object["metadata"].get("labels") or {}):
                        self.queue.add(change.namespace, item["metadata"]["name"])

    async def _handle(self, key: Key) -> float | None:
        namespace, name = key
        found = self._cluster.store.get(_SETS, namespace, name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        pods = self._pods(found)
        failure = ""
        try:
            self._scale(found, pods)
        except ApiError as error:
            failure = str(error)
        pods = self._pods(found)
        status, later = status_of(found, pods, self._cluster.now(), failure)
        if status != found.get("status"):
            self._actor.replace(self._kind("apps/v1", "ReplicaSet"), {**found, "status": status}, subresource="status")
        if failure:
            raise RuntimeError(failure)
        return later

    def _kind(self, api_version: str, name: str) -> Kind:
        kind = self._cluster.kinds.named(api_version, name)
        assert kind is not None  # noqa: S101 - built in
        return kind

    def _pods(self, owner: Object) -> list[Object]:
        """The set's living pods; pods without an owner that its selector matches are adopted."""
        matches = object_selector(owner["spec"]["selector"])
        pods = []
        for pod in self._cluster.store.objects(_PODS, owner["metadata"]["namespace"]):
            if pod["metadata"].get("deletionTimestamp"):
                continue
            controller = controller_of(pod)
            if controller is None and matches(pod["metadata"].get("labels") or {}):
                pod = self._actor.replace(self._kind("v1", "Pod"), adopted(pod, reference(owner)))
                pods.append(pod)
            elif controller is not None and controller["uid"] == owner["metadata"]["uid"]:
                pods.append(pod)
        return pods

    def _scale(self, owner: Object, pods: list[Object]) -> None:
        kind, wanted = self._kind("v1", "Pod"), owner["spec"].get("replicas", 1)
        for _ in range(wanted - len(pods)):
            self._actor.create(kind, pod_of(owner))
        for pod in sorted(pods, key=_first_to_go)[: max(0, len(pods) - wanted)]:
            metadata = pod["metadata"]
            self._actor.delete(
                kind, metadata["namespace"], metadata["name"], propagation="Background", uid=metadata["uid"]
            )


def pod_of(owner: Object) -> Object:
    """A pod from a set's template."""
    template = owner["spec"]["template"]
    metadata = template.get("metadata") or {}
    kept = {name: metadata[name] for name in ("labels", "finalizers") if metadata.get(name)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **kept,
            "annotations": {**(metadata.get("annotations") or {}), SIMULATED: "true"},
            "generateName": f"{owner['metadata']['name']}-",
            "namespace": owner["metadata"]["namespace"],
            "ownerReferences": [reference(owner)],
        },
        "spec": template["spec"],
    }


def ready_since(pod: Object) -> datetime | None:
    """Since when a pod is Ready; None when it is not."""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready" and condition["status"] == "True":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None


def _first_to_go(pod: Object) -> tuple[bool, str]:
    """Pods that are not ready go before ready ones."""
    return ready_since(pod) is not None, pod["metadata"]["name"]


def status_of(owner: Object, pods: list[Object], now: datetime, failure: str) -> tuple[Object, float | None]:
    """The set's status, and after how many seconds a ready pod will count as available (minReadySeconds)."""
    least = timedelta(seconds=owner["spec"].get("minReadySeconds") or 0)
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    since = [moment for pod in pods if (moment := ready_since(pod)) is not None]
    available = [moment for moment in since if moment + least <= now]
    later = [(moment + least - now).total_seconds() for moment in since if moment + least > now]
    status: Object = {"replicas": len(pods), "observedGeneration": owner["metadata"].get("generation", 1)}
    status["fullyLabeledReplicas"] = sum(
        1 for pod in pods if labels.items() <= (pod["metadata"].get("labels") or {}).items()
    )
    status["readyReplicas"] = len(since)
    status["availableReplicas"] = len(available)
    counted = {name: value for name, value in status.items() if value or name in ("replicas", "observedGeneration")}
    if failure:
        old: Object = next(iter((owner.get("status") or {}).get("conditions") or []), {})
        counted["conditions"] = [
            {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": failure,
                "lastTransitionTime": old.get("lastTransitionTime", now.strftime("%Y-%m-%dT%H:%M:%SZ")),
            }
        ]
    return counted, min(later) if later else None
