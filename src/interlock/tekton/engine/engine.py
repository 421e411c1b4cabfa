"""The engine: watches feed one queue, one thread decides, workers execute.

Every decision reads the objects as they were last seen or written; nothing polls. An object that comes back from a
write of ours counts at once, and an older state that the watch brings later does not undo it.
"""

from __future__ import annotations

import concurrent.futures
import heapq
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from interlock.clients.kubernetes import KubernetesClient, Object, Synced, follow
from interlock.errors import InterlockError, InternalError, NotFoundError, UnreachableError
from interlock.formats.tekton import conditions
from interlock.local.sandbox import sandbox, system
from interlock.local.sandbox.forwarding import Forwarder
from interlock.local.sandbox.process import Stop
from interlock.local.sandbox.pump import Pump
from interlock.tekton.engine import storage
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.images import Images
from interlock.tekton.engine.kinds import KINDS, OPTIONAL, Kind, done, not_newer
from interlock.tekton.engine.pipeline_runs.approvals import Approvals
from interlock.tekton.engine.pipeline_runs.pipeline_run import PipelineRuns
from interlock.tekton.engine.pods import Pods
from interlock.tekton.engine.policies import Policies
from interlock.tekton.engine.posting import Poster
from interlock.tekton.engine.resolvers import Resolvers
from interlock.tekton.engine.services import Notice, Services
from interlock.tekton.engine.storage import Storage
from interlock.tekton.engine.task_runs import capabilities, record
from interlock.tekton.engine.task_runs.task_run import TaskRunExecution
from interlock.tekton.spec import pod, versions
from interlock.tekton.spec.trusted import checksum

_log = logging.getLogger("interlock.tekton.engine")
_RETRY = timedelta(seconds=1)
_WATCH_SECONDS = 60
_LOOK_SECONDS = 0.5
_LATER = timedelta(seconds=30)


@dataclass(frozen=True)
class _Event:
    """Something to look at. ``kind`` ``stop`` ends the loop; the others name an object by uid."""

    kind: Literal["PipelineRun", "TaskRun", "CustomRun", "ApprovalTask", "synced", "stop"]
    uid: str = ""


