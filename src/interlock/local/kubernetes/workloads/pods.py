"""Pods: Running once their images are there, waiting with ImagePullBackOff until then."""

from __future__ import annotations

import asyncio

from interlock.local.kubernetes.acting import Actor
from interlock.local.kubernetes.api import Api
from interlock.local.kubernetes.cluster import Object
from interlock.local.kubernetes.queue import Key, WorkQueue
from interlock.local.kubernetes.store import Change
from interlock.local.kubernetes.workloads import MESSAGE, REASON, SIMULATED
from interlock.local.kubernetes.workloads.images import Absent, Check, Present

_PODS = "/pods"
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_WORKERS = 4


class PodController:
    """Pods of ReplicaSets and pods on their own; one that another controller owns, or a node has, is left to it."""

    def __init__(self, api: Api, check: Check) -> None:
        self._cluster = api.cluster
        self._actor = Actor(api, "kubelet")
        self._check = check
        self._attempts: dict[str, int] = {}
        self.queue = WorkQueue("pods", self._handle, workers=_WORKERS)

    def start(self) -> None:
        for pod in self._cluster.store.objects(_PODS):
            self.queue.add(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def wake(self, change: Change) -> None:
        if change.resource != _PODS:
            return
        if change.type == "DELETED":
            self._attempts.pop(change.object["metadata"]["uid"], None)
        elif not _waits(change.object):
            self.queue.add(change.namespace, change.name)

    async def _handle(self, key: Key) -> float | None:
        namespace, name = key
        pod = self._cluster.store.get(_PODS, namespace, name)
        if pod is None or not _ours(pod) or pod["metadata"].get("deletionTimestamp") or _settled(pod):
            return None
        found = [await asyncio.to_thread(self._check, item["image"]) for item in _containers(pod)]
        self._write(namespace, name, pod, found)
        uid = pod["metadata"]["uid"]
        if all(isinstance(item, Present) for item in found):
            self._attempts.pop(uid, None)
            return None
        attempt = self._attempts[uid] = self._attempts.get(uid, 0) + 1
        return float(min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT))

    def _write(self, namespace: str, name: str, seen: Object, found: list[Present | Absent]) -> None:
        pod = self._cluster.store.get(_PODS, namespace, name)
        if pod is None or pod["metadata"]["uid"] != seen["metadata"]["uid"] or _images(pod) != _images(seen):
            return  # it changed while the registry was asked: the change has woken us already
        kind = self._cluster.kinds.named("v1", "Pod")
        assert kind is not None  # noqa: S101 - built in
        annotations = pod["metadata"].get("annotations") or {}
        if SIMULATED not in annotations:
            metadata = {**pod["metadata"], "annotations": {**annotations, SIMULATED: "true"}}
            pod = self._actor.replace(kind, {**pod, "metadata": metadata})
        status = status_of(pod, found, self._cluster.timestamp())
        if status != pod.get("status"):
            self._actor.replace(kind, {**pod, "status": status}, subresource="status")


def status_of(pod: Object, found: list[Present | Absent], now: str) -> Object:
    """The status of a pod of whose containers ``found`` tells the images."""
    before = pod.get("status") or {}
    ready = all(isinstance(item, Present) for item in found)
    conditions = [
        _condition(before, "PodScheduled", "True", REASON, "there is no node", now),
        _condition(before, "Initialized", "True", REASON, MESSAGE, now)
        if ready
        else _condition(before, "Initialized", "True", "", "", now),
    ]
    absent = [item["name"] for item, result in zip(_containers(pod), found, strict=True) if isinstance(result, Absent)]
    for name in ("ContainersReady", "Ready"):
        if ready:
            conditions.append(_condition(before, name, "True", REASON, MESSAGE, now))
        else:
            text = f"containers with unready status: [{' '.join(absent)}]"
            conditions.append(_condition(before, name, "False", "ContainersNotReady", text, now))
    status: Object = {
        "phase": "Running" if ready else "Pending",
        "qosClass": before.get("qosClass", "BestEffort"),
        "conditions": conditions,
        "startTime": before.get("startTime", now),
        "containerStatuses": [
            _container(before, item, result, now) for item, result in zip(_containers(pod), found, strict=True)
        ],
    }
    if ready:
        status["message"] = MESSAGE
    return status


def _container(before: Object, container: Object, found: Present | Absent, now: str) -> Object:
    name, image = container["name"], container["image"]
    status: Object = {"name": name, "image": image, "restartCount": 0, "lastState": {}}
    if isinstance(found, Absent):
        message = f'Back-off pulling image "{image}": {found.message}'
        waiting = {"reason": "ImagePullBackOff", "message": message}
        return {**status, "imageID": "", "ready": False, "started": False, "state": {"waiting": waiting}}
    old: Object = next((item for item in before.get("containerStatuses") or [] if item["name"] == name), {})
    running = (old.get("state") or {}).get("running") or {"startedAt": now}
    return {**status, "imageID": found.image_id, "ready": True, "started": True, "state": {"running": running}}


def _condition(before: Object, name: str, value: str, reason: str, message: str, now: str) -> Object:
    old: Object = next((item for item in before.get("conditions") or [] if item["type"] == name), {})
    since = old["lastTransitionTime"] if old.get("status") == value else now
    condition: Object = {"type": name, "status": value, "lastProbeTime": None, "lastTransitionTime": since}
    return {**condition, **{key: text for key, text in (("reason", reason), ("message", message)) if text}}


def _containers(pod: Object) -> list[Object]:
    return list(pod["spec"].get("containers") or [])


def _images(pod: Object) -> list[str]:
    return [item["image"] for item in _containers(pod)]


def _ours(pod: Object) -> bool:
    if pod["spec"].get("nodeName"):
        return False  # there is no node here: the one that is named runs it, and reports
    owners = pod["metadata"].get("ownerReferences") or []
    controller = next((owner for owner in owners if owner.get("controller")), None)
    return controller is None or controller["kind"] == "ReplicaSet"


def _settled(pod: Object) -> bool:
    """Whether the status speaks of these images and says that all are there."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    seen = {item["name"]: (item["image"], item.get("ready")) for item in statuses}
    return bool(statuses) and all(seen.get(item["name"]) == (item["image"], True) for item in _containers(pod))


def _waits(pod: Object) -> bool:
    """Whether the status speaks of these images and a recheck is timed."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return bool(statuses) and [item["image"] for item in statuses] == _images(pod)
