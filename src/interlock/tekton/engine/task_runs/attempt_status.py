"""What a TaskRun's status, annotations and pod say of an attempt while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

from interlock.clients.kubernetes import Object
from interlock.errors import InterlockError, UnreachableError
from interlock.formats.tekton import conditions, names
from interlock.formats.tekton.conditions import Condition
from interlock.tekton.engine.services import Services, Written
from interlock.tekton.engine.task_runs import capabilities, step_states, task_plan
from interlock.tekton.engine.task_runs.step_states import State
from interlock.tekton.engine.task_runs.task_plan import Plan
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec.resolution import failure
from interlock.tekton.spec.runs import TaskRun


def tell_resolving(services: Services, written: Written, run: TaskRun) -> None:
    """While a resolver fetches the Task the status says so."""
    reference = run.spec.task_ref
    if reference is None or not reference.resolver or conditions.of(written.status) is not None:
        return
    message = failure.awaiting("TaskRun", namespace=written.namespace, run=written.name)
    waiting = Condition("Unknown", conditions.RESOLVING_TASK, message)
    written.post(conditions.written(written.status, waiting, services.now()))


class AttemptStatus:
    """The states of an attempt's steps and sidecars, and the telling of them."""

    def __init__(self, services: Services, written: Written, run: TaskRun, plan: Plan, retries: int) -> None:
        self._services = services
        self._written = written
        self._run = run
        self._plan = plan
        self._retries = retries
        self.steps: list[State] = [step_states.waiting(plan, container) for container in plan.steps]
        self.sidecars: Callable[[], list[State]] = list
        """The states of those that are listed, asked of whoever runs them."""

    def start_next(self, *, but: int | None) -> None:
        """Show the first step that has not ended as running, unless it is ``but``."""
        for container in self._plan.steps:
            state = self.steps[container.index]
            if "waiting" in state and container.index != but:
                self.steps[container.index] = step_states.running(self._plan, container, self._services.now())
            if "terminated" not in state:
                break

    def post(self) -> None:
        """The status while the attempt runs. Raises Refusal as `tell_pod`."""
        now, source, flags = self._services.now(), self._plan.source, self._services.config.flags
        status = self.with_states(self._written.status) | {
            "podName": self._plan.pod.name,
            "taskSpec": self._masked_spec,
        }
        if flags.enable_provenance_in_status:
            status["provenance"] = {"featureFlags": flags.to_status()}
            if source.provenance is not None:
                status["provenance"]["refSource"] = dict(source.provenance)
        status = conditions.written(status, conditions.TASK_RUNNING, now)
        status = conditions.added(status, capabilities.condition(self._services.isolation), now)
        if source.verified is not None:
            status = conditions.added(status, source.verified, now)
        self._written.post(status)
        self.tell_pod()

    def with_states(self, status: Object) -> Object:
        """``status`` with the steps and sidecars as they are now."""
        found = self.sidecars()
        return {**status, "steps": list(self.steps)} | ({"sidecars": found} if found else {})

    @cached_property
    def _masked_spec(self) -> dict[str, Any]:
        """The spec for the status, without the values of secret params that its variables brought in."""
        spec, masker = self._plan.spec.to_object(), self._plan.masker
        return cast(dict[str, Any], _masked(spec, masker.text)) if masker.knows_secrets else spec

    def tell_pod(self, *, done: bool = False, reason: str = "") -> None:
        """The pod as the states are now. Raises Refusal where the API refuses it (handlePodCreationError)."""
        try:
            self._services.pods.update(
                self._with_template(),
                self._plan.spec,
                list(self.steps),
                self.sidecars(),
                retries=self._retries,
                done=done,
                reason=reason,
                masked=self._plan.masker.text,
            )
        except UnreachableError:
            raise
        except InterlockError as error:
            message = task_plan.pod_problem(self._run, error.message)
            raise Refusal(conditions.POD_CREATION_FAILED, message) from error

    def _with_template(self) -> Object:
        """The TaskRun with its podTemplate's params filled in, as its pod has it (ApplyPodTemplateReplacements)."""
        value, template = self._written.object, self._plan.template.to_object()
        return {**value, "spec": {**value["spec"], "podTemplate": template}} if template else value

    def annotate(self, reported: Sequence[dict[str, str]] = ()) -> str:
        """The Task's labels and annotations, and what was executed how; ``reported`` are tools that steps named."""
        plan = self._plan
        roots = {container.spec.image: container.root for container in plan.containers}
        notes = {note for root in roots.values() for note in root.notes}
        tools = [tool for root in roots.values() for tool in root.tools]
        text = capabilities.annotation(
            level=self._services.isolation.level,
            network=plan.network,
            images={image: root.executor for image, root in roots.items()},
            tools=[*{tuple(sorted(tool.items())): tool for tool in tools}.values(), *reported],
            not_enforced={*plan.not_enforced, *self._services.isolation.not_enforced, *notes},
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
        return text


def _masked(value: object, mask: Callable[[str], str]) -> object:
    """A JSON value with every string masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    return {key: _masked(item, mask) for key, item in value.items()} if isinstance(value, dict) else value
