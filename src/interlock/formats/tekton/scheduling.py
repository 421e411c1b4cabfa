"""What a PipelineRun does next, from the state of its TaskRuns: a pure re-statement of upstream's reconciler.

pr/resources/pipelinerunstate.go (queues, condition), pipelinerunresolution.go (skip), resultrefresolution.go
(references). The order of the skip reasons and every text are upstream's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from interlock.formats.tekton import conditions, durations, references, results, variables, when
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.graph import Graph
from interlock.formats.tekton.model import ParamValue
from interlock.formats.tekton.pipeline import PipelineTask
from interlock.formats.tekton.runs import CANCELLED_BY_TIMEOUT
from interlock.formats.tekton.substitution import Replacements

STOPPING = "PipelineRun was stopping"
GRACEFULLY_CANCELLED = "PipelineRun was gracefully cancelled"
GRACEFULLY_STOPPED = "PipelineRun was gracefully stopped"
WHEN_FALSE = "When Expressions evaluated to false"
PARENT_SKIPPED = "Parent Tasks were skipped"
RESULTS_MISSING = "Results were missing"
PIPELINE_TIMED_OUT = "PipelineRun timeout has been reached"
TASKS_TIMED_OUT = "PipelineRun Tasks timeout has been reached"
FINALLY_TIMED_OUT = "PipelineRun Finally timeout has been reached"
_TIMEOUT_SKIPS = (PIPELINE_TIMED_OUT, TASKS_TIMED_OUT, FINALLY_TIMED_OUT)


@dataclass(frozen=True, slots=True)
class Child:
    """A TaskRun of the run: its condition (None: just created), results, and why it was cancelled."""

    condition: Condition | None
    results: Mapping[str, ParamValue] = field(default_factory=dict)
    status_message: str = ""

    @property
    def succeeded(self) -> bool:
        return self.condition is not None and self.condition.status == "True"

    @property
    def failed(self) -> bool:
        return self.condition is not None and self.condition.status == "False"

    @property
    def cancelled(self) -> bool:
        return self.failed and self.condition is not None and self.condition.reason == conditions.TASK_CANCELLED

    @property
    def done(self) -> bool:
        return self.succeeded or self.failed


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Effective limits of a PipelineRun; None or zero is no limit (v1/pipelinerun_types.go)."""

    pipeline: timedelta | None
    tasks: timedelta | None
    finally_: timedelta | None

    @classmethod
    def of(cls, pipeline: str | None, tasks: str | None, finally_: str | None, default: timedelta) -> Timeouts:
        """From ``spec.timeouts``: the missing one of tasks and finally is what the pipeline's leaves."""
        total = durations.parse(pipeline) if pipeline is not None else None
        first = durations.parse(tasks) if tasks is not None else None
        last = durations.parse(finally_) if finally_ is not None else None
        derived_tasks, derived_finally = first, last
        if first is None and total and last:
            derived_tasks = total - last
        if last is None and total and first:
            derived_finally = total - first
        return cls(default if total is None else total, derived_tasks, derived_finally)


def _reached(limit: timedelta | None, start: datetime | None, now: datetime) -> bool:
    return bool(limit) and start is not None and limit is not None and now - start > limit


@dataclass(frozen=True)
class Skip:
    """A task that will not run: an entry of status.skippedTasks."""

    name: str
    reason: str
    task: PipelineTask


