"""Runs from files, with no other engine started: an engine on a cluster in memory, its state below one folder.

The folder holds the objects as they ended (``objects.json``, without Secrets) and the engine's settings, so that a run
can be repeated from where it failed.
"""

from __future__ import annotations

import json
import os
import queue
import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from interlock.clients import files
from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.errors import NotFoundError
from interlock.formats.tekton import conditions, names
from interlock.tekton.engine import memory
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine
from interlock.tekton.engine.logs import BOARD, path_of
from interlock.tekton.engine.logs import reading as log_reading
from interlock.tekton.engine.services import Notice
from interlock.tekton.spec.invocation import NAMESPACE, Folder, Invocation, claim_of

OBJECTS = "objects.json"
SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a step's or sidecar's log, without its end; ``task`` is the PipelineTask, or the TaskRun alone."""

    task: str
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A PipelineRun, TaskRun or CustomRun as it is now."""

    object: Object


@dataclass
class Session:
    """A context: the engine runs inside. `events` tells what happens until all runs are done."""

    config: Config
    invocation: Invocation
    on_breakpoint: Notice | None = None
    cluster: memory.Cluster = field(default_factory=memory.Cluster)
    before_start: Callable[[memory.MemoryClient, Sequence[Object]], None] | None = None
    """Called with the runs, created and not yet seen by the engine."""

    def __enter__(self) -> Session:
        self._client = self.cluster.client()
        self._queue: queue.SimpleQueue[Line | Changed | None] = queue.SimpleQueue()
        self._followed: dict[tuple[str, str, int], threading.Thread] = {}
        # The in-memory client has the interface of the other, as far as the engine uses it.
        client = cast(KubernetesClient, self.cluster.client())
        self._engine = Engine(self.config, client, on_breakpoint=self.on_breakpoint)
        for value in self.invocation.objects:
            self._client.create(value)
        for folder in self.invocation.folders:
            self._bind(folder)
        self.runs = [self._client.create(value) for value in self.invocation.runs]
        if self.before_start is not None:
            self.before_start(self._client, self.runs)
        self._thread = threading.Thread(target=self._engine.run, name="engine")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.stop()
        self._thread.join()
        for follower in self._followed.values():
            follower.join()
        self._save()

    def _bind(self, folder: Folder) -> None:
        """A claim whose folder is one of this machine's."""
        path = Path(folder.path).resolve()
        if not path.is_dir():
            raise NotFoundError("workspace-folder", f"no folder for workspace {folder.workspace}", where=folder.path)
        place = self._engine.services.storage.root / "volumes" / NAMESPACE / claim_of(folder.workspace)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(path)

    def events(self) -> Iterator[Line | Changed]:
        """Log lines as they are written and objects as they change, until every run has ended and all is told."""
        watcher = threading.Thread(target=self._watch, name="events", daemon=True)
        watcher.start()
        while (event := self._queue.get()) is not None:
            yield event
        watcher.join()

    def cancel(self) -> None:
        """Ask every run to end (spec.status)."""
        for run in self.runs:
            word = conditions.TASK_CANCELLED if run["kind"] == "TaskRun" else conditions.CANCELLED
            metadata = run["metadata"]
            self._client.patch("", run["kind"], metadata["name"], {"spec": {"status": word}}, namespace=NAMESPACE)

    def finished(self) -> list[Object]:
        """The runs as they are now."""
        return [self._client.get("", run["kind"], run["metadata"]["name"], NAMESPACE) for run in self.runs]

    def objects(self, kind: str) -> list[Object]:
        return list(self._client.list("", kind, namespace=NAMESPACE).items)

    def _watch(self) -> None:
        told = 0
        while True:
            with self.cluster.changed:
                while len(self.cluster.history) == told:
                    self.cluster.changed.wait()
                events = self.cluster.history[told:]
                told = len(self.cluster.history)
            for event in events:
                if event.object["kind"] in ("PipelineRun", "TaskRun", "CustomRun") and event.type != "DELETED":
                    self._follow_logs(event.object)
                    self._queue.put(Changed(event.object))
            if all(_done(run) for run in self.finished()):
                break
        for follower in list(self._followed.values()):
            follower.join()
        self._queue.put(None)

    def _follow_logs(self, value: Object) -> None:
        status = value.get("status") or {}
        if value["kind"] != "TaskRun" or not status.get("podName"):
            return
        retries = len(status.get("retriesStatus") or [])
        for state in [*(status.get("steps") or []), *(status.get("sidecars") or [])]:
            key = (value["metadata"]["name"], state["container"], retries)
            if key not in self._followed and "waiting" not in state:
                follower = threading.Thread(target=self._follow, args=(value, *key), daemon=True)
                self._followed[key] = follower
                follower.start()

    def _follow(self, value: Object, task_run: str, container: str, retries: int) -> None:
        labels = value["metadata"].get("labels") or {}
        task = labels.get(names.LABEL_PIPELINE_TASK, task_run)
        path = path_of(self._engine.services.storage, NAMESPACE, task_run, container, retries)
        left = ""
        for chunk in log_reading.read(path, log_reading.Options(follow=True), _wait, board=BOARD):
            *lines, left = (left + chunk.decode("utf-8", "replace")).split("\n")
            for line in lines:
                self._queue.put(Line(task, container.partition("-")[2] or container, line))
        if left:
            self._queue.put(Line(task, container.partition("-")[2] or container, left))

    def _save(self) -> None:
        with self.cluster.changed:
            kept = [value for value in self.cluster.objects.values() if value["kind"] != "Secret"]
        files.write_durably(self.config.data / OBJECTS, json.dumps(kept), mode=0o600)
        settings = self.config.model_dump(mode="json", by_alias=True)
        files.write_durably(self.config.data / SETTINGS, json.dumps(settings), mode=0o600)


def _wait(descriptor: int) -> bool:
    """Until there may be more of a log; the reader never leaves."""
    select.select([descriptor], [], [])
    return False


def _done(value: Mapping[str, Any]) -> bool:
    condition = conditions.of(value.get("status"))
    return condition is not None and condition.done


def runs_folder() -> Path:
    """Where runs from files keep their state: $INTERLOCK_PIPELINES, else below the user's state folder."""
    if chosen := os.environ.get("INTERLOCK_PIPELINES"):
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "interlock" / "pipelines"
