"""One attempt of a TaskRun: its plan, its sidecars and steps, its results."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from interlock.errors import InputError, InterlockError
from interlock.formats.tekton import conditions, durations, task
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import Step
from interlock.local.sandbox import process
from interlock.local.sandbox.process import Outcome, Stop
from interlock.tekton.engine.logs import LogWriter, path_of
from interlock.tekton.engine.services import Services, Written
from interlock.tekton.engine.task_runs import (
    attempt_status,
    breakpoints,
    capabilities,
    container_view,
    leavings,
    step_states,
    task_plan,
    task_source,
)
from interlock.tekton.engine.task_runs.attempt_status import AttemptStatus
from interlock.tekton.engine.task_runs.journal import Journal
from interlock.tekton.engine.task_runs.sidecars import Sidecars
from interlock.tekton.engine.task_runs.step_states import State
from interlock.tekton.engine.task_runs.task_plan import Container, Plan
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec import artifacts, cel, results, step_results, when
from interlock.tekton.spec.results import Emission
from interlock.tekton.spec.runs import TaskRun

_CONFIG_PROBLEM = "Failed to create pod due to config error: "
_GO_ON = Condition("Unknown", conditions.RUNNING, "")


class Attempt:
    """One attempt of a TaskRun. ``lock`` is a descriptor that its sandboxes inherit; ``stop`` may be set any time."""

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
        self._sidecars: Sidecars | None = None
        self._told: AttemptStatus | None = None
        self._emissions: list[Emission] = []
        self._exit_codes: list[tuple[Container, int]] = []
        self._tools: list[dict[str, str]] = []
        self.capabilities: str | None = None
        """What the annotation of that name says, by this engine's own word."""

    @property
    def plan(self) -> Plan:
        assert self._plan is not None  # noqa: S101 - set by the first statements of run()
        return self._plan

    @property
    def _status(self) -> AttemptStatus:
        assert self._told is not None  # noqa: S101 - as the plan
        return self._told

    def masked(self, text: str) -> str:
        return self._plan.masker.text(text) if self._plan is not None else text

    def run(self) -> Condition | None:
        """The attempt's condition; None when the engine is stopping and it is to be resumed. Raises Refusal."""
        self._prepare()
        with Sidecars(
            self._services, self.plan, self._folder, self._written, self._stop, self._lock, self._retries
        ) as sidecars:
            self._sidecars = sidecars
            self._status.sidecars = lambda: sidecars.states
            self._status.tell_pod()
            condition = self._with_sidecars(sidecars)
        return self._with_results(condition) if condition.done else None

    def _with_sidecars(self, sidecars: Sidecars) -> Condition:
        """The condition after sidecars and steps; Unknown while the engine is stopping."""
        ended = sidecars.start(self._deadline())
        self._post()
        if ended is None:
            return sidecars.blamed(self._steps())
        if not ended.done:
            return ended
        return self._terminated(self._timed_out() if ended.reason == conditions.TASK_TIMEOUT else ended)

    def _prepare(self) -> None:
        prepared = self._journal.of("prepared")
        resolved = parse(task.TaskSpec, prepared[0]["taskSpec"]) if prepared else None
        attempt_status.tell_resolving(self._services, self._written, self._run)
        origin = task_source.source(self._services, self._run)
        self._plan = task_plan.build(
            self._services, self._run, origin, folder=self._folder, retries=self._retries, resolved=resolved
        )
        container_view.prepare(self.plan, self._folder)
        if not prepared:
            self._journal.write({"event": "prepared", "taskSpec": self.plan.spec.to_object()})
        if self._services.config.snapshots and not prepared:
            for claim in sorted(self._claims()):
                self._services.storage.keep(self._written.namespace, self._written.name, claim)
        self._told = AttemptStatus(self._services, self._written, self._run, self._plan, self._retries)
        self._annotate()
        for entry in self._journal.of("step-finished"):
            self._status.steps[entry["step"]] = entry["state"]
            if "emission" in entry:
                self._emissions.append(Emission(**entry["emission"]))
        self._written.status.setdefault("startTime", conditions.timestamp(self._services.now()))

    def _claims(self) -> set[str]:
        """Claims of this engine's own that the run can write; a folder that its user named is the user's."""
        volumes = [*self.plan.volumes.values(), *self.plan.workspaces.values()]
        own = [item for item in volumes if item.claim and item.folder is not None and not item.folder.is_symlink()]
        return {item.claim for item in own}

    def _post(self) -> None:
        """Tell the status as it is now: with the first step that can run shown as running."""
        if not self._stopped:
            self._status.start_next(but=self._journal.interrupted)
        self._status.post()

    def _deadline(self) -> datetime | None:
        limit = self._limit()
        started = conditions.moment(self._written.status["startTime"])
        return started + limit if limit else None

    def _limit(self) -> timedelta:
        """``spec.timeout``, else the default; zero is none."""
        given = self._run.spec.timeout
        return durations.parse(given if given is not None else self._services.config.default_timeout)

    @property
    def _stopped(self) -> bool:
        return self._stop.reason is not None

    def _steps(self) -> Condition:
        """The attempt's condition after its steps; Unknown while the engine is stopping."""
        failure: Condition | None = None
        finished = {entry["step"] for entry in self._journal.of("step-finished")}
        interrupted = self._journal.interrupted
        for container in self.plan.steps:
            index = container.index
            if index in finished:
                self._exit_codes.append((container, self._status.steps[index]["terminated"]["exitCode"]))
                failure = failure or self._failure(container)
                continue
            if failure is not None:
                self._status.steps[index] = self._ended(container, 1, "Error", step_states.SKIPPED)
                continue
            if index == interrupted:
                message = (
                    f'"{container.name}" was interrupted: the engine was stopped while it ran, and what it did is '
                    "unknown"
                )
                failure = conditions.failed(conditions.INTERRUPTED, message)
                self._record(container, self._ended(container, 1, "Error", step_states.INTERRUPTED))
                continue
            outcome = self._over() or self._step(container)
            if outcome.done:
                if outcome.reason not in (conditions.STEP_FAILED, conditions.STEP_OOM):
                    return self._terminated(outcome)
                failure = outcome
            elif self._stopped:
                return _GO_ON
        return failure or conditions.TASK_SUCCEEDED

    def _failure(self, container: Container) -> Condition | None:
        """The condition that a finished, failed step of a resumed attempt means."""
        state = self._status.steps[container.index]
        ended, ending = state["terminated"], state.get("terminationReason", "")
        if ended["exitCode"] == 0 or ending == step_states.CONTINUED:
            return None
        return self._step_failed(container, ended["exitCode"], ended["reason"], ending)

    @staticmethod
    def _step_failed(container: Container, code: int, reason: str, ending: str) -> Condition:
        if ending == step_states.TIMED_OUT:
            return conditions.failed(conditions.STEP_FAILED, conditions.step_timeout(container.name))
        kind = conditions.STEP_OOM if reason == "OOMKilled" else conditions.STEP_FAILED
        return conditions.failed(kind, conditions.step_failure(container.name, code, reason=reason))

    def _over(self) -> Condition | None:
        """Whether the attempt must end before its next step; an Unknown condition means the engine is stopping."""
        if self._stop.reason == "cancelled":
            return conditions.failed(conditions.TASK_CANCELLED, "")
        if self._stopped:
            return _GO_ON
        deadline = self._deadline()
        if deadline is not None and self._services.now() >= deadline:
            return self._timed_out()
        return None

    def _timed_out(self) -> Condition:
        limit = durations.text(self._limit())
        return conditions.failed(
            conditions.TASK_TIMEOUT, f'TaskRun "{self._run.metadata.name}" failed to finish within "{limit}"'
        )

    def _terminated(self, condition: Condition) -> Condition:
        """The attempt ends in the middle: every step that has not ended is marked."""
        created = str(self._written.object["metadata"].get("creationTimestamp", ""))
        self._status.steps = step_states.terminated(
            self._status.steps, condition, self.plan.pod.name, created, self._services.now()
        )
        return condition

    def _step(self, container: Container) -> Condition:
        """Run one step. An Unknown condition: go on, or the engine is stopping."""
        step = container.spec
        assert isinstance(step, Step)  # noqa: S101 - steps of a plan are steps
        produced = leavings.produced(self.plan, self._folder, self.plan.steps[: container.index])
        try:
            allowed = self._allowed(step, produced)
        except InputError as error:
            self._log(container, f"{error.message}\n")
            return self._after(container, step, Outcome("exited", 1), by_step=False)
        if not allowed:
            self._log(container, "Step was skipped due to when expressions were evaluated to false.\n")
            return self._skipped(container)
        try:
            pod = self._sidecars.pod if self._sidecars is not None else None
            view = container_view.view(self._services, self.plan, self._folder, container, produced, network_of=pod)
        except InterlockError as error:
            raise Refusal(conditions.CONFIG_ERROR, _CONFIG_PROBLEM + error.message) from error
        points = breakpoints.of(
            self._services, self._run, self.plan, self._folder, container, view, self._stop, self._lock, self._retries
        )
        if points.before and not points.wait_before():
            self._log(container, "Skipping execute step script because before step breakpoint fail-continue\n")
            return self._after(container, step, Outcome("exited", 1), by_step=False)
        self._post()
        deadline = self._deadline()
        own = durations.parse(step.timeout) if step.timeout else None
        left = None if deadline is None else deadline - self._services.now()
        limit = min((item for item in (own, left) if item), default=None)
        with self._log_of(container) as log:

            def released() -> None:
                """What must be there before the step's command starts, written while its sandbox is set up."""
                log.write(self._first_line(container).encode())
                self._write_exit_codes()
                self._journal.write({"event": "step-started", "step": container.index})

            try:
                outcome = process.run(
                    self._services.isolation,
                    view,
                    log,
                    self.plan.masker.fresh(),
                    stop=self._stop,
                    seconds=None if limit is None else limit.total_seconds(),
                    lock=self._lock,
                    released=released,
                    streams=container_view.streams(step),
                )
            except InterlockError as error:
                raise Refusal(conditions.CONFIG_ERROR, _CONFIG_PROBLEM + error.message) from error
            except OSError as error:
                log.write(self.masked(f"{view.command[0]}: {error.strerror}\n").encode())
                outcome = Outcome("exited", 127)
        if points.on_failure and outcome.ending == "exited" and outcome.exit_code:
            outcome = Outcome("exited", points.wait_after())
        return self._after(container, step, outcome, by_step=own is not None and limit == own)

    def _allowed(self, step: Step, produced: step_results.Produced) -> bool:
        """Whether the step's ``when`` holds (entrypointer.go allowExec). Raises InputError."""
        if not step.when:
            return True
        found, _ = step_results.attempt(lambda: step_results.in_when(step.when or [], produced), step.when)
        if any(not cel.holds(condition.cel) for condition in found if condition.cel):
            return False
        return when.allows([condition for condition in found if not condition.cel])

    def _skipped(self, container: Container) -> Condition:
        self._exit_codes.append((container, 0))
        state = self._ended(container, 0, step_states.COMPLETED, step_states.SKIPPED)
        self._record(container, state, Emission(container.name[5:], {}, {}))
        return _GO_ON

    def _after(self, container: Container, step: Step, outcome: Outcome, *, by_step: bool) -> Condition:
        if outcome.ending == "stopped":
            # Asked to stop by the engine: as after a kill, the step counts as interrupted when the run is resumed.
            return conditions.failed(conditions.TASK_CANCELLED, "") if self._stop.reason == "cancelled" else _GO_ON
        if outcome.ending == "timeout" and not by_step:
            return self._timed_out()
        code, reason, ending = _verdict(step, outcome)
        try:
            found = leavings.emission(self.plan, self._folder, container)
        except InputError as error:
            return conditions.failed(conditions.TASK_VALIDATION_FAILED, conditions.USER_ERROR + error.message)
        large = results.too_large(found, self._services.config.flags)
        if large is not None and self._services.config.flags.results_from == "sidecar-logs":
            message = f'{conditions.USER_ERROR} TaskRun ""{self._run.metadata.name}"" failed: {large}'
            return conditions.failed(conditions.RESULT_TOO_LARGE, message)
        if large is not None:
            # The entrypoint cannot write its termination message: the step fails, and only its log says why.
            self._log(container, f"{large}\n")
            found = Emission(found.step_name, {}, {})
            code, reason, ending = 1, "Error", "Error"
        if ending in (step_states.COMPLETED, step_states.CONTINUED):
            self._exit_codes.append((container, code))
        state = self._ended(container, code, reason, ending)
        state = step_states.with_emission(
            state, step, found, leavings.step_artifacts(self.plan, self._folder, container)
        )
        self._record(container, state, found)
        self._report_tools(container)
        if ending not in (step_states.COMPLETED, step_states.CONTINUED):
            return self._step_failed(container, code, reason, ending)
        return _GO_ON

    def _write_exit_codes(self) -> None:
        """Of the steps before; nobody reads the last one's."""
        for container, code in self._exit_codes:
            container_view.write_exit_code(self._folder, container, code)
        self._exit_codes.clear()

    def _report_tools(self, container: Container) -> None:
        base = self._folder / "run" / str(container.index)
        tools = capabilities.reported(base / "tools.jsonl", container.name.removeprefix("step-"))
        if tools:
            self._tools += tools
            self._annotate()

    def _annotate(self) -> None:
        self.capabilities = self._status.annotate(self._tools)

    def _log(self, container: Container, text: str) -> None:
        with self._log_of(container) as log:
            log.write(self.masked(text).encode())

    def _log_of(self, container: Container) -> LogWriter:
        own = self._written
        return LogWriter(path_of(self._services.storage, own.namespace, own.name, container.name, self._retries))

    def _first_line(self, container: Container) -> str:
        plan, level = self.plan, str(self._services.isolation.level)
        reach = ", ".join(f"{name} ({address})" for name, address in sorted(plan.network.items())) or "none"
        if level == "none":
            reach = "not limited"
        if self._services.isolation.not_enforced:
            level += f" (not enforced: {', '.join(self._services.isolation.not_enforced)})"
        notes = "".join(f"; {note}" for note in container.root.notes)
        image = f"image {container.spec.image} executed by {container.root.executor}"
        return f"[interlock.local] {container.name}: isolation {level}, network {reach}, {image}{notes}\n"

    def _record(self, container: Container, state: State, emission: Emission | None = None) -> None:
        self._status.steps[container.index] = state
        entry: dict[str, object] = {"event": "step-finished", "step": container.index, "state": state}
        if emission is not None:
            self._emissions.append(emission)
            entry["emission"] = {"step_name": emission.step_name, "task": emission.task, "step": emission.step}
        self._journal.write(entry)

    def _ended(self, container: Container, code: int, reason: str, ending: str) -> State:
        before = self._status.steps[container.index]
        return step_states.ended(self.plan, container, before, code, reason, ending, self._services.now())

    def _with_results(self, condition: Condition) -> Condition:
        """Results are kept even of a failed task; what is wrong with them fails a good one (tr/validate_taskrun.go)."""
        self._status.tell_pod(done=True, reason=condition.reason)
        status = self._status.with_states(self._written.status)
        found, error = results.of_task(self.plan.spec, self._emissions)
        if found:
            status["results"] = [result.to_object() for result in found]
        steps = [leavings.step_artifacts(self.plan, self._folder, container) for container in self.plan.steps]
        if merged := artifacts.merged([leavings.task_artifacts(self.plan, self._folder), *steps]):
            status["artifacts"] = merged
        if error is not None and condition.status == "True":
            condition = conditions.failed(conditions.TASK_VALIDATION_FAILED, conditions.USER_ERROR + error)
        self._written.post(status)
        return Condition(condition.status, condition.reason, self.masked(condition.message))


def _verdict(step: Step, outcome: Outcome) -> tuple[int, str, str]:
    """(exit code, reason, termination reason) of a step that ended by itself or by its own time limit."""
    if outcome.ending == "timeout":
        return 1, "Error", step_states.TIMED_OUT
    code = outcome.exit_code
    if outcome.reason == "OOMKilled":
        return code, "OOMKilled", "OOMKilled"
    if code and step.on_error == "continue":
        return code, step_states.COMPLETED, step_states.CONTINUED
    return (code, "Error", "Error") if code else (0, step_states.COMPLETED, step_states.COMPLETED)
