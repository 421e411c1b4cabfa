"""One attempt of a TaskRun: its plan, its steps, its results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from interlock.errors import InterlockError, UnreachableError
from interlock.formats.tekton import conditions, durations, names, pod, results, task
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.runs import TaskRun
from interlock.local.tekton import capabilities, process, step_view, storage, task_plan
from interlock.local.tekton.journal import Journal
from interlock.local.tekton.logs import LogWriter, path_of
from interlock.local.tekton.process import Stop
from interlock.local.tekton.services import Services, Written
from interlock.local.tekton.task_plan import Plan, Refusal

_MOST_READ = 1 << 20
_CONFIG_PROBLEM = "Failed to create pod due to config error: "


class Attempt:
    """One attempt of a TaskRun: its plan, its steps, its results."""

    def __init__(
        self, services: Services, written: Written, run: TaskRun, folder: Path, retries: int, stop: Stop, lock: int
    ) -> None:
        self._services = services
        self._written = written
        self._run = run
        self._folder = folder
        self._retries = retries
        self._stop = stop
        self._lock = lock
        self._journal = Journal.open(folder / "journal.jsonl")
        self._plan: Plan | None = None
        self._states: list[dict[str, Any]] = []
        self._tools: list[Mapping[str, str]] = [services.toolbox]

    @property
    def plan(self) -> Plan:
        assert self._plan is not None  # noqa: S101 - set by the first statements of run()
        return self._plan

    def masked(self, text: str) -> str:
        return self._plan.masker.text(text) if self._plan is not None else text

    def run(self) -> Condition | None:
        prepared = self._journal.of("prepared")
        resolved = parse(task.TaskSpec, prepared[0]["taskSpec"]) if prepared else None
        origin = task_plan.source(self._services, self._run)
        self._plan = task_plan.build(
            self._services, self._run, origin, folder=self._folder, retries=self._retries, resolved=resolved
        )
        step_view.prepare(self.plan, self._folder)
        if not prepared:
            self._journal.write({"event": "prepared", "taskSpec": self.plan.spec.to_object()})
        self._annotate()
        self._states = [self._waiting(container, step) for _, container, step in self.plan.steps]
        for entry in self._journal.of("step-finished"):
            self._states[entry["step"]] = entry["state"]
        for index, state in enumerate(self._states):
            if "waiting" in state and index != self._journal.interrupted:
                self._states[index] = self._running(index)
                break
        self._pod()
        status = {
            **self._written.status,
            "podName": pod.name(self._run.metadata.name, self._retries),
            "steps": list(self._states),
            "taskSpec": self.plan.spec.to_object(),
            "provenance": {"featureFlags": self._services.config.flags.to_status()},
        }
        status.setdefault("startTime", conditions.timestamp(self._services.now()))
        self._written.write(conditions.written(status, conditions.TASK_RUNNING, self._services.now()))
        condition = self._steps()
        if condition is None:
            return None
        self._pod(done=True, reason=condition.reason)
        return self._with_results(condition)

    def _pod(self, *, done: bool = False, reason: str = "") -> None:
        """The pod as the steps are now. Raises Refusal where the API refuses it (taskrun.go handlePodCreationError)."""
        try:
            self._services.pods.update(
                self._written.object,
                self.plan.spec,
                self._states,
                (),
                retries=self._retries,
                done=done,
                reason=reason,
                masked=self.masked,
            )
        except UnreachableError:
            raise
        except InterlockError as error:
            ref = self._run.spec.task_ref
            task_name = ref.name if ref is not None else ""
            maybe = (
                f"missing or invalid Task {self._written.namespace}/{task_name}" if task_name else "invalid TaskSpec"
            )
            message = f'failed to create task run pod "{self._written.name}": {error.message}. Maybe {maybe}'
            raise Refusal("PodCreationFailed", message) from error

    def _annotate(self) -> None:
        plan = self.plan
        text = capabilities.annotation(
            level=self._services.isolation.level,
            network=plan.network,
            images=plan.executors,
            tools=self._tools,
            not_enforced=plan.not_enforced,
        )
        own = self._written.object["metadata"]
        labels = {**plan.source.labels, names.LABEL_MANAGED_BY: "tekton-pipelines"}
        labels = {
            key: value
            for key, value in labels.items()
            if key not in (own.get("labels") or {}) or key == names.LABEL_TASK
        }
        annotations = {
            key: value
            for key, value in plan.source.annotations.items()
            if key not in (own.get("annotations") or {}) and key != names.ANNOTATION_LAST_APPLIED
        }
        self._written.annotate(labels, {**annotations, names.ANNOTATION_CAPABILITIES: text})

    def _deadline(self) -> datetime | None:
        limit = self._limit()
        started = conditions.moment(self._written.status["startTime"])
        return started + limit if limit else None

    def _limit(self) -> timedelta:
        """``spec.timeout``, else the default; zero is none."""
        given = self._run.spec.timeout
        return durations.parse(given if given is not None else self._services.config.default_timeout)

    def _steps(self) -> Condition | None:
        failure: Condition | None = None
        finished = {entry["step"] for entry in self._journal.of("step-finished")}
        interrupted = self._journal.interrupted
        for index, container, _ in self.plan.steps:
            if index in finished:
                failure = failure or self._failure(index)
                continue
            if failure is not None:
                self._record(index, self._ended(index, 1, "Error", "Skipped"), durable=False)
                continue
            if index == interrupted:
                message = (
                    f'"{container}" was interrupted: the engine was stopped while it ran, and what it did is unknown'
                )
                failure = conditions.failed(conditions.INTERRUPTED, message)
                self._record(index, self._ended(index, 1, "Error", "Interrupted"), durable=True)
                continue
            stopped = self._over()
            if stopped is not None:
                return self._terminated(stopped)
            outcome = self._step(index)
            if outcome is None:
                return None
            if outcome.done:
                failure = outcome if outcome.reason == conditions.STEP_FAILED else None
                if failure is None:
                    return self._terminated(outcome)
        return failure or conditions.TASK_SUCCEEDED

    def _failure(self, index: int) -> Condition | None:
        """The condition that a finished, failed step of a resumed attempt means."""
        state = self._states[index]
        code, ending = state["terminated"]["exitCode"], state.get("terminationReason")
        if code == 0 or ending == "Continued":
            return None
        return conditions.failed(conditions.STEP_FAILED, self._step_message(index, code, ending))

    def _step_message(self, index: int, code: int, ending: str | None) -> str:
        container = self.plan.steps[index][1]
        if ending == "TimeoutExceeded":
            return conditions.step_timeout(container)
        return conditions.step_failure(container, code)

    def _over(self) -> Condition | None:
        """Whether the attempt must end before its next step; an Unknown condition means the engine is stopping."""
        if self._stop.reason == "cancelled":
            return conditions.failed(conditions.TASK_CANCELLED, "")
        if self._stop.reason is not None:
            return Condition("Unknown", conditions.RUNNING, "")
        deadline = self._deadline()
        if deadline is not None and self._services.now() >= deadline:
            return self._timed_out()
        return None

    def _timed_out(self) -> Condition:
        limit = durations.text(self._limit())
        return conditions.failed(
            conditions.TASK_TIMEOUT, f'TaskRun "{self._run.metadata.name}" failed to finish within "{limit}"'
        )

    def _terminated(self, condition: Condition) -> Condition | None:
        """The attempt ends in the middle: every step that has not ended is marked (terminateStepsInPod)."""
        if not condition.done:
            return None
        for index, state in enumerate(self._states):
            if "terminated" not in state:
                name = state["name"]
                message = f"Step {name} terminated as pod {self._run.metadata.name}-pod is terminated"
                ended = self._ended(index, 1, condition.reason, condition.reason)
                ended["terminated"]["message"] = message
                self._record(index, ended, durable=False)
        return condition

    def _step(self, index: int) -> Condition | None:
        """Run one step. An Unknown condition: go on; None: the engine is stopping."""
        _, container, step = self.plan.steps[index]
        if "running" not in self._states[index]:
            self._states[index] = self._running(index)
        self._written.write({**self._written.status, "steps": list(self._states)})
        self._pod()
        deadline = self._deadline()
        own = durations.parse(step.timeout) if step.timeout else None
        left = None if deadline is None else deadline - self._services.now()
        limit = min((item for item in (own, left) if item), default=None)
        by_step = own is not None and limit == own
        try:
            view = step_view.view(
                self._services, self.plan, self._folder, index, hostname=f"{self._run.metadata.name}-pod"
            )
        except InterlockError as error:
            raise Refusal(
                conditions.CONFIG_ERROR, f"Failed to create pod due to config error: {error.message}"
            ) from error
        self._journal.write({"event": "step-started", "step": index})
        log_path = path_of(
            self._services.storage, self._written.namespace, self._written.name, container, self._retries
        )
        with LogWriter(log_path) as log:
            log.write(self._first_line(container, step).encode())
            seconds = None if limit is None else limit.total_seconds()
            try:
                outcome = process.run(
                    self._services.isolation,
                    view,
                    cast(BinaryIO, log),
                    self.plan.masker.fresh(),
                    stop=self._stop,
                    seconds=seconds,
                    marker=self._written.uid,
                    lock=self._lock,
                )
            except InterlockError as error:
                raise Refusal(conditions.CONFIG_ERROR, _CONFIG_PROBLEM + error.message) from error
            except OSError as error:
                log.write(self.masked(f"{view.command[0]}: {error.strerror}\n").encode())
                outcome = process.Outcome("exited", 127)
        return self._after(index, step, outcome, by_step)

    def _after(self, index: int, step: task.Step, outcome: process.Outcome, by_step: bool) -> Condition | None:
        container = self.plan.steps[index][1]
        if outcome.ending == "stopped":
            if self._stop.reason == "cancelled":
                return conditions.failed(conditions.TASK_CANCELLED, "")
            # The engine is asked to stop: as after a kill, the step counts as interrupted when the run is resumed.
            return None
        if outcome.ending == "timeout" and not by_step:
            return self._timed_out()
        code = outcome.exit_code
        if outcome.ending == "timeout":
            code, ending = 1, "TimeoutExceeded"
        elif code and step.on_error == "continue":
            ending = "Continued"
        else:
            ending = "Error" if code else "Completed"
        reason = "Completed" if code == 0 or ending == "Continued" else "Error"
        state = self._ended(index, code, reason, ending)
        if ending in ("Completed", "Continued"):
            (self._folder / "steps" / container / "exitCode").write_text(str(code))
        self._record(index, state, durable=True)
        tools = capabilities.reported(
            self._folder / "run" / str(index) / "tools.jsonl", container.removeprefix("step-")
        )
        if tools:
            self._tools += tools
            self._annotate()
        if ending not in ("Completed", "Continued"):
            return conditions.failed(conditions.STEP_FAILED, self._step_message(index, code, ending))
        size = results.message_size(self._emitted(), index + 1)
        if size > results.LIMIT:
            return self._too_large(size)
        return Condition("Unknown", conditions.RUNNING, "")

    @staticmethod
    def _too_large(size: int) -> Condition:
        return conditions.failed(conditions.RESULT_TOO_LARGE, f"{results.TOO_LARGE} ({size} bytes)")

    def _first_line(self, container: str, step: task.Step) -> str:
        plan = self.plan
        reach = ", ".join(f"{name} ({address})" for name, address in sorted(plan.network.items())) or "none"
        level = self._services.isolation.level
        if level == "none":
            reach = "not limited"
        executor = plan.executors[step.image]
        image = f"image {step.image} executed by {executor}"
        return f"[interlock.local] {container}: isolation {level}, network {reach}, {image}\n"

    def _record(self, index: int, state: dict[str, Any], *, durable: bool) -> None:
        self._states[index] = state
        if durable:
            self._journal.write({"event": "step-finished", "step": index, "state": state})
            self._pod()

    def _identity(self, container: str, step: task.Step) -> dict[str, Any]:
        executor = self.plan.executors[step.image]
        image = f"interlock.local/{executor}"
        if executor == task_plan.TOOLBOX:
            image += f"@{self._services.toolbox['digest']}"
        return {"name": container.removeprefix("step-"), "container": container, "imageID": image}

    def _running(self, index: int) -> dict[str, Any]:
        _, container, step = self.plan.steps[index]
        now = conditions.timestamp(self._services.now())
        return {**self._identity(container, step), "running": {"startedAt": now}}

    def _waiting(self, container: str, step: task.Step) -> dict[str, Any]:
        return {**self._identity(container, step), "waiting": {"reason": "PodInitializing"}}

    def _ended(self, index: int, code: int, reason: str, ending: str) -> dict[str, Any]:
        _, container, step = self.plan.steps[index]
        now = conditions.timestamp(self._services.now())
        started = self._states[index].get("running", {}).get("startedAt", now)
        return {
            **self._identity(container, step),
            "terminationReason": ending,
            "terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now},
        }

    def _emitted(self) -> dict[str, str]:
        """Declared results that exist, masked. Read without following links: the files are the steps'."""
        found: dict[str, str] = {}
        for result in self.plan.spec.results or []:
            content = storage.read_regular(self._folder / "results" / result.name, _MOST_READ)
            if content is not None:
                found[result.name] = self.masked(content.decode("utf-8", "replace"))
        return found

    def _with_results(self, condition: Condition) -> Condition:
        """Results are kept even of a failed task; what is wrong with them fails a good one (tr/validate_taskrun.go)."""
        emitted = self._emitted()
        status = {**self._written.status, "steps": list(self._states)}
        if (size := results.message_size(emitted, len(self._states))) > results.LIMIT:
            emitted = {}
            if condition.status == "True":
                condition = self._too_large(size)
        found, error = results.decode(self.plan.spec.results, emitted)
        if found:
            status["results"] = [result.to_object() for result in found]
        if error is not None and condition.status == "True":
            condition = conditions.failed(conditions.TASK_VALIDATION_FAILED, conditions.USER_ERROR + error)
        self._written.write(status)
        return Condition(condition.status, condition.reason, self.masked(condition.message))
