"""One look at a PipelineRun: what it needs next is done, and its status says so."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.errors import ConflictError, InputError, InterlockError, NotFoundError
from interlock.formats.tekton import conditions, names
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import Param
from interlock.tekton.engine.pipeline_runs import child_object, child_status, pipeline_plan
from interlock.tekton.engine.pipeline_runs.child_object import API_VERSIONS, Maker
from interlock.tekton.engine.pipeline_runs.pipeline_plan import Plan
from interlock.tekton.engine.services import Services, Written
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec import matrix, params, pipeline_variables, verdict, versions
from interlock.tekton.spec.admission import size
from interlock.tekton.spec.pipeline import PipelineSpec, PipelineTask
from interlock.tekton.spec.progress import Children
from interlock.tekton.spec.runs import (
    CANCELLED_BY_PIPELINE,
    CANCELLED_BY_TIMEOUT,
    CUSTOM_RUN_CANCELLED_BY_PIPELINE,
    CUSTOM_RUN_CANCELLED_BY_TIMEOUT,
    PipelineRun,
)
from interlock.tekton.spec.scheduling import Schedule

_log = logging.getLogger("interlock.tekton.engine")
_IMPOSSIBLE = ("cel-invalid", "result-index")
_CHANGES: Mapping[tuple[str, bool], dict[str, Any]] = {
    ("TaskRun", False): {"status": conditions.TASK_CANCELLED, "statusMessage": CANCELLED_BY_PIPELINE},
    ("TaskRun", True): {"status": conditions.TASK_CANCELLED, "statusMessage": CANCELLED_BY_TIMEOUT},
    ("CustomRun", False): {"status": "RunCancelled", "statusMessage": CUSTOM_RUN_CANCELLED_BY_PIPELINE},
    ("CustomRun", True): {"status": "RunCancelled", "statusMessage": CUSTOM_RUN_CANCELLED_BY_TIMEOUT},
    ("PipelineRun", False): {"status": "Cancelled"},
    ("PipelineRun", True): {"status": "Cancelled"},
}
"""What ends a child, by its kind and whether a time limit is the reason (pr/cancel.go, pr/timeout.go)."""


class PipelineRuns:
    """Reconciles PipelineRuns, one call at a time. ``children`` gives the objects that a run owns, by name.

    ``run`` finds a PipelineRun by namespace and name, to see whether a Pipeline runs itself.
    """

    def __init__(
        self,
        services: Services,
        children: Callable[[str], Mapping[str, Object]],
        run: Callable[[str, str], Object | None] = lambda namespace, name: None,
    ) -> None:
        self._services = services
        self._children = children
        self._run = run
        self._plans: dict[str, Plan] = {}
        self._behaviour = versions.of(services.config.tekton_version)

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
        spec = value.get("spec") or {}
        if spec.get("managedBy") not in (None, "tekton.dev/pipeline"):
            return None
        if spec.get("status") == "PipelineRunPending":
            pending = Condition("Unknown", conditions.PENDING, f'PipelineRun "{written.name}" is pending')
            written.write(conditions.written(written.status, pending, self._services.now()))
            return None
        too_large = size.problem(written.object) if not written.status else None
        if too_large is not None:
            self._finish(written, conditions.failed(conditions.PIPELINE_VALIDATION_FAILED, too_large))
            return None
        try:
            return self._advance(written)
        except Refusal as refusal:
            if refusal.verified is not None:
                written.status = conditions.added(written.status, refusal.verified, self._services.now())
            self._finish(written, conditions.failed(refusal.reason, refusal.message))
        except InterlockError:
            raise
        except Exception as error:
            # A fault of ours must not leave the run open for ever, nor the engine dead.
            _log.exception("PipelineRun %s/%s", written.namespace, written.name)
            message = f"a fault of interlock.local: {type(error).__name__}"
            self._finish(written, conditions.failed(conditions.FAILED, message))
        return None

    def _advance(self, written: Written) -> datetime | None:
        now = self._services.now()
        spec_status = (written.object.get("spec") or {}).get("status") or ""
        owned = self._children(written.uid)
        if spec_status == "Cancelled":
            self._cancel(written, owned.values())
            message = f'PipelineRun "{written.name}" was cancelled'
            self._finish(written, conditions.failed(conditions.CANCELLED, message))
            return None
        plan = self._plan(written)
        status = dict(written.status)
        status.setdefault("startTime", conditions.timestamp(now))
        if "pipelineSpec" not in status:
            status["pipelineSpec"] = plan.status_spec
        if self._services.config.flags.enable_provenance_in_status:
            status["provenance"] = {"featureFlags": self._services.config.flags.to_status()}
            if plan.origin is not None:
                status["provenance"]["refSource"] = dict(plan.origin)
        objects = child_status.by_task(owned.values())
        schedule = self._schedule(written, plan, spec_status, status, objects)
        try:
            return self._act(written, plan, schedule, status, objects)
        except InputError as error:
            if error.code not in _IMPOSSIBLE:
                raise
            # What finished tasks emitted makes another one impossible, which could not be known before.
            raise pipeline_plan.refusal(error, plan.run, plan.pipeline) from error

    def _act(
        self,
        written: Written,
        plan: Plan,
        schedule: Schedule,
        status: dict[str, Any],
        objects: dict[str, list[Object]],
    ) -> datetime | None:
        schedule.check()
        for name in schedule.to_time_out():
            self._cancel(written, objects[name], timed_out=True)
        if schedule.spec_status == "CancelledRunFinally":
            for name, found in schedule.children.items():
                if name in plan.graph.tasks and not found.done:
                    self._cancel(written, objects[name])
        started = [] if schedule.timed_out else [*self._interrupted(status, schedule), *schedule.next()]
        if started:
            schedule = self._start_all(written, plan, schedule, status, objects, started)
        return self._write(written, plan, schedule, status, objects)

    def _plan(self, written: Written) -> Plan:
        plan = self._plans.get(written.uid)
        if plan is not None:
            return plan
        try:
            run = parse(PipelineRun, written.object, what="PipelineRun")
        except InputError as error:
            raise Refusal(conditions.PIPELINE_VALIDATION_FAILED, error.message) from error
        kept = written.status.get("pipelineSpec")
        plan = pipeline_plan.build(self._services, run, started=parse(PipelineSpec, kept) if kept else None)
        self._plans[written.uid] = plan
        held = written.object["metadata"]
        own = held.get("labels") or {}
        labels = {key: text for key, text in plan.labels.items() if key not in own or key == names.LABEL_PIPELINE}
        annotations = {
            key: text
            for key, text in plan.annotations.items()
            if key not in (held.get("annotations") or {}) and key != names.ANNOTATION_LAST_APPLIED
        }
        written.annotate(labels, annotations)
        return plan

    def _schedule(
        self,
        written: Written,
        plan: Plan,
        spec_status: str,
        status: Mapping[str, Any],
        objects: Mapping[str, list[Object]],
    ) -> Schedule:
        finally_start = status.get("finallyStartTime")
        return Schedule(
            run=written.name,
            graph=plan.graph,
            children={
                name: plan.memory.read(name, found, matrixed=_matrixed(plan, name))
                for name, found in objects.items()
                if name in plan.graph.all
            },
            spec_status=spec_status,
            timeouts=child_object.timeouts(plan.run, self._services.config.default_timeout),
            start=conditions.moment(status["startTime"]),
            finally_start=conditions.moment(finally_start) if finally_start else None,
            now=self._services.now(),
            behaviour=self._behaviour,
        )

    def _interrupted(self, status: Mapping[str, Any], schedule: Schedule) -> list[str]:
        """Tasks whose matrix an engine that was killed made only a part of: the status does not name them yet."""
        known = {item["pipelineTaskName"] for item in status.get("childReferences") or []}
        found = []
        for name, children in schedule.children.items():
            if children.matrixed and name not in known:
                value = schedule.resolved(name).matrix
                if value is not None and len(children.items) < matrix.count(value):
                    found.append(name)
        return found

    def _start_all(
        self,
        written: Written,
        plan: Plan,
        schedule: Schedule,
        status: dict[str, Any],
        objects: dict[str, list[Object]],
        started: Iterable[str],
    ) -> Schedule:
        """Create what the tasks become; the facts with it."""
        children = dict(schedule.children)
        maker = Maker(self._services, written, plan, _binding_results(plan, schedule))
        for name in started:
            final = name in plan.graph.finals
            task = schedule.starting(name)
            if task.matrix is not None:
                self._check_matrix(plan, schedule)
            if final:
                status.setdefault("finallyStartTime", conditions.timestamp(schedule.now))
            objects[name] = self._start(written, plan, maker, task, final=final)
            created = tuple(replace(child_status.child(value), condition=None) for value in objects[name])
            children[name] = Children(created, _matrixed(plan, name))
        return replace(schedule, children=children)

    def _check_matrix(self, plan: Plan, schedule: Schedule) -> None:
        try:
            matrix.check_types(schedule.resolved(name) for name in plan.graph.all)
        except InputError as error:
            # Upstream hands its format one value too few, and the message says so.
            quoted = json.dumps(error.message, ensure_ascii=False)
            message = f"{conditions.USER_ERROR}Failed to validate matrix {quoted} with error %!v(MISSING)"
            raise Refusal(conditions.INVALID_MATRIX_TYPES, message) from error

    def _start(self, written: Written, plan: Plan, maker: Maker, task: PipelineTask, *, final: bool) -> list[Object]:
        values = maker.objects(task, final=final)
        if self._services.config.flags.enable_param_enum and task.name in plan.tasks:
            self._check_enums(plan, task, values)
        if task.pipeline_ref is not None:
            self._refuse_cycle(written, plan.pipelines[task.name])
        return [self._create(written, value) for value in values]

    def _check_enums(self, plan: Plan, task: PipelineTask, values: Iterable[Object]) -> None:
        for value in values:
            given = [parse(Param, item) for item in value["spec"].get("params") or []]
            try:
                params.check_enums(plan.tasks[task.name].params, given)
            except InputError as error:
                message = f'Invalid param value from PipelineTask "{task.name}": {error.message}'
                raise Refusal(conditions.INVALID_PARAM, conditions.USER_ERROR + message) from error

    def _refuse_cycle(self, written: Written, pipeline: str) -> None:
        """No Pipeline runs among its own descendants (detectPipelineRefCycle)."""
        current: Object | None = written.object
        visited: list[str] = []
        while current is not None:
            name = (current["metadata"].get("labels") or {}).get(names.LABEL_PIPELINE, "")
            if name == pipeline:
                what = f'pipeline "{pipeline}" is already running in ancestor chain [{" ".join(visited)}]'
                raise Refusal(conditions.CREATE_RUN_FAILED, f"detected cycle in pipeline-in-pipeline: {what}")
            if name:
                visited.append(name)
            owners = [item for item in current["metadata"].get("ownerReferences") or [] if item.get("controller")]
            if not owners or owners[0].get("kind") != "PipelineRun":
                return
            current = self._run(written.namespace, owners[0]["name"])

    def _create(self, written: Written, value: Object) -> Object:
        """Create the object, or adopt the one that an engine killed after creating it left."""
        kind, name = value["kind"], value["metadata"]["name"]
        try:
            created = self._services.client.create(value)
        except ConflictError as error:
            created = self._services.client.get(API_VERSIONS[kind], kind, name, written.namespace)
            owners = {owner["uid"] for owner in created["metadata"].get("ownerReferences") or []}
            if written.uid not in owners:
                message = f'{kind.lower()}s.tekton.dev "{name}" already exists'
                raise Refusal(conditions.CREATE_RUN_FAILED, message) from error
        except InputError as error:
            raise Refusal(conditions.CREATE_RUN_FAILED, error.message) from error
        self._services.published(created)
        return created

    def _write(
        self,
        written: Written,
        plan: Plan,
        schedule: Schedule,
        status: dict[str, Any],
        objects: Mapping[str, list[Object]],
    ) -> datetime | None:
        references = [
            plan.memory.reference(schedule.resolved(name), value)
            for name in plan.graph.all
            for value in objects.get(name, ())
        ]
        if references:
            status["childReferences"] = references
        if skipped := child_status.skipped(schedule):
            status["skippedTasks"] = skipped
        condition = verdict.condition(schedule)
        now = self._services.now()
        if not condition.done:
            written.write(self._with(status, condition, plan, now))
            return schedule.next_deadline()
        try:
            if found := verdict.run_results(plan.spec.results, schedule):
                status["results"] = found
        except InputError as error:
            message = (
                f"Failed to get PipelineResult from TaskRun Results for PipelineRun {written.name}: {error.message}"
            )
            condition = conditions.failed(conditions.COULDNT_GET_PIPELINE_RESULT, message)
        status["completionTime"] = conditions.timestamp(now)
        written.write(self._with(status, condition, plan, now))
        self.forget(written.uid)
        return None

    def _with(self, status: dict[str, Any], condition: Condition, plan: Plan, now: datetime) -> dict[str, Any]:
        status = conditions.written(status, condition, now)
        return status if plan.verified is None else conditions.added(status, plan.verified, now)

    def _finish(self, written: Written, condition: Condition) -> None:
        now = self._services.now()
        status = {"startTime": conditions.timestamp(now), **written.status, "completionTime": conditions.timestamp(now)}
        written.write(conditions.written(status, condition, now))
        self.forget(written.uid)

    def _cancel(self, written: Written, values: Iterable[Object], *, timed_out: bool = False) -> None:
        for value in values:
            kind = value["kind"]
            current = conditions.of(value.get("status"))
            if (kind, timed_out) not in _CHANGES or (current is not None and current.done):
                continue
            if value["spec"].get("status"):
                continue
            try:
                patched = self._services.client.patch(
                    API_VERSIONS[kind],
                    kind,
                    value["metadata"]["name"],
                    {"spec": _CHANGES[kind, timed_out]},
                    namespace=written.namespace,
                )
            except NotFoundError:
                continue
            self._services.published(patched)


def _matrixed(plan: Plan, name: str) -> bool:
    return matrix.is_matrixed(plan.graph.all[name])


def _binding_results(plan: Plan, schedule: Schedule) -> dict[str, str]:
    if not any("$(" in str(binding.to_object()) for binding in plan.bindings.values()):
        return {}
    return pipeline_variables.binding_strings(schedule.children)