@dataclass(frozen=True)
class Schedule:
    """The facts of one moment. ``tasks`` are the Pipeline's with params and context applied, finally tasks last."""

    run: str
    tasks: Sequence[PipelineTask]
    finals: Sequence[PipelineTask]
    graph: Graph
    children: Mapping[str, Child]
    spec_status: str
    timeouts: Timeouts
    start: datetime
    finally_start: datetime | None
    now: datetime

    @cached_property
    def _all(self) -> dict[str, PipelineTask]:
        return {task.name: task for task in (*self.tasks, *self.finals)}

    @cached_property
    def results(self) -> dict[str, Mapping[str, ParamValue]]:
        """Results of finished tasks, by task."""
        return {name: child.results for name, child in self.children.items() if child.done}

    @cached_property
    def answers(self) -> Replacements:
        return results.answers(self.results)

    def resolved(self, task: PipelineTask) -> PipelineTask:
        """``task`` with the results, and for a finally task the states, of the others filled in."""
        replacements = self.answers | self.status_variables if task.name in self._final_names else self.answers
        task = variables.in_pipeline_task(task, replacements)
        retries = Replacements({"context.pipelineTask.retries": str(task.retries)})
        return variables.in_pipeline_task(task, retries, embedded=False)

    @cached_property
    def _final_names(self) -> set[str]:
        return {task.name for task in self.finals}

    @cached_property
    def _failed(self) -> bool:
        return any(
            (child := self.children.get(task.name)) is not None and child.failed and task.on_error != "continue"
            for task in self.tasks
        )

    @cached_property
    def _verdicts(self) -> tuple[dict[str, str], dict[str, str]]:
        """(skip reason, validation message) by task that has not started and never will.

        A task that cannot start for want of a result stops the run as a failed one does (IsStopping).
        """
        waiting = [task for task in self.tasks if task.name not in self.children]
        if self._failed:
            return dict.fromkeys((task.name for task in waiting), STOPPING), {}
        if self.spec_status in ("CancelledRunFinally", "StoppedRunFinally"):
            reason = GRACEFULLY_CANCELLED if self.spec_status == "CancelledRunFinally" else GRACEFULLY_STOPPED
            return {task.name: reason for task in waiting}, {}
        skips: dict[str, str] = {}
        invalid: dict[str, str] = {}
        progress = True
        while progress:
            progress = False
            for task in waiting:
                if task.name in skips or task.name in invalid:
                    continue
                if (why := self._skip(task, skips)) is not None:
                    skips[task.name] = why
                    progress = True
                elif self._parents_done(task, skips) and (message := self._missing_result(task)) is not None:
                    invalid[task.name] = message
        if invalid:
            skips = {task.name: STOPPING for task in waiting if task.name not in invalid}
        return skips, invalid

    @property
    def skips(self) -> dict[str, str]:
        return self._verdicts[0]

    @property
    def invalid(self) -> dict[str, str]:
        """Tasks that cannot start since a finished task did not write a result they need, with the message."""
        return self._verdicts[1]

    def _missing_result(self, task: PipelineTask) -> str | None:
        for ref in references.of_task(task):
            producer = self.children.get(ref.task)
            if producer is None:
                return f'Result reference error: Internal result ref "{ref.task}" has zero-length TaskRuns'
            if ref.result in producer.results:
                continue
            if producer.succeeded:
                return (
                    f'task "{ref.task}" completed successfully but did not emit the result "{ref.result}", '
                    f'which is referenced by task "{task.name}"'
                )
            return (
                f"Invalid task result reference: Could not find result with name {ref.result} "
                f"for pipeline task {ref.task}"
            )
        return None

    def _parents_done(self, task: PipelineTask, skipped: Mapping[str, str]) -> bool:
        for parent in self.graph.parents[task.name]:
            child = self.children.get(parent)
            if parent not in skipped and not (child is not None and child.done):
                return False
        return True

    def _skip(self, task: PipelineTask, skipped: Mapping[str, str]) -> str | None:
        """The rest of pipelinerunresolution.go skip(), in its order; ``skipped`` holds what is known to be skipped."""
        ready = self._parents_done(task, skipped)
        if ready and not when.allows(self.resolved(task).when):
            return WHEN_FALSE
        # A task skipped by its own `when` does not skip those that are only ordered after it.
        if any(skipped.get(parent, WHEN_FALSE) != WHEN_FALSE for parent in self.graph.parents[task.name]):
            return PARENT_SKIPPED
        if ready and self._results_missing(task, skipped):
            return RESULTS_MISSING
        if ready and _reached(self.timeouts.pipeline, self.start, self.now):
            return PIPELINE_TIMED_OUT
        if ready and _reached(self.timeouts.tasks, self.start, self.now):
            return TASKS_TIMED_OUT
        return None

    def _results_missing(self, task: PipelineTask, skipped: Mapping[str, str]) -> bool:
        """A referenced task was skipped by ``when``, or this one may fail (skipBecauseResultReferencesAreMissing)."""
        for ref in references.of_task(task):
            producer = self.children.get(ref.task)
            if producer is None or ref.result not in producer.results:
                return task.on_error == "continue" or skipped.get(ref.task) == WHEN_FALSE
        return False

    def _ended(self, name: str) -> bool:
        child = self.children.get(name)
        return child.done if child is not None else name in self.skips or name in self.invalid

    @cached_property
    def tasks_done(self) -> bool:
        """Every task, finally tasks aside, succeeded, failed, was skipped or cannot start."""
        return all(self._ended(task.name) for task in self.tasks)

    def _final_done(self, name: str) -> bool:
        child = self.children.get(name)
        return child.done if child is not None else name in self._final_skips

    @cached_property
    def _final_skips(self) -> dict[str, str]:
        """Skip reason by finally task; they are judged only when all tasks are done (IsFinallySkipped)."""
        if not self.tasks_done:
            return {}
        found: dict[str, str] = {}
        for task in self.finals:
            if task.name in self.children:
                continue
            missing = any(
                (producer := self.children.get(ref.task)) is None or ref.result not in producer.results
                for ref in references.of_task(task)
            )
            if missing:
                found[task.name] = RESULTS_MISSING
            elif not when.allows(self.resolved(task).when):
                found[task.name] = WHEN_FALSE
            elif _reached(self.timeouts.pipeline, self.start, self.now):
                found[task.name] = PIPELINE_TIMED_OUT
            elif _reached(self.timeouts.finally_, self.finally_start, self.now):
                found[task.name] = FINALLY_TIMED_OUT
        return found

    def next(self) -> list[PipelineTask]:
        """Tasks to start now, resolved. Those of one call may run side by side."""
        if self.spec_status in ("Cancelled", "PipelineRunPending"):
            return []
        if self.tasks_done:
            waiting = [task for task in self.finals if task.name not in self.children]
            return [self.resolved(task) for task in waiting if task.name not in self._final_skips]
        if self._failed or self.invalid or self.spec_status in ("CancelledRunFinally", "StoppedRunFinally"):
            return []
        done = {task.name for task in self.tasks if self._ended(task.name)}
        ready = [name for name in self.graph.ready(done) if name not in self.children]
        return [self.resolved(self._all[name]) for name in ready]

    @property
    def timed_out(self) -> bool:
        return _reached(self.timeouts.pipeline, self.start, self.now)

    def to_time_out(self) -> list[str]:
        """Names of running tasks whose section is over its limit."""
        if self.timed_out:
            names = list(self.children)
        elif self.finally_start is None and _reached(self.timeouts.tasks, self.start, self.now):
            names = [task.name for task in self.tasks]
        elif _reached(self.timeouts.finally_, self.finally_start, self.now):
            names = [task.name for task in self.finals]
        else:
            return []
        return [name for name in names if (child := self.children.get(name)) is not None and not child.done]

    def next_deadline(self) -> datetime | None:
        """When a limit will be reached, if nothing else happens."""
        deadlines = [self.start + self.timeouts.pipeline] if self.timeouts.pipeline else []
        if self.timeouts.tasks and self.finally_start is None:
            deadlines.append(self.start + self.timeouts.tasks)
        if self.timeouts.finally_ and self.finally_start is not None:
            deadlines.append(self.finally_start + self.timeouts.finally_)
        ahead = [moment for moment in deadlines if moment >= self.now]
        return min(ahead) if ahead else None

    def skipped(self) -> list[Skip]:
        """status.skippedTasks, in the Pipeline's order."""
        found = {**self.skips, **self._final_skips}
        return [Skip(name, found[name], self.resolved(task)) for name, task in self._all.items() if name in found]

    @cached_property
    def status_variables(self) -> Replacements:
        """``tasks.X.status``, ``tasks.X.reason`` and ``tasks.status``: for finally tasks alone."""
        strings: dict[str, str] = {}
        aggregate = "Succeeded" if self.tasks_done else "None"
        for task in self.tasks:
            child = self.children.get(task.name)
            state = "Succeeded" if child and child.succeeded else "Failed" if child and child.failed else "None"
            strings[f"tasks.{task.name}.status"] = state
            strings[f"tasks.{task.name}.reason"] = child.condition.reason if child and child.condition else ""
        if self.tasks_done:
            if any(child.failed for name, child in self.children.items() if name not in self._final_names):
                aggregate = "Failed"
            elif self.skips:
                aggregate = "Completed"
        strings["tasks.status"] = aggregate
        return Replacements(strings)

    def succeeded(self) -> dict[str, bool]:
        """Whether each task succeeded, for pipeline results."""
        return {name: (child := self.children.get(name)) is not None and child.succeeded for name in self._all}

    def condition(self) -> Condition:
        """The run's condition now (GetPipelineConditionStatus)."""
        if self.timed_out and self.timeouts.pipeline is not None:
            limit = durations.text(self.timeouts.pipeline)
            message = f'PipelineRun "{self.run}" failed to finish within "{limit}"'
            return Condition("False", conditions.PIPELINE_TIMEOUT, message)
        finals_done = all(self._final_done(task.name) for task in self.finals)
        tasks_timed_out = _reached(self.timeouts.tasks, self.start, self.now)
        if tasks_timed_out and self.timeouts.tasks is not None and finals_done:
            limit = durations.text(self.timeouts.tasks)
            message = f'PipelineRun "{self.run}" failed due to tasks failed to finish within "{limit}"'
            return Condition("False", conditions.PIPELINE_TIMEOUT, message)
        return self._counted(finals_done, tasks_timed_out)

    def _counted(self, finals_done: bool, tasks_timed_out: bool) -> Condition:
        succeeded = failed = cancelled = ignored = skipped = late = incomplete = 0
        skips = {**self.skips, **self._final_skips}
        for name, task in self._all.items():
            child = self.children.get(name)
            if child is not None and child.succeeded:
                succeeded += 1
            elif child is not None and child.cancelled and child.status_message != CANCELLED_BY_TIMEOUT:
                cancelled += 1
            elif child is not None and child.failed:
                if task.on_error == "continue" and not child.cancelled:
                    ignored += 1
                else:
                    failed += 1
            elif name in self.invalid:
                pass
            elif name in skips:
                skipped += 1
                late += skips[name] in _TIMEOUT_SKIPS
            else:
                incomplete += 1
        completed = succeeded + failed + cancelled + ignored
        if incomplete:
            message = (
                f"Tasks Completed: {completed} (Failed: {failed}, Cancelled {cancelled}), "
                f"Incomplete: {incomplete}, Skipped: {skipped}"
            )
            return Condition("Unknown", self._running_reason(cancelled, failed, finals_done, tasks_timed_out), message)
        noted = f"{failed + ignored} (Ignored: {ignored})" if ignored else f"{failed}"
        message = f"Tasks Completed: {completed} (Failed: {noted}, Cancelled {cancelled}), Skipped: {skipped}"
        if self.invalid:
            detail = "; ".join(self.invalid[name] for name in sorted(self.invalid))
            detail = detail if len(detail) <= 1024 else detail[:1024] + "..."
            message += f", Failed Validation: {len(self.invalid)} ({detail})"
            return Condition("False", conditions.PIPELINE_VALIDATION_FAILED, message)
        if failed or late:
            return Condition("False", conditions.FAILED, message)
        if self.spec_status in ("CancelledRunFinally", "StoppedRunFinally"):
            return Condition("False", conditions.CANCELLED, f'PipelineRun "{self.run}" was cancelled')
        if cancelled:
            return Condition("False", conditions.CANCELLED, message)
        return Condition("True", conditions.COMPLETED if skipped else conditions.SUCCEEDED, message)

    def _running_reason(self, cancelled: int, failed: int, finals_done: bool, tasks_timed_out: bool) -> str:
        if tasks_timed_out and self.finals and not finals_done:
            return conditions.TIMEOUT_RUNNING_FINALLY
        if self.spec_status == "CancelledRunFinally":
            return conditions.CANCELLED_RUNNING_FINALLY
        if self.spec_status == "StoppedRunFinally":
            return conditions.STOPPED_RUNNING_FINALLY
        if cancelled or (failed and finals_done):
            return conditions.STOPPING
        return conditions.RUNNING
