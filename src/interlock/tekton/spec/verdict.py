"""The condition of a PipelineRun (pr/resources/pipelinerunstate.go GetPipelineConditionStatus), and its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interlock.formats.tekton import conditions, durations
from interlock.formats.tekton.conditions import Condition
from interlock.tekton.spec import results
from interlock.tekton.spec.pipeline import PipelineResult
from interlock.tekton.spec.scheduling import TIMEOUT_SKIPS, Schedule

_LONGEST_DETAIL = 1024


@dataclass
class _Count:
    """Tasks by how they ended (getPipelineTasksCount)."""

    succeeded: int = 0
    failed: int = 0
    ignored: int = 0
    cancelled: int = 0
    skipped: int = 0
    late: int = 0
    """Of ``skipped``: those for which a limit had been reached."""
    incomplete: int = 0

    @property
    def completed(self) -> int:
        return self.succeeded + self.failed + self.cancelled + self.ignored


def condition(schedule: Schedule) -> Condition:
    """The run's condition now."""
    limits = schedule.timeouts
    if schedule.timed_out and limits.pipeline is not None:
        message = f'PipelineRun "{schedule.run}" failed to finish within "{durations.text(limits.pipeline)}"'
        return Condition("False", conditions.PIPELINE_TIMEOUT, message)
    if schedule.tasks_timed_out and limits.tasks is not None and not _finally_goes_on(schedule):
        late = f'failed due to tasks failed to finish within "{durations.text(limits.tasks)}"'
        return Condition("False", conditions.PIPELINE_TIMEOUT, f'PipelineRun "{schedule.run}" {late}')
    count = _count(schedule)
    if count.incomplete:
        message = (
            f"Tasks Completed: {count.completed} (Failed: {count.failed}, Cancelled {count.cancelled}), "
            f"Incomplete: {count.incomplete}, Skipped: {count.skipped}"
        )
        return Condition("Unknown", _running(schedule, count), message)
    return _final(schedule, count)


def _finally_goes_on(schedule: Schedule) -> bool:
    return schedule.behaviour.finally_after_tasks_timeout and not schedule.finals_done


def _final(schedule: Schedule, count: _Count) -> Condition:
    failed = f"{count.failed + count.ignored} (Ignored: {count.ignored})" if count.ignored else f"{count.failed}"
    done = f"Tasks Completed: {count.completed} (Failed: {failed}, Cancelled {count.cancelled})"
    message = f"{done}, Skipped: {count.skipped}"
    if schedule.invalid:
        detail = "; ".join(schedule.invalid[name] for name in sorted(schedule.invalid))
        detail = detail if len(detail) <= _LONGEST_DETAIL else detail[:_LONGEST_DETAIL] + "..."
        message += f", Failed Validation: {len(schedule.invalid)} ({detail})"
        return Condition("False", conditions.PIPELINE_VALIDATION_FAILED, message)
    if count.failed or count.late:
        return Condition("False", conditions.FAILED, message)
    if schedule.spec_status in ("CancelledRunFinally", "StoppedRunFinally"):
        return Condition("False", conditions.CANCELLED, f'PipelineRun "{schedule.run}" was cancelled')
    if count.cancelled:
        return Condition("False", conditions.CANCELLED, message)
    return Condition("True", conditions.COMPLETED if count.skipped else conditions.SUCCEEDED, message)


def _count(schedule: Schedule) -> _Count:
    count = _Count()
    skips = {**schedule.skips, **schedule.final_skips}
    for name, task in schedule.graph.all.items():
        children = schedule.children.get(name)
        if children is not None and children.succeeded:
            count.succeeded += 1
        elif children is not None and children.timed_out:
            count.failed += 1
        elif children is not None and children.cancelled:
            count.cancelled += 1
        elif children is not None and children.failed:
            if task.on_error == "continue":
                count.ignored += 1
            else:
                count.failed += 1
        elif name in schedule.invalid:
            continue
        elif name in skips:
            count.skipped += 1
            count.late += skips[name] in TIMEOUT_SKIPS
        else:
            count.incomplete += 1
    return count


def _running(schedule: Schedule, count: _Count) -> str:
    if schedule.tasks_timed_out and not schedule.finals_done:
        return conditions.TIMEOUT_RUNNING_FINALLY
    if schedule.spec_status == "CancelledRunFinally":
        return conditions.CANCELLED_RUNNING_FINALLY
    if schedule.spec_status == "StoppedRunFinally":
        return conditions.STOPPED_RUNNING_FINALLY
    if count.cancelled or (count.failed and schedule.finals_done):
        return conditions.STOPPING
    return conditions.RUNNING


def run_results(declared: list[PipelineResult] | None, schedule: Schedule) -> list[dict[str, Any]]:
    """status.results of a finished run. Raises InputError ``pipeline-results`` (reason CouldntGetPipelineResult)."""
    every = schedule.behaviour.results_of_failed_tasks
    held = {
        name: found.results
        for name, found in schedule.children.items()
        if (found.done if every else found.succeeded) and (found.kind == "TaskRun" or len(found.items) == 1)
    }
    succeeded = {name: schedule.state(name) == "Succeeded" for name in schedule.graph.all}
    return results.of_pipeline(declared, held, succeeded)
