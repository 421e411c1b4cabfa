"""What a PipelineRun does next, from the state of its children: a pure re-statement of upstream's reconciler.

pr/resources/pipelinerunstate.go (queues), pipelinerunresolution.go (skip), resultrefresolution.go (references). The
order of the skip reasons and every text are upstream's. One judgement reads each task and each edge once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from interlock.errors import InputError
from interlock.formats.tekton import substitution
from interlock.formats.tekton.substitution import Replacements
from interlock.tekton.spec import matrix, pipeline_variables, references, results, when
from interlock.tekton.spec.graph import Graph
from interlock.tekton.spec.pipeline import PipelineTask
from interlock.tekton.spec.progress import Children, Timeouts, reached
from interlock.tekton.spec.references import ResultRef
from interlock.tekton.spec.versions import BEHAVIOURS, Behaviour

STOPPING = "PipelineRun was stopping"
GRACEFULLY_CANCELLED = "PipelineRun was gracefully cancelled"
GRACEFULLY_STOPPED = "PipelineRun was gracefully stopped"
WHEN_FALSE = "When Expressions evaluated to false"
PARENT_SKIPPED = "Parent Tasks were skipped"
RESULTS_MISSING = "Results were missing"
PIPELINE_TIMED_OUT = "PipelineRun timeout has been reached"
TASKS_TIMED_OUT = "PipelineRun Tasks timeout has been reached"
FINALLY_TIMED_OUT = "PipelineRun Finally timeout has been reached"
EMPTY_MATRIX = "Matrix Parameters have an empty array"
TIMEOUT_SKIPS = (PIPELINE_TIMED_OUT, TASKS_TIMED_OUT, FINALLY_TIMED_OUT)
GRACEFUL = {"CancelledRunFinally": GRACEFULLY_CANCELLED, "StoppedRunFinally": GRACEFULLY_STOPPED}


@dataclass(frozen=True)
class Skip:
    """A task that will not run: an entry of status.skippedTasks."""

    name: str
    reason: str
    task: PipelineTask


@dataclass(frozen=True)
class Schedule:
    """The facts of one moment. The graph's tasks are the Pipeline's with params and context applied.

    A judgement raises InputError ``cel-invalid`` (reason CELEvaluationFailed) or ``result-index`` where a finished
    task's results make a task impossible.
    """

    run: str
    graph: Graph
    children: Mapping[str, Children]
    spec_status: str
    timeouts: Timeouts
    start: datetime
    finally_start: datetime | None
    now: datetime
    behaviour: Behaviour = BEHAVIOURS["1.15"]

    @cached_property
    def _heads(self) -> dict[str, PipelineTask]:
        return {}

    def _answers(self, name: str) -> Replacements | None:
        """What the task's result references answer; None if one cannot be answered yet or ever.

        All or nothing, as upstream's ResolveResultRefs: with one result missing, no other is filled in either.
        """
        found: list[tuple[ResultRef, Replacements]] = []
        for ref in self.graph.references.get(name, ()):
            producer = self.children.get(ref.task)
            if producer is None or not producer.done or ref.result not in producer.results:
                return None
            value = results.for_reference(producer.results[ref.result], custom=producer.kind == "CustomRun")
            if ref.index is not None and isinstance(value, list) and ref.index >= len(value):
                where = f"Task {ref.task} Result {ref.result} is out of bound of size {len(value)}"
                raise InputError("result-index", f"array Result Index {ref.index} for {where}")
            found.append(
                (ref, substitution.of_value(substitution.spellings(f"tasks.{ref.task}.results", ref.result), value))
            )
        return substitution.merged(item for _, item in found)

    def resolved(self, name: str) -> PipelineTask:
        """The task with the results, and for a finally task the states, of the others: its embedded task aside."""
        if (head := self._heads.get(name)) is not None:
            return head
        task = self.graph.all[name]
        if name not in self.graph.references and name not in self.graph.finals:
            return task
        answers = self._answers(name) or Replacements()
        if name in self.graph.finals:
            answers = self.status_variables | answers
        if answers.strings or answers.arrays or answers.objects:
            task = pipeline_variables.in_task(task, answers)
        self._heads[name] = task
        return task

    def starting(self, name: str) -> PipelineTask:
        """The task as its runs are made from it (ApplyPipelineTaskContexts, PropagateResults, PropagateArtifacts)."""
        task = pipeline_variables.in_task(self.resolved(name), Replacements(self._context(self.resolved(name))))
        if task.task_spec is None:
            return task
        done = {
            key: found
            for key, found in self.children.items()
            if (found.done if self.behaviour.results_of_failed_tasks else found.succeeded) and found.kind == "TaskRun"
        }
        return pipeline_variables.with_results(task, done)

    def _context(self, task: PipelineTask) -> dict[str, str]:
        """``context.pipelineTask.retries``, ``tasks.X.matrix.length`` and ``tasks.X.matrix.R.length``."""
        strings = {"context.pipelineTask.retries": str(task.retries)}
        for param in task.params or []:
            for expression in substitution.references(param.value):
                parts = expression.split(".")
                if len(parts) < 4 or parts[0] != "tasks" or parts[2] != "matrix" or parts[-1] != "length":
                    continue
                other = self.graph.tasks.get(parts[1])
                if len(parts) == 4:
                    if other is not None:
                        strings[expression] = str(matrix.count(other.matrix) if other.matrix else 0)
                elif parts[1] in self.children:
                    value = self.children[parts[1]].results.get(".".join(parts[3:-1]), [])
                    strings[expression] = str(len(value) if isinstance(value, list) else 0)
        return strings

    @cached_property
    def _failed(self) -> bool:
        return any(
            found.failed and self.graph.tasks[name].on_error != "continue"
            for name, found in self.children.items()
            if name in self.graph.tasks
        )

    def check(self) -> None:
        """Raise InputError ``result-index`` as soon as a waiting task's array index is known to be out of range."""
        for name in self.graph.references:
            if name not in self.children:
                self._answers(name)

    @cached_property
    def _verdicts(self) -> tuple[dict[str, str], dict[str, str]]:
        """(skip reason, validation message) by task that has not started and never will.

        A task that cannot start for want of a result stops the run as a failed one does (IsStopping).
        """
        waiting = [name for name in self.graph.order if name not in self.children]
        if self._failed:
            return dict.fromkeys(waiting, STOPPING), {}
        if self.spec_status in GRACEFUL:
            return dict.fromkeys(waiting, GRACEFUL[self.spec_status]), {}
        skips: dict[str, str] = {}
        invalid: dict[str, str] = {}
        for name in waiting:
            if (why := self._skip(name, skips)) is not None:
                skips[name] = why
            elif self._parents_done(name, skips) and (message := self._missing_result(name)) is not None:
                invalid[name] = message
        if invalid:
            skips = {name: STOPPING for name in waiting if name not in invalid}
        return skips, invalid

    @property
    def skips(self) -> dict[str, str]:
        return self._verdicts[0]

    @property
    def invalid(self) -> dict[str, str]:
        """Tasks that cannot start since a finished task did not write a result they need, with the message."""
        return self._verdicts[1]

    def _missing_result(self, name: str) -> str | None:
        """Why the task's references cannot be answered (CheckMissingResultReferences)."""
        if self._answers(name) is not None:
            return None
        for ref in self.graph.references[name]:
            producer = self.children.get(ref.task)
            if producer is None:
                kind = "CustomRuns" if _is_custom(self.graph.tasks.get(ref.task)) else "TaskRuns"
                return f'Result reference error: Internal result ref "{ref.task}" has zero-length {kind}'
            if ref.result in producer.first.results:
                continue
            if producer.succeeded:
                return (
                    f'task "{ref.task}" completed successfully but did not emit the result "{ref.result}", '
                    f'which is referenced by task "{name}"'
                )
            return (
                f"Invalid task result reference: Could not find result with name {ref.result} "
                f"for pipeline task {ref.task}"
            )
        return None

    def _parents_done(self, name: str, skipped: Mapping[str, str]) -> bool:
        for parent in self.graph.parents[name]:
            found = self.children.get(parent)
            if parent not in skipped and not (found is not None and found.done):
                return False
        return True

    def _skip(self, name: str, skipped: Mapping[str, str]) -> str | None:
        """The rest of pipelinerunresolution.go skip(), in its order; ``skipped`` holds what is known to be skipped."""
        ready = self._parents_done(name, skipped)
        if ready and not when.allows(self.resolved(name).when):
            return WHEN_FALSE
        # A task skipped by its own `when` does not skip those that are only ordered after it.
        if any(skipped.get(parent, WHEN_FALSE) != WHEN_FALSE for parent in self.graph.parents[name]):
            return PARENT_SKIPPED
        if not ready:
            return None
        if self._results_missing(name, skipped):
            return RESULTS_MISSING
        if reached(self.timeouts.pipeline, self.start, self.now):
            return PIPELINE_TIMED_OUT
        if reached(self.timeouts.tasks, self.start, self.now):
            return TASKS_TIMED_OUT
        return self._empty_matrix(name)

    def _empty_matrix(self, name: str) -> str | None:
        found = self.resolved(name).matrix
        return EMPTY_MATRIX if found is not None and matrix.has_empty_array(found) else None

    def _results_missing(self, name: str, skipped: Mapping[str, str]) -> bool:
        """A referenced task was skipped by ``when``, or this one may fail (skipBecauseResultReferencesAreMissing).

        Only for references in params and when: upstream does not look at the others here.
        """
        if name not in self.graph.references or self._answers(name) is not None:
            return False
        task = self.graph.tasks[name]
        if not any(references.parse(item) for item in references.plain_expressions(task)):
            return False
        for ref in self.graph.references[name]:
            producer = self.children.get(ref.task)
            if producer is None or ref.result not in producer.results:
                return task.on_error == "continue" or skipped.get(ref.task) == WHEN_FALSE
        return False

    @cached_property
    def tasks_done(self) -> bool:
        """Every task, finally tasks aside, has ended."""
        return len(self._ended) == len(self.graph.tasks)

    @cached_property
    def _ended(self) -> set[str]:
        """Names of the tasks that succeeded, failed, were skipped or cannot start."""
        skips, invalid = self._verdicts
        done = {name for name, found in self.children.items() if found.done and name in self.graph.tasks}
        return done | skips.keys() | invalid.keys()

    @property
    def finals_done(self) -> bool:
        return all(
            found.done if (found := self.children.get(name)) is not None else name in self.final_skips
            for name in self.graph.finals
        )

    @cached_property
    def final_skips(self) -> dict[str, str]:
        """Skip reason by finally task; they are judged only when all tasks are done (IsFinallySkipped)."""
        if not self.tasks_done:
            return {}
        found: dict[str, str] = {}
        for name in self.graph.finals:
            if name not in self.children and (why := self._final_skip(name)) is not None:
                found[name] = why
        return found

    def _final_skip(self, name: str) -> str | None:
        if name in self.graph.references and self._answers(name) is None:
            return RESULTS_MISSING
        if not when.allows(self.resolved(name).when):
            return WHEN_FALSE
        if reached(self.timeouts.pipeline, self.start, self.now):
            return PIPELINE_TIMED_OUT
        if reached(self.timeouts.finally_, self.finally_start, self.now):
            return FINALLY_TIMED_OUT
        return self._empty_matrix(name)

    def next(self) -> list[str]:
        """Names of the tasks to start now. Those of one call may run side by side."""
        if self.spec_status in ("Cancelled", "PipelineRunPending"):
            return []
        if self.tasks_done:
            return [name for name in self.graph.finals if name not in self.children and name not in self.final_skips]
        if self._failed or self.invalid or self.spec_status in GRACEFUL:
            return []
        return [name for name in self.graph.ready(self._ended) if name not in self.children]

    @property
    def timed_out(self) -> bool:
        return reached(self.timeouts.pipeline, self.start, self.now)

    @property
    def tasks_timed_out(self) -> bool:
        return reached(self.timeouts.tasks, self.start, self.now)

    def to_time_out(self) -> list[str]:
        """Names of running tasks whose section is over its limit."""
        if self.timed_out:
            names = list(self.children)
        elif self.finally_start is None and self.tasks_timed_out:
            names = list(self.graph.tasks)
        elif reached(self.timeouts.finally_, self.finally_start, self.now):
            names = list(self.graph.finals)
        else:
            return []
        return [name for name in names if (found := self.children.get(name)) is not None and not found.done]

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
        found = {**self.skips, **self.final_skips}
        return [Skip(name, found[name], self.resolved(name)) for name in self.graph.all if name in found]

    @cached_property
    def status_variables(self) -> Replacements:
        """``tasks.X.status``, ``tasks.X.reason`` and ``tasks.status``: for finally tasks alone."""
        strings: dict[str, str] = {}
        for name in self.graph.tasks:
            strings[f"tasks.{name}.status"] = self.state(name)
            strings[f"tasks.{name}.reason"] = self.children[name].reason if name in self.children else ""
        aggregate = "None"
        if self.tasks_done:
            failed = any(found.any_failed for name, found in self.children.items() if name in self.graph.tasks)
            aggregate = "Failed" if failed else "Completed" if self.skips else "Succeeded"
        strings["tasks.status"] = aggregate
        return Replacements(strings)

    def state(self, name: str) -> str:
        """``Succeeded``, ``Failed`` as soon as one run failed, else ``None`` (GetPipelineTaskStatus)."""
        found = self.children.get(name)
        return "Succeeded" if found and found.succeeded else "Failed" if found and found.any_failed else "None"


def _is_custom(task: PipelineTask | None) -> bool:
    return task is not None and pipeline_variables.is_custom(task)
