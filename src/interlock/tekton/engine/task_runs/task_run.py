"""One TaskRun, from object to finished status: its attempts."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from interlock.clients.kubernetes import Object
from interlock.errors import InputError, InterlockError, NotFoundError
from interlock.formats.tekton import conditions, names, task
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import parse
from interlock.local.sandbox import orphans
from interlock.local.sandbox.process import Stop
from interlock.tekton.engine import storage
from interlock.tekton.engine.services import Services, Written
from interlock.tekton.engine.task_runs import record
from interlock.tekton.engine.task_runs.attempt import Attempt
from interlock.tekton.engine.task_runs.task_plan import Refusal
from interlock.tekton.spec import versions
from interlock.tekton.spec.admission import size
from interlock.tekton.spec.runs import TaskRun

_log = logging.getLogger("interlock.tekton.engine")


class TaskRunExecution:
    """Executes one TaskRun in the calling thread. `stop` may be set from another one; ``reason`` says why."""

    def __init__(self, services: Services, value: Object, stop: Stop) -> None:
        self._services = services
        self._written = Written.of(services, value)
        self._stop = stop
        self._capabilities: str | None = None

    def execute(self) -> None:
        """Run to the end, or until the engine itself stops, which leaves the run to be resumed.

        Raises UnreachableError when the API does not answer: nothing was decided, call again.
        """
        too_large = size.problem(self._written.object) if not self._written.status else None
        if too_large is not None:
            self._finish(conditions.failed(conditions.TASK_VALIDATION_FAILED, too_large))
            return
        try:
            run = parse(TaskRun, self._written.object, what="TaskRun")
        except InputError as error:
            self._finish(conditions.failed(conditions.TASK_VALIDATION_FAILED, error.message))
            return
        if run.spec.status == "TaskRunPending" and self._services.behaviour.task_run_pending:
            pending = Condition("Unknown", conditions.TASK_PENDING, f'TaskRun "{run.metadata.name}" is pending')
            self._written.write(conditions.written(self._written.status, pending, self._services.now()))
            return
        while True:
            condition = self._attempt(run)
            if condition is None:
                return
            used = len(self._written.status.get("retriesStatus", []))
            retry = (
                condition.status == "False"
                and used < run.spec.retries
                and condition.reason != conditions.TASK_CANCELLED
            )
            if not retry:
                self._finish(self._ignored(condition))
                if condition.status == "True" and self._services.config.snapshots:
                    self._services.storage.forget_snapshots(self._written.namespace, self._written.name)
                break
            self._archive(condition)
        storage.remove(self._services.storage.run(self._written.namespace, self._written.uid))

    def _ignored(self, condition: Condition) -> Condition:
        """A failed step of a task with ``onError: continue`` is reported as ignored (updateCompletedTaskRunStatus)."""
        annotations = self._written.object["metadata"].get("annotations") or {}
        if condition.reason in versions.SPECIFIC_FAILURES and annotations.get(names.ANNOTATION_ON_ERROR) == "continue":
            return conditions.failed(conditions.FAILURE_IGNORED, condition.message)
        return condition

    def _finish(self, condition: Condition) -> None:
        """Write the last status, and before it the engine's signed record of the run."""
        now = self._services.now()
        status = {"startTime": conditions.timestamp(now), "podName": "", **self._written.status}
        status["completionTime"] = conditions.timestamp(now)
        status = conditions.written(status, self._named(condition), now)
        key = self._services.record_key
        self._written.annotate({}, record.signed(self._written.object, status, self._capabilities, key))
        self._written.write(status)

    def _named(self, condition: Condition) -> Condition:
        """The condition in the words of the version of Tekton that is asked for."""
        reason = self._services.behaviour.task_failure(condition.reason)
        message = condition.message
        before = conditions.of(self._written.status)
        ended_from_outside = condition.reason in (conditions.TASK_CANCELLED, conditions.TASK_TIMEOUT)
        if (
            ended_from_outside
            and self._services.behaviour.previous_status_in_message
            and before is not None
            and before.message
            and before.reason not in ("Started", conditions.RUNNING, conditions.TASK_PENDING)
        ):
            message += f"\nPrevious status: [{before.reason}] {before.message}"
        return Condition(condition.status, reason, message)

    def _archive(self, condition: Condition) -> None:
        """tr/taskrun.go retryTaskRun: the attempt goes to retriesStatus, and the next one starts afresh."""
        now = self._services.now()
        status = {**self._written.status, "completionTime": conditions.timestamp(now)}
        archived = conditions.written(status, self._named(condition), now)
        earlier = archived.pop("retriesStatus", [])
        kept = {key: value for key, value in archived.items() if key in ("taskSpec", "provenance")}
        again = Condition("Unknown", conditions.TO_BE_RETRIED, condition.message)
        kept |= {"podName": "", "retriesStatus": [*earlier, archived]}
        self._written.write(conditions.written(kept, again, now))

    def _attempt(self, run: TaskRun) -> Condition | None:
        """One attempt; None when the engine is stopping and the attempt is to be resumed."""
        status = self._written.status
        retries = len(status.get("retriesStatus", []))
        folder = self._services.storage.run(self._written.namespace, self._written.uid) / str(retries)
        if self._stop.reason == "cancelled" or run.spec.status == "TaskRunCancelled":
            return self._cancelled(run)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _Lock(folder / "lock") as lock:
            attempt = Attempt(self._services, self._written, run, folder, retries, self._stop, lock)
            try:
                condition = attempt.run()
            except Refusal as refusal:
                condition = conditions.failed(refusal.reason, attempt.masked(refusal.message))
                if refusal.verified is not None:
                    now = self._services.now()
                    self._written.status = conditions.added(self._written.status, refusal.verified, now)
                self._services.pods.end(self._written.object, retries=retries, reason=refusal.reason)
            except InterlockError:
                raise
            except Exception as error:
                # A fault of ours must not leave the run open for ever, nor the engine dead.
                _log.exception("TaskRun %s/%s", self._written.namespace, self._written.name)
                condition = conditions.failed(conditions.FAILED, f"a fault of interlock.local: {type(error).__name__}")
        self._capabilities = attempt.capabilities
        if condition is not None and condition.reason == conditions.TASK_CANCELLED:
            return self._cancelled(run)
        return condition

    def _cancelled(self, run: TaskRun) -> Condition:
        current = self._written.object.get("spec", {})
        try:
            message = self._services.client.get(
                task.API_VERSION, "TaskRun", self._written.name, self._written.namespace
            )["spec"].get("statusMessage", "")
        except NotFoundError:
            message = current.get("statusMessage", "")
        retries = len(self._written.status.get("retriesStatus", []))
        self._services.pods.end(self._written.object, retries=retries, reason=conditions.TASK_CANCELLED)
        text = f'TaskRun "{run.metadata.name}" was cancelled. {message}'
        return conditions.failed(conditions.TASK_CANCELLED, text)


class _Lock:
    """Held by the engine and by every sandbox of the attempt, so that a restarted engine waits for the last of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = -1

    def __enter__(self) -> int:
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # An engine that was killed while it started a sandbox could not take that one with it.
            orphans.kill_holders(self._path)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        return self.descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)
