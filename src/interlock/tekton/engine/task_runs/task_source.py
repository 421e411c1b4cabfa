"""Where the Task of a TaskRun comes from: embedded, of the namespace, or resolved; with its StepActions merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InputError, IntegrityError, InterlockError, NotFoundError, RefusedError, UnsupportedError
from interlock.formats.tekton import conditions, names
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import API_VERSION, Param, ResolverRef, Step, StepAction, Task, TaskSpec, step_name
from interlock.tekton.engine.services import Services
from interlock.tekton.spec import step_actions, variables
from interlock.tekton.spec.runs import TaskRun


class Refusal(Exception):
    """The run ends here: a condition reason and its message; ``verified`` is the condition of a failed verification."""

    def __init__(self, reason: str, message: str, verified: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.verified = verified


@dataclass(frozen=True)
class Source:
    """The Task behind a TaskRun: its name, spec (StepActions merged), labels and annotations, and what proves it.

    ``provenance`` is ``status.provenance.refSource`` of a Task that a resolver brought; ``step_provenance`` that of
    the StepActions, by the step's name in the status.
    """

    name: str
    spec: TaskSpec
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    provenance: Mapping[str, Any] | None = None
    step_provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verified: Mapping[str, Any] | None = None
    """The condition TrustedResourcesVerified, where a policy was asked."""


def source(services: Services, run: TaskRun) -> Source:
    """The Task that ``run`` names or holds. Raises Refusal."""
    found = _task(services, run)
    if not any(step.ref is not None for step in found.spec.steps or []):
        return found
    answers = variables.task_params(found.spec.params, run.spec.params)
    steps: list[Step] = []
    provenance: dict[str, Mapping[str, Any]] = {}
    for index, step in enumerate(found.spec.steps or []):
        if step.ref is None:
            steps.append(step)
            continue
        try:
            action, origin = _step_action(services, run, step.ref, variables.in_params(step.ref.params or [], answers))
            steps.append(step_actions.merged(step, action.spec, answers))
        except (InterlockError, Refusal) as error:
            said = error.message
            message = f'failed to resolve step ref for step "{step.name}" (index {index}): {said}'
            raise Refusal(conditions.TASK_RESOLUTION_FAILED, message) from error
        if origin is not None:
            provenance[step_name(step, index).removeprefix("step-")] = origin
    spec = found.spec.model_copy(update={"steps": steps})
    return Source(
        found.name, spec, found.labels, found.annotations, found.provenance, provenance, verified=found.verified
    )


def _task(services: Services, run: TaskRun) -> Source:
    spec = run.spec
    if spec.task_spec is not None:
        return Source(run.metadata.name, spec.task_spec, {}, run.metadata.annotations or {})
    reference = spec.task_ref
    if reference is None or not (reference.name or reference.resolver):
        message = f"taskRun {run.metadata.name} not providing TaskRef or TaskSpec"
        raise Refusal(conditions.TASK_RESOLUTION_FAILED, message)
    provenance = verified = None
    if reference.resolver:
        value, provenance, verified = resolved(services, run, reference, reference.params or [], "Task")
    else:
        try:
            value = services.client.get(API_VERSION, "Task", reference.name, run.metadata.namespace)
        except NotFoundError as error:
            missing = f'tasks.tekton.dev "{reference.name}" not found'
            message = f"error when listing tasks for taskRun {run.metadata.name}: {missing}"
            raise Refusal(conditions.TASK_RESOLUTION_FAILED, message) from error
    try:
        task = parse(Task, value, what=f"Task {value.get('metadata', {}).get('name', reference.name)}")
    except InputError as error:
        raise Refusal(conditions.TASK_VALIDATION_FAILED, error.message) from error
    name = task.metadata.name or reference.name
    labels = {**(task.metadata.labels or {}), names.LABEL_TASK: name}
    return Source(name, task.spec, labels, task.metadata.annotations or {}, provenance, verified=verified)


def resolved(
    services: Services, run: TaskRun, reference: ResolverRef, params: Sequence[Param], kind: str
) -> tuple[dict[str, Any], Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """(object, refSource, condition TrustedResourcesVerified) of what a resolver brings. Raises Refusal."""
    try:
        found = services.resolvers.resolve(
            reference.resolver, params, namespace=run.metadata.namespace, kind=kind, owner=run.metadata.name
        )
    except (InputError, NotFoundError, RefusedError, UnsupportedError, IntegrityError) as error:
        raise Refusal(conditions.TASK_RESOLUTION_FAILED, error.message) from error
    origin = found.source.to_object() if found.source is not None else None
    verdict = services.policies.evaluate(found, run.metadata.namespace)
    if not verdict.ok:
        raise Refusal(conditions.VERIFICATION_FAILED, verdict.message, verdict.condition)
    return found.object, origin, verdict.condition


def _step_action(
    services: Services, run: TaskRun, reference: ResolverRef, params: Sequence[Param]
) -> tuple[StepAction, Mapping[str, Any] | None]:
    origin = None
    if reference.resolver:
        value, origin, _ = resolved(services, run, reference, params, "StepAction")
    else:
        value = _local_step_action(services, reference.name, run.metadata.namespace)
    return parse(StepAction, value, what=f"StepAction {reference.name}"), origin


def _local_step_action(services: Services, name: str, namespace: str) -> dict[str, Any]:
    try:
        return services.client.get("tekton.dev/v1beta1", "StepAction", name, namespace)
    except NotFoundError as error:
        raise NotFoundError(error.code, f'stepactions.tekton.dev "{name}" not found') from error
