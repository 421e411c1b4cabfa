"""What a PipelineRun has started so far: its children, by PipelineTask, and its time limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from interlock.formats.tekton import conditions, durations
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import ParamValue
from interlock.tekton.spec.runs import CANCELLED_BY_TIMEOUT, CUSTOM_RUN_CANCELLED_BY_TIMEOUT

Kind = Literal["TaskRun", "CustomRun", "PipelineRun"]

_CANCELLED: Mapping[Kind, str] = {"TaskRun": conditions.TASK_CANCELLED, "CustomRun": conditions.CUSTOM_RUN_CANCELLED}
"""The reason of a cancelled child. A child PipelineRun that was cancelled counts as failed, as upstream has it."""


@dataclass(frozen=True, slots=True)
class Child:
    """An object of the run: its condition (None: just created), results, artifacts, and why it was cancelled."""

    condition: Condition | None
    results: Mapping[str, ParamValue] = field(default_factory=dict)
    status_message: str = ""
    name: str = ""
    kind: Kind = "TaskRun"
    artifacts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return self.condition is not None and self.condition.status == "True"

    @property
    def failed(self) -> bool:
        return self.condition is not None and self.condition.status == "False"

    @property
    def cancelled(self) -> bool:
        return self.failed and self.condition is not None and self.condition.reason == _CANCELLED.get(self.kind)

    @property
    def timed_out(self) -> bool:
        """Cancelled since the PipelineRun was over a limit."""
        return self.cancelled and self.status_message in (CANCELLED_BY_TIMEOUT, CUSTOM_RUN_CANCELLED_BY_TIMEOUT)

    @property
    def done(self) -> bool:
        return self.succeeded or self.failed


@dataclass(frozen=True)
class Children:
    """What one PipelineTask became: one object, or with a matrix one for each combination."""

    items: tuple[Child, ...]
    matrixed: bool = False

    @cached_property
    def done(self) -> bool:
        return bool(self.items) and all(child.done for child in self.items)

    @cached_property
    def succeeded(self) -> bool:
        return bool(self.items) and all(child.succeeded for child in self.items)

    @cached_property
    def any_failed(self) -> bool:
        return any(child.failed for child in self.items)

    @property
    def failed(self) -> bool:
        """One failed and all are done: a combination that fails does not end the others (isFailure)."""
        return self.any_failed and self.done

    @property
    def cancelled(self) -> bool:
        return self.done and any(child.cancelled for child in self.items)

    @property
    def timed_out(self) -> bool:
        return self.done and any(child.timed_out for child in self.items)

    @property
    def kind(self) -> Kind:
        return self.items[0].kind

    @property
    def reason(self) -> str:
        """Reason of the first that has not succeeded, else of the first (getReason)."""
        for child in (*(child for child in self.items if not child.succeeded), *self.items[:1]):
            if child.condition is not None:
                return child.condition.reason
        return ""

    @cached_property
    def results(self) -> Mapping[str, ParamValue]:
        """Results by name; of a matrix, in each array, those of all runs by the runs' names (``-10`` before ``-2``).

        A custom task's matrix has none, and no child PipelineRun has (GetRunsResults, GetTaskRunsResults).
        """
        if self.kind == "PipelineRun":
            return {}
        if not self.matrixed:
            return self.items[0].results
        gathered: dict[str, list[str]] = {}
        if self.kind == "TaskRun":
            for child in sorted(self.items, key=lambda child: child.name):
                for name, value in child.results.items():
                    gathered.setdefault(name, []).append(value if isinstance(value, str) else "")
        return dict(gathered)

    @cached_property
    def first(self) -> Child:
        """The first by name: the one that upstream looks at where it looks at one."""
        return min(self.items, key=lambda child: child.name) if self.matrixed else self.items[0]


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


def reached(limit: timedelta | None, start: datetime | None, now: datetime) -> bool:
    return bool(limit) and start is not None and limit is not None and now - start > limit