class Engine:
    """Acts on one cluster until `stop`. ``now`` is the wall clock."""

    def __init__(
        self,
        config: Config,
        client: KubernetesClient,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_breakpoint: Notice | None = None,
    ) -> None:
        self._config = config
        self._client = client
        self._now = now
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._objects: dict[Kind, dict[str, Object]] = {kind: {} for kind in KINDS}
        self._owned: dict[str, dict[str, Object]] = {}
        self._synced: set[Kind] = set()
        self._executing: dict[str, Stop] = {}
        self._alarms: list[tuple[datetime, Kind, str]] = []
        self._due: set[str] = set()
        self._looked: Object | None = None
        """The PipelineRun that is being looked at, as it was when the look began."""
        self._stopping = threading.Event()
        self.failure: InterlockError | None = None
        """Why the engine ended by itself: the API refuses its token."""
        self.ready = threading.Event()
        """Set when every object there is has been seen."""
        toolbox = capabilities.toolbox()
        store = Storage(config.data)
        store.prepare()
        view = system.build(config.data / "system", config.data, toolbox=config.toolbox)
        isolation = sandbox.probe(view, allow_weaker=config.allow_weaker_isolation, choice=config.isolation)
        _log.info("isolation: %s", isolation.level)
        self._services = Services(
            client=client,
            config=config,
            storage=store,
            isolation=isolation,
            forwarder=Forwarder(),
            images=Images.of(
                config,
                view,
                config.data / "images",
                toolbox=toolbox,
                path=os.environ.get("PATH", os.defpath),
                mounts=isolation.level != "none",
            ),
            pods=Pods(
                client,
                store,
                settings=pod.Settings(
                    executed_by=f"interlock.local.tekton, isolation {isolation.level}",
                    flags=config.flags,
                    default_timeout=config.default_timeout,
                ),
                now=now,
            ),
            poster=Poster(),
            pump=Pump(),
            resolvers=Resolvers(
                client, config.resolvers, config.data / "resolvers", checksum=checksum, names=config.names
            ),
            policies=Policies(client, config.flags),
            toolbox=toolbox,
            record_key=record.load(config.record_key),
            behaviour=versions.BEHAVIOURS[config.tekton_version],
            on_breakpoint=on_breakpoint,
            now=now,
            published=self._published,
        )
        self._pipelines = PipelineRuns(self._services, self._children, self._run)
        self._approvals = Approvals(self._services)
        self._workers = concurrent.futures.ThreadPoolExecutor(config.parallel or max(8, os.cpu_count() or 1), "taskrun")

    @property
    def services(self) -> Services:
        return self._services

    def run(self) -> None:
        """Serve until `stop`. Raises RefusedError when the API refuses the token."""
        self._services.forwarder.start()
        watchers = [
            threading.Thread(target=self._watch, args=(kind,), name=f"watch-{kind}", daemon=True) for kind in KINDS
        ]
        for watcher in watchers:
            watcher.start()
        try:
            self._loop()
        finally:
            self._stopping.set()
            self._client.close()
            with self._lock:
                stops = list(self._executing.values())
            for stop in stops:
                stop.set("engine")
            self._workers.shutdown(wait=True, cancel_futures=True)
            self._services.pods.close()
            self._services.poster.close()
            self._services.pump.close()
            self._services.forwarder.close()
            self._services.isolation.close()
            self._services.images.close()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """End `run`; running steps are killed, and count as interrupted when the engine comes back. Any thread."""
        self._stopping.set()
        self._events.put(_Event("stop"))

    def _watch(self, kind: Kind) -> None:
        while not self._stopping.is_set():
            try:
                self._follow(kind)
            except NotFoundError as error:
                # The kinds come with the cluster's bootstrap, which may still be under way.
                _log.warning("watching %s: %s", kind, error)
                if kind in OPTIONAL:
                    self._seen_all(kind)
                self._stopping.wait((_LATER if kind in OPTIONAL else _RETRY).total_seconds())
            except InterlockError as error:
                if not self._stopping.is_set():
                    _log.error("watching %s ended: %s", kind, error)
                    self.failure = error
                    self.stop()
            except Exception as error:
                # An engine that no longer sees what is asked of it must not look like one that has nothing to do.
                _log.exception("watching %s", kind)
                self.failure = InternalError("watch-failed", f"the watch of {kind} failed", got=type(error).__name__)
                self.stop()

    def _follow(self, kind: Kind) -> None:
        for event in follow(
            self._client,
            KINDS[kind],
            kind,
            namespace=self._config.namespace,
            stop=self._stopping,
            watch_seconds=_WATCH_SECONDS,
        ):
            if isinstance(event, Synced):
                self._seen_all(kind)
            elif event.type == "DELETED":
                self._deleted(kind, event.object)
            else:
                self._seen(event.object)

    def _seen_all(self, kind: Kind) -> None:
        with self._lock:
            self._synced.add(kind)
        self._events.put(_Event("synced"))

    def _seen(self, value: Object, *, told: bool = True) -> None:
        kind: Kind = value["kind"]
        uid = value["metadata"]["uid"]
        with self._lock:
            held = self._objects[kind].get(uid)
            if held is not None and not_newer(value, held):
                return
            self._objects[kind][uid] = value
            for owner in value["metadata"].get("ownerReferences") or []:
                self._owned.setdefault(owner["uid"], {})[uid] = value
        if told:
            self._events.put(_Event(kind, uid))

    def _published(self, value: Object) -> None:
        """What a write of ours returned. The status of the run that is being looked at is no reason to look again.

        Unless it is over, which concerns its owner, or somebody changed its spec meanwhile, which no watch tells us
        of any more.
        """
        looked = self._looked
        own = looked is not None and looked["metadata"]["uid"] == value["metadata"]["uid"]
        self._seen(value, told=not own or looked is None or looked["spec"] != value["spec"] or done(value))

    def _deleted(self, kind: Kind, value: Object) -> None:
        uid = value["metadata"]["uid"]
        with self._lock:
            self._objects[kind].pop(uid, None)
            self._owned.pop(uid, None)
            for owner in value["metadata"].get("ownerReferences") or []:
                self._owned.get(owner["uid"], {}).pop(uid, None)
            stop = self._executing.get(uid)
        if stop is not None:
            stop.set("cancelled")
        if kind == "PipelineRun":
            self._pipelines.forget(uid)
        elif kind == "TaskRun":
            self._services.pods.forget(value)
        self._services.storage.drop(value["metadata"]["namespace"], uid)

    def _children(self, uid: str) -> Mapping[str, Object]:
        with self._lock:
            return {value["metadata"]["name"]: value for value in self._owned.get(uid, {}).values()}

    def _run(self, namespace: str, name: str) -> Object | None:
        with self._lock:
            found = list(self._objects["PipelineRun"].values())
        wanted = (namespace, name)
        return next(
            (item for item in found if (item["metadata"]["namespace"], item["metadata"]["name"]) == wanted), None
        )

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                event = self._events.get(timeout=self._until_alarm())
            except queue.Empty:
                self._ring()
                continue
            if event.kind == "stop":
                return
            if event.kind == "synced":
                self._start_when_synced()
            elif self.ready.is_set():
                self._handle(event)

    def _start_when_synced(self) -> None:
        """Nothing is decided before everything there is has been seen: a missing TaskRun would be started twice."""
        if self.ready.is_set() or len(self._synced) < len(self._objects):
            return
        with self._lock:
            known = {kind: list(values) for kind, values in self._objects.items()}
        for namespace, uid, folder in list(self._services.storage.runs()):
            value = self._objects["TaskRun"].get(uid)
            if value is None or done(value):
                _log.info("removing what is left of TaskRun %s in %s", uid, namespace)
                storage.remove(folder)
        alive = {uid for values in known.values() for uid in values}
        self._services.pods.sweep(alive)
        for namespace, uid in self._services.storage.owners():
            if uid not in alive:
                self._services.storage.drop(namespace, uid)
        self.ready.set()
        for kind, uids in known.items():
            for uid in uids:
                self._events.put(_Event(kind, uid))

    def _handle(self, event: _Event) -> None:
        kind: Kind = event.kind  # type: ignore[assignment]
        with self._lock:
            value = self._objects[kind].get(event.uid)
        if value is None:
            return
        if kind == "PipelineRun":
            self._due.discard(event.uid)
            self._reconcile(value)
        elif kind == "TaskRun":
            self._execute(value)
        elif kind == "CustomRun":
            self._alarm(kind, value, self._approvals.reconcile)
        # What a child does before it ends changes nothing for its PipelineRun.
        if kind == "ApprovalTask" or done(value):
            for owner in value["metadata"].get("ownerReferences") or []:
                self._owner_is_due(owner)

    def _owner_is_due(self, owner: Mapping[str, str]) -> None:
        """Look at the owner after what has already come in: children that end together are judged together."""
        uid, kind = owner.get("uid", ""), owner.get("kind")
        if kind not in ("PipelineRun", "CustomRun") or uid in self._due:
            return
        with self._lock:
            run = self._objects["PipelineRun" if kind == "PipelineRun" else "CustomRun"].get(uid)
        if run is not None and not done(run):
            if kind == "PipelineRun":
                self._due.add(uid)
            self._events.put(_Event("PipelineRun" if kind == "PipelineRun" else "CustomRun", uid))

    def _reconcile(self, value: Object) -> None:
        self._looked = value
        try:
            self._alarm("PipelineRun", value, self._pipelines.reconcile)
        finally:
            self._looked = None

    def _alarm(self, kind: Kind, value: Object, reconcile: Callable[[Object], datetime | None]) -> None:
        """Act on an object, and come back to it when its time limits say so."""
        metadata = value["metadata"]
        try:
            alarm = reconcile(value)
        except UnreachableError as error:
            _log.warning("%s %s/%s: %s", kind, metadata["namespace"], metadata["name"], error)
            alarm = self._now() + _RETRY
        except NotFoundError:
            self._pipelines.forget(metadata["uid"])
            return
        except InterlockError as error:
            _log.error("%s %s/%s: %s", kind, metadata["namespace"], metadata["name"], error)
            return
        if alarm is not None and (alarm, kind, metadata["uid"]) not in self._alarms:
            heapq.heappush(self._alarms, (alarm, kind, metadata["uid"]))

    def _execute(self, value: Object) -> None:
        """Start the TaskRun in a worker, or tell the one that has it to stop."""
        uid, spec = value["metadata"]["uid"], value.get("spec", {})
        if done(value) or spec.get("managedBy") not in (None, "tekton.dev/pipeline"):
            return
        cancelled = spec.get("status") == conditions.TASK_CANCELLED
        with self._lock:
            stop = self._executing.get(uid)
            if stop is None:
                stop = self._executing[uid] = Stop()
                if cancelled:
                    stop.set("cancelled")
                self._workers.submit(self._work, uid, stop)
            elif cancelled:
                stop.set("cancelled")

    def _work(self, uid: str, stop: Stop) -> None:
        with self._lock:
            value = self._objects["TaskRun"].get(uid)
        again = False
        name = "?"
        try:
            if value is not None and not done(value) and not self._stopping.is_set():
                name = f"{value['metadata']['namespace']}/{value['metadata']['name']}"
                _log.info("TaskRun %s starts", name)
                TaskRunExecution(self._services, value, stop).execute()
                _log.info("TaskRun %s left", name)
        except UnreachableError as error:
            _log.warning("TaskRun %s: %s", name, error)
            again = not self._stopping.is_set()
        except NotFoundError as error:
            _log.info("TaskRun %s was deleted: %s", name, error)
            if value is not None:
                storage.remove(self._services.storage.run(value["metadata"]["namespace"], uid))
        except InterlockError as error:
            _log.error("TaskRun %s: %s", name, error)
        except Exception:  # nobody asks what became of this future
            _log.exception("TaskRun %s", name)
        finally:
            with self._lock:
                self._executing.pop(uid, None)
            stop.close()
        if again:
            self._stopping.wait(_RETRY.total_seconds())
            self._events.put(_Event("TaskRun", uid))

    def _until_alarm(self) -> float:
        """Never for long: a signal that stops us may wake another thread (see `process.wait_for`)."""
        if not self._alarms:
            return _LOOK_SECONDS
        return min(_LOOK_SECONDS, max(0.0, (self._alarms[0][0] - self._now()).total_seconds()) + 0.01)

    def _ring(self) -> None:
        now = self._now()
        while self._alarms and self._alarms[0][0] <= now:
            _, kind, uid = heapq.heappop(self._alarms)
            self._events.put(_Event(kind, uid))
