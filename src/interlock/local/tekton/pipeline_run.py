"""One look at a PipelineRun: what it needs next is done, and its status says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.errors import ConflictError, InputError, InterlockError, NotFoundError
from interlock.formats.tekton import conditions, durations, names, results, scheduling
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.pipeline import PipelineSpec, PipelineTask
from interlock.formats.tekton.runs import CANCELLED_BY_PIPELINE, CANCELLED_BY_TIMEOUT, PipelineRun
from interlock.formats.tekton.scheduling import Child, Schedule, Timeouts
from interlock.formats.tekton.task import API_VERSION
from interlock.local.tekton import child_object, pipeline_plan
from interlock.local.tekton.pipeline_plan import Plan
from interlock.local.tekton.services import Services, Written
from interlock.local.tekton.task_plan import Refusal

_log = logging.getLogger("interlock.local.tekton")


class PipelineRuns:
    """Reconciles PipelineRuns, one call at a time. ``children`` gives the TaskRuns that a run owns, by name."""

    def __init__(self, services: Services, children: Callable[[str], Mapping[str, Object]]) -> None:
        self._services = services
        self._children = children
        self._plans: dict[str, Plan] = {}

    def forget(self, uid: str) -> None:
        """A run is done or deleted: its plan is not needed any more."""
        self._plans.pop(uid, None)

    def reconcile(self, value: Object) -> datetime | None:
        """Bring the run one step on; when to look again if nothing happens before, for its time limits.

        Raises UnreachableError when the API does not answer: call again.
        """
        written = Written.of(self._services, value)
        current = conditions.of(written.status)
        if current is not None and current.done:
            self.forget(written.uid)
            return None
        try:
            run = parse(PipelineRun, value, what="PipelineRun")
        except InputError as error:
            self._finish(written, conditions.failed(conditions.PIPELINE_VALIDATION_FAILED, error.message))
            return None
        if run.spec.managed_by not in (None, "tekton.dev/pipeline"):
            return None
        if run.spec.status == "PipelineRunPending":
            pending = Condition("Unknown", conditions.PENDING, f'PipelineRun "{written.name}" is pending')
            written.write(conditions.written(written.status, pending, self._services.now()))
            return None
        try:
            return self._advance(written, run)
        except Refusal as refusal:
            self._finish(written, conditions.failed(refusal.reason, refusal.message))
        except InterlockError:
            raise
        except Exception as error:
            # A fault of ours must not leave the run open for ever, nor the engine dead.
            _log.exception("PipelineRun %s/%s", written.namespace, written.name)
            message = f"a fault of interlock.local: {type(error).__name__}"
            self._finish(written, conditions.failed(conditions.FAILED, message))
        return None

    def _advance(self, written: Written, run: PipelineRun) -> datetime | None:
        now = self._services.now()
        if run.spec.status == "Cancelled":
            self._cancel(written, list(self._children(written.uid).values()), CANCELLED_BY_PIPELINE)
            message = f'PipelineRun "{written.name}" was cancelled'
            self._finish(written, conditions.failed(conditions.CANCELLED, message))
            return None
        plan = self._plan(written, run)
        status = dict(written.status)
        status.setdefault("startTime", conditions.timestamp(now))
        status["pipelineSpec"] = plan.spec.to_object()
        status["provenance"] = {"featureFlags": self._services.config.flags.to_status()}
        schedule = self._schedule(written, run, plan, status, now)
        objects = self._task_runs(written)
        for name in schedule.to_time_out():
            self._cancel(written, [objects[name]], CANCELLED_BY_TIMEOUT)
        if run.spec.status == "CancelledRunFinally":
            running = [objects[task.name] for task in plan.spec.tasks or [] if self._runs(schedule, task.name)]
            self._cancel(written, running, CANCELLED_BY_PIPELINE)
        started = schedule.next()
        finals = {task.name for task in plan.spec.finally_ or []}
        if not schedule.timed_out:
            for task in started:
                if task.name in finals:
                    status.setdefault("finallyStartTime", conditions.timestamp(now))
                objects[task.name] = self._start(written, run, plan, task, final=task.name in finals)
        if started:
            children = {**schedule.children, **{task.name: Child(None) for task in started}}
            schedule = replace(schedule, children=children)
        return self._write(written, run, plan, schedule, status, objects)

    @staticmethod
    def _runs(schedule: Schedule, name: str) -> bool:
        child = schedule.children.get(name)
        return child is not None and not child.done

    def _plan(self, written: Written, run: PipelineRun) -> Plan:
        plan = self._plans.get(written.uid)
        if plan is None:
            kept = written.status.get("pipelineSpec")
            plan = pipeline_plan.build(self._services, run, started=parse(PipelineSpec, kept) if kept else None)
            self._plans[written.uid] = plan
            held = written.object["metadata"]
            labels = {key: text for key, text in plan.labels.items() if key not in (held.get("labels") or {})}
            annotations = {
                key: text
                for key, text in plan.annotations.items()
                if key not in (held.get("annotations") or {}) and key != names.ANNOTATION_LAST_APPLIED
            }
            written.annotate(labels, annotations)
        return plan

    def _task_runs(self, written: Written) -> dict[str, Object]:
        """The run's TaskRuns by PipelineTask."""
        return {
            value["metadata"]["labels"][names.LABEL_PIPELINE_TASK]: value
            for value in self._children(written.uid).values()
            if names.LABEL_PIPELINE_TASK in (value["metadata"].get("labels") or {})
        }

    def _schedule(
        self, written: Written, run: PipelineRun, plan: Plan, status: Mapping[str, Any], now: datetime
    ) -> Schedule:
        children = {
            name: Child(
                conditions.of(value.get("status")),
                results.of_status(value.get("status")),
                value.get("spec", {}).get("statusMessage", ""),
            )
            for name, value in self._task_runs(written).items()
        }
        given = run.spec.timeouts
        default = durations.parse(self._services.config.default_timeout)
        finally_start = status.get("finallyStartTime")
        return Schedule(
            run=written.name,
            tasks=plan.spec.tasks or [],
            finals=plan.spec.finally_ or [],
            graph=plan.graph,
            children=children,
            spec_status=run.spec.status,
            timeouts=Timeouts.of(
                given.pipeline if given else None,
                given.tasks if given else None,
                given.finally_ if given else None,
                default,
            ),
            start=conditions.moment(status["startTime"]),
            finally_start=conditions.moment(finally_start) if finally_start else None,
            now=now,
        )

    def _write(
        self,
        written: Written,
        run: PipelineRun,
        plan: Plan,
        schedule: Schedule,
        status: dict[str, Any],
        objects: Mapping[str, Object],
    ) -> datetime | None:
        references = [
            self._reference(task, objects[task.name]) for task in plan.spec.all_tasks() if task.name in objects
        ]
        if references:
            status["childReferences"] = references
        finals = {task.name for task in plan.spec.finally_ or []}
        skipped = []
        for skip in schedule.skipped():
            entry: dict[str, Any] = {"name": skip.name, "reason": skip.reason}
            if skip.task.when and (skip.name not in finals or skip.reason == scheduling.WHEN_FALSE):
                entry["whenExpressions"] = [condition.to_object() for condition in skip.task.when]
            skipped.append(entry)
        if skipped:
            status["skippedTasks"] = skipped
        condition = schedule.condition()
        now = self._services.now()
        if not condition.done:
            written.write(conditions.written(status, condition, now))
            return schedule.next_deadline()
        try:
            found = results.of_pipeline(plan.spec.results, schedule.results, schedule.succeeded())
            if found:
                status["results"] = found
        except InputError as error:
            message = (
                f"Failed to get PipelineResult from TaskRun Results for PipelineRun {written.name}: {error.message}"
            )
            condition = conditions.failed(conditions.COULDNT_GET_PIPELINE_RESULT, message)
        status["completionTime"] = conditions.timestamp(now)
        written.write(conditions.written(status, condition, now))
        self.forget(written.uid)
        return None

    @staticmethod
    def _reference(task: PipelineTask, value: Object) -> dict[str, Any]:
        reference = {
            "apiVersion": API_VERSION,
            "kind": "TaskRun",
            "name": value["metadata"]["name"],
            "pipelineTaskName": task.name,
        }
        if task.display_name:
            reference["displayName"] = task.display_name
        if task.when:
            reference["whenExpressions"] = [condition.to_object() for condition in task.when]
        return reference

    def _finish(self, written: Written, condition: Condition) -> None:
        now = self._services.now()
        status = {"startTime": conditions.timestamp(now), **written.status, "completionTime": conditions.timestamp(now)}
        written.write(conditions.written(status, condition, now))
        self.forget(written.uid)

    def _cancel(self, written: Written, values: list[Object], message: str) -> None:
        for value in values:
            current = conditions.of(value.get("status"))
            if (current is not None and current.done) or value["spec"].get("status"):
                continue
            change = {"spec": {"status": conditions.TASK_CANCELLED, "statusMessage": message}}
            try:
                patched = self._services.client.patch(
                    API_VERSION, "TaskRun", value["metadata"]["name"], change, namespace=written.namespace
                )
            except NotFoundError:
                continue
            self._services.published(patched)

    def _start(self, written: Written, run: PipelineRun, plan: Plan, task: PipelineTask, *, final: bool) -> Object:
        """Create the TaskRun, or adopt the one that an engine killed after creating it left."""
        value = child_object.build(self._services, written, run, plan, task, final=final)
        try:
            created = self._services.client.create(value)
        except ConflictError as error:
            name = value["metadata"]["name"]
            created = self._services.client.get(API_VERSION, "TaskRun", name, written.namespace)
            owners = {owner["uid"] for owner in created["metadata"].get("ownerReferences") or []}
            if written.uid not in owners:
                raise Refusal("CreateRunFailed", f'taskruns.tekton.dev "{name}" already exists') from error
        except InputError as error:
            raise Refusal("CreateRunFailed", error.message) from error
        self._services.published(created)
        return created
