"""The Pods of TaskRuns: created before the first step, their status kept true, deleted on cancel and timeout.

`Pods.update` costs a run one request at its start and one at its end. What changes in between is posted: the latest
state only, and no step waits for it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.errors import ConflictError, NotFoundError
from interlock.formats.tekton import conditions
from interlock.formats.tekton.task import TaskSpec
from interlock.tekton.engine.logs import BOARD, Board, path_of, pod_records
from interlock.tekton.engine.logs.pod_records import PodRecord
from interlock.tekton.engine.posting import Poster
from interlock.tekton.engine.storage import Storage
from interlock.tekton.spec import pod

_REMEMBERED = 4096
_DELETED = (conditions.TASK_CANCELLED, conditions.TASK_TIMEOUT)

Key = tuple[str, str]
"""Namespace and name of a pod."""


def _plain(text: str) -> str:
    return text


@dataclass
class _Pod:
    """A pod of a run that has not ended, as it was last written."""

    object: Object
    record: PodRecord
    status: dict[str, Any]
    wanted: dict[str, Any] | None = None
    """The status to write next, if another one than ``status``."""
    gone: bool = False
    """Somebody deleted it."""
    seen: dict[str, bool] = field(default_factory=dict)
    """Container -> whether it had ended when its followers were last told of."""
    ended: list[Path] = field(default_factory=list)
    """Logs of containers whose end the next write tells."""


class Pods:
    """The pods of one engine. Any thread may call; one TaskRun's calls come one after another."""

    def __init__(
        self,
        client: KubernetesClient,
        storage: Storage,
        *,
        settings: pod.Settings,
        now: Callable[[], datetime],
        board: Board = BOARD,
    ) -> None:
        self._client = client
        self._storage = storage
        self._settings = settings
        self._now = now
        self._board = board
        self._pods: dict[Key, _Pod] = {}
        self._deleted: deque[str] = deque(maxlen=_REMEMBERED)
        """Uids of TaskRuns deleted last: a step that is still ending must not bring a pod back."""
        self._poster = Poster()

    def update(
        self,
        task_run: Object,
        spec: TaskSpec,
        steps: Sequence[Mapping[str, Any]],
        sidecars: Sequence[Mapping[str, Any]],
        *,
        retries: int,
        done: bool,
        reason: str = "",
        masked: Callable[[str], str] = _plain,
    ) -> None:
        """Make the pod of this attempt what the states say. Call it before ``status.podName`` is written.

        ``spec`` is resolved; ``reason`` is the condition's when ``done``: a cancelled or timed out run loses its pod
        unless ``keep-pod-on-cancel`` is set (pkg/reconciler/taskrun failTaskRun). Logs stay. A run that is done gets no
        pod that it did not have. Idempotent. Raises UnreachableError when a pod could not be created or finished.
        """
        key = (task_run["metadata"]["namespace"], pod.name(task_run["metadata"]["name"], retries))
        held = self._pods.get(key)
        if held is None and task_run["metadata"]["uid"] in self._deleted:
            return
        if held is None and not done:
            held = self._open(key, task_run, spec, retries, masked)
        elif held is None:
            held = self._existing(key, task_run, retries)
        if held is None:
            return
        status = self._status(held, steps, sidecars, done=done)
        self._expect(key, held, status)
        if done:
            self._finish(key, held, status, reason)
        else:
            held.wanted = status
            self._poster.post(_post(key), lambda: self._write(key, held))

    def end(self, task_run: Object, *, retries: int, reason: str) -> None:
        """The run ends without its attempt at hand, as when it is cancelled while no engine runs: nothing runs."""
        key = (task_run["metadata"]["namespace"], pod.name(task_run["metadata"]["name"], retries))
        held = self._pods.get(key) or self._existing(key, task_run, retries)
        if held is not None:
            self._finish(key, held, self._status(held, (), (), done=True), reason)

    def _status(
        self, held: _Pod, steps: Sequence[Mapping[str, Any]], sidecars: Sequence[Mapping[str, Any]], *, done: bool
    ) -> dict[str, Any]:
        now = conditions.timestamp(self._now())
        return pod.status(held.object, steps, sidecars, done=done, now=now, previous=held.wanted or held.status)

    def forget(self, task_run: Object) -> None:
        """The TaskRun was deleted; its pods go by their ownerReferences."""
        metadata = task_run["metadata"]
        namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self._deleted.append(uid)
        for key in [key for key, held in self._pods.copy().items() if held.record.task_run_uid == uid]:
            self._poster.settle(_post(key))
            held = self._pods.pop(key, None)
            if held is None:
                continue  # it ended meanwhile
            for container in held.record.containers:
                self._board.end(self._path(key, held.record, container))
        pod_records.forget(self._storage, namespace, name, uid)

    def sweep(self, alive: Collection[str]) -> None:
        """Forget the pods of TaskRuns (uids) that were deleted while no engine ran."""
        pod_records.sweep(self._storage, alive)

    def close(self) -> None:
        """Write what is pending, as far as the API answers, and stop."""
        self._poster.close()

    # Creating

    def _open(
        self, key: Key, task_run: Object, spec: TaskSpec, retries: int, masked: Callable[[str], str]
    ) -> _Pod | None:
        uid = task_run["metadata"]["uid"]
        wanted = pod.build(task_run, spec, retries=retries, settings=self._settings, masked=masked)
        made = self._create(wanted, uid)
        if made is None:
            return self._existing(key, task_run, retries)
        record = _record(made, task_run, retries)
        # A pod that is new has no log: what is there is a deleted namesake's.
        shutil.rmtree(self._path(key, record, "step-x").parent, ignore_errors=True)
        pod_records.write(self._storage, *key, record)
        return self._hold(key, _Pod(made, record, dict(made.get("status") or {})))

    def _existing(self, key: Key, task_run: Object, retries: int) -> _Pod | None:
        """The attempt's pod, made before this engine started."""
        try:
            found = self._client.get("v1", "Pod", key[1], key[0])
        except NotFoundError:
            return None
        if not _owned(found, task_run["metadata"]["uid"]):
            return None
        record = _record(found, task_run, retries)
        return self._hold(key, _Pod(found, record, dict(found.get("status") or {})))

    def _hold(self, key: Key, held: _Pod) -> _Pod:
        self._pods[key] = held
        return held

    def _create(self, wanted: Object, uid: str) -> Object | None:
        """The new pod; None when this run has it already. A namesake of a run that is gone makes way."""
        name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
        try:
            return self._client.create(wanted)
        except ConflictError:
            found = self._client.get("v1", "Pod", name, namespace)
            if _owned(found, uid):
                return None
            with contextlib.suppress(NotFoundError):
                self._client.delete("v1", "Pod", name, namespace=namespace)
            return self._client.create(wanted)

    # Writing

    def _expect(self, key: Key, held: _Pod, status: Mapping[str, Any]) -> None:
        """Followers wait for containers that have not ended, and leave when the pod says that they have."""
        for item in (*status["initContainerStatuses"], *status["containerStatuses"]):
            name, ended = item["name"], "terminated" in item["state"]
            if held.seen.get(name) is ended:
                continue
            held.seen[name] = ended
            path = self._path(key, held.record, name)
            if ended:
                held.ended.append(path)
            else:
                self._board.expect(path)

    def _path(self, key: Key, record: PodRecord, container: str) -> Path:
        return path_of(self._storage, key[0], record.task_run, container, record.retries)

    def _write(self, key: Key, held: _Pod) -> None:
        status = held.wanted or {}
        change = {name: value for name, value in status.items() if held.status.get(name) != value}
        try:
            if change and not held.gone:
                self._client.patch("v1", "Pod", key[1], {"status": change}, namespace=key[0], subresource="status")
        except NotFoundError:
            held.gone = True
        finally:
            self._release(held)
        held.status = {**held.status, **change}

    def _release(self, held: _Pod) -> None:
        while held.ended:
            self._board.end(held.ended.pop())

    def _finish(self, key: Key, held: _Pod, status: dict[str, Any], reason: str) -> None:
        self._poster.settle(_post(key))
        held.wanted = status
        held.ended += [self._path(key, held.record, name) for name in held.record.containers]
        if reason in _DELETED and not self._settings.flags.keep_pod_on_cancel:
            held.gone = True
            with contextlib.suppress(NotFoundError):
                self._client.delete("v1", "Pod", key[1], namespace=key[0])
        self._write(key, held)
        self._pods.pop(key, None)


def _post(key: Key) -> str:
    return "/".join(key)


def _owned(value: Object, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in value["metadata"].get("ownerReferences") or [])


def _record(value: Object, task_run: Object, retries: int) -> PodRecord:
    containers = [*(value["spec"].get("initContainers") or []), *value["spec"]["containers"]]
    names = tuple(item["name"] for item in containers)
    return PodRecord(task_run["metadata"]["name"], task_run["metadata"]["uid"], retries, names)
