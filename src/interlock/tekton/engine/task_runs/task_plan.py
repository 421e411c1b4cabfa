"""A TaskRun before its first step: everything resolved, validated and refused that can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnsupportedError
from interlock.formats.tekton import conditions, environment_leak, names, validation
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import Sidecar, Step, TaskSpec, WorkspaceDeclaration, step_name
from interlock.tekton.engine.images import Root
from interlock.tekton.engine.masking import Masker
from interlock.tekton.engine.masking import values as secret_values
from interlock.tekton.engine.services import Services
from interlock.tekton.engine.task_runs.inputs import Inputs
from interlock.tekton.engine.task_runs.task_source import Refusal as Refusal
from interlock.tekton.engine.task_runs.task_source import Source
from interlock.tekton.engine.task_runs.volumes import Places, Volume
from interlock.tekton.spec import (
    injection,
    params,
    reconciler_checks,
    resources,
    unexecuted,
    variables,
)
from interlock.tekton.spec import pod as pods
from interlock.tekton.spec.downward import PodFacts
from interlock.tekton.spec.runs import PodTemplate, TaskRun, WorkspaceBinding


@dataclass(frozen=True)
class Container:
    """A step or sidecar of a plan: its place, the name of its container, what is written, its root file system.

    ``memory`` is its limit in bytes, if it has one.
    """

    index: int
    name: str
    spec: Step | Sidecar
    root: Root
    memory: int | None = None


@dataclass(frozen=True)
class Plan:
    """A TaskRun that may start."""

    source: Source
    spec: TaskSpec
    """As the status shows it: variables replaced, StepActions merged."""
    steps: Sequence[Container]
    sidecars: Sequence[Container]
    network: Mapping[str, str]
    """Endpoint name -> host:port."""
    volumes: Mapping[str, Volume]
    workspaces: Mapping[str, Volume]
    declarations: Sequence[WorkspaceDeclaration]
    credentials: Mapping[str, bytes]
    pod: PodFacts
    template: PodTemplate
    inputs: Inputs
    masker: Masker
    hermetic: bool
    not_enforced: Sequence[str] = field(default=())

    @property
    def hostname(self) -> str:
        return self.pod.name[:63].rstrip("-.")

    @property
    def containers(self) -> Iterator[Container]:
        yield from self.steps
        yield from self.sidecars


def build(
    services: Services, run: TaskRun, origin: Source, *, folder: Path, retries: int, resolved: TaskSpec | None
) -> Plan:
    """Validate and resolve. ``folder`` is the attempt's; ``resolved`` is the spec of an attempt that is resumed.

    Raises Refusal, with upstream's reasons.
    """
    try:
        return _build(services, run, origin, folder, retries, resolved)
    except NotFoundError as error:
        if error.code != "input-missing":
            raise
        raise Refusal(conditions.CONFIG_ERROR, f"Failed to create pod due to config error: {error.message}") from error
    except UnsupportedError as error:
        if error.code.startswith("image-"):
            raise Refusal(conditions.IMAGE_FAILED, _said(error)) from error
        raise Refusal(conditions.TASK_VALIDATION_FAILED, _said(error)) from error
    except (InputError, RefusedError) as error:
        reason = conditions.INVALID_PARAM if error.code == "param-enum" else conditions.TASK_VALIDATION_FAILED
        raise Refusal(reason, _said(error)) from error


_OURS = ("task-prints-environment", "image-tool-missing", "image-dialect", injection.RULE)
_USER_ERRORS = ("params-invalid", "workspace-bindings", "param-enum", "resource-requests", "step-override")


def _said(error: InterlockError) -> str:
    """The message; with our code where a rule of ours refused."""
    if error.code in _OURS:
        return f"{error.message} [{error.code}]"
    return conditions.USER_ERROR + error.message if error.code in _USER_ERRORS else error.message


def _build(
    services: Services, run: TaskRun, origin: Source, folder: Path, retries: int, resolved: TaskSpec | None
) -> Plan:
    spec, flags = run.spec, services.config.flags
    unexecuted.refuse(run.spec)
    unexecuted.refuse(origin.spec)
    validation.task(origin.spec)
    reconciler_checks.resource_requests(origin.spec)
    params.check_task(origin.name, origin.spec.params, spec.params)
    if names.LABEL_PIPELINE_RUN not in (run.metadata.labels or {}):
        # A PipelineRun was held against this whole: its params have other names inside a task.
        injection.refuse(run.metadata.to_object(), {**spec.to_object(), "taskSpec": origin.spec.to_object()})
    if flags.enable_param_enum:
        params.check_enums(origin.spec.params, spec.params)
    params.check_indices(origin.spec.params, spec.params, params.texts(origin.spec.to_object().get("steps", [])))
    answers = variables.task_params(origin.spec.params, spec.params)
    bindings = _bindings(services, run, origin)
    declarations = list(origin.spec.workspaces or [])
    if spec.task_spec is not None:
        declared = {item.name for item in declarations}
        declarations += [
            parse(WorkspaceDeclaration, {"name": item.name}) for item in bindings if item.name not in declared
        ]
    reconciler_checks.task_bindings(declarations, bindings, one_claim=flags.coschedule == "workspaces")
    reconciler_checks.overrides(origin.spec, run.spec)
    bindings = variables.in_bindings(bindings, answers.strings)
    if resolved is None:
        meta = run.metadata
        resolved = variables.resolved_task(
            origin.spec,
            params=answers,
            context=variables.task_context(origin.name, meta.name, meta.namespace, meta.uid, retries),
            bindings=bindings,
            declarations=declarations,
        )
        # What the variables brought in is held to the same rules.
        validation.task(resolved)
    ready = variables.executable(resolved)
    if services.config.refuse_environment_leaks:
        environment_leak.refuse(ready)
    pod = _pod(run, origin, retries, ready)
    inputs = Inputs(services.client, pod)
    places = Places(services.storage, inputs, run.metadata.namespace, run.metadata.uid, folder)
    template = variables.in_pod_template(spec.pod_template or PodTemplate(), answers)
    plan = Plan(
        source=origin,
        spec=resolved,
        steps=_containers(services, run, [(step_name(item, at), item) for at, item in enumerate(ready.steps or [])]),
        sidecars=_containers(services, run, [(pods.sidecar_name(item.name), item) for item in ready.sidecars or []]),
        network=_network(services, origin),
        volumes={item.name: places.volume(item) for item in (*(ready.volumes or []), *(template.volumes or []))},
        workspaces={binding.name: places.workspace(binding) for binding in bindings},
        declarations=_substituted(declarations, resolved),
        credentials={} if flags.disable_creds_init else inputs.credential_files(spec.service_account_name),
        pod=pod,
        template=template,
        inputs=inputs,
        masker=Masker(()),
        hermetic=flags.alpha and run.hermetic,
        not_enforced=sorted({*unexecuted.not_enforced(run.spec), *unexecuted.not_enforced(ready)}),
    )
    _refuse_unknown_volumes(run, plan)
    for container in plan.containers:
        inputs.environment(container.spec, {}, container=container.name, extra=template.env or [])
    return replace(
        plan, masker=Masker([*inputs.maskable(), *secret_values.of(services.client, run, origin.annotations, answers)])
    )


def _refuse_unknown_volumes(run: TaskRun, plan: Plan) -> None:
    """A mount of a volume that neither Task nor podTemplate has: the API refuses the Pod. Raises Refusal."""
    known = {*plan.volumes, *(f"ws-{name}" for name in plan.workspaces)}
    for container in plan.containers:
        for position, mount in enumerate(container.spec.volume_mounts or []):
            if mount.name not in known:
                field = f"spec.containers[{container.index}].volumeMounts[{position}].name"
                problem = f'Pod "{plan.pod.name}" is invalid: {field}: Not found: "{mount.name}"'
                raise Refusal(conditions.POD_CREATION_FAILED, pod_problem(run, problem))


def pod_problem(run: TaskRun, problem: str) -> str:
    """Message of a run whose Pod the API refuses (tr/taskrun.go handlePodCreationError)."""
    named = run.spec.task_ref.name if run.spec.task_ref is not None else ""
    maybe = f"missing or invalid Task {run.metadata.namespace}/{named}" if named else "invalid TaskSpec"
    return f'failed to create task run pod "{run.metadata.name}": {problem}. Maybe {maybe}'


def _bindings(services: Services, run: TaskRun, origin: Source) -> list[WorkspaceBinding]:
    """The run's bindings, and the configured default for what it leaves open."""
    given = list(run.spec.workspaces or [])
    default = services.config.default_task_run_workspace_binding
    if default is None:
        return given
    bound = {item.name for item in given}
    missing = [item.name for item in origin.spec.workspaces or [] if not item.optional and item.name not in bound]
    return given + [parse(WorkspaceBinding, {**default, "name": name}) for name in missing]


def _substituted(declared: Sequence[WorkspaceDeclaration], resolved: TaskSpec) -> list[WorkspaceDeclaration]:
    own = {item.name: item for item in resolved.workspaces or []}
    return [own.get(item.name, item) for item in declared]


def _containers(services: Services, run: TaskRun, named: Sequence[tuple[str, Step | Sidecar]]) -> list[Container]:
    """An image that nothing stands for ends the run before its first step."""
    found = []
    for index, (name, spec) in enumerate(named):
        root = services.images.root(spec.image, script=spec.script, command=spec.command or (), args=spec.args or ())
        found.append(Container(index, name, spec, root, resources.memory_limit(resources.of(spec, run.spec))))
    return found


def _pod(run: TaskRun, origin: Source, retries: int, spec: TaskSpec) -> PodFacts:
    meta = run.metadata
    asked = {step_name(step, index): resources.of(step, run.spec) for index, step in enumerate(spec.steps or [])}
    return PodFacts(
        name=names.pod(meta.name, retries),
        namespace=meta.namespace,
        uid=meta.uid,
        service_account=run.spec.service_account_name or "default",
        labels={**origin.labels, **(meta.labels or {}), names.LABEL_TASK_RUN: meta.name},
        annotations={**origin.annotations, **(meta.annotations or {})},
        resources={name: resources.flat(found) for name, found in asked.items()},
    )


def _network(services: Services, origin: Source) -> dict[str, str]:
    wanted = (origin.annotations.get(names.ANNOTATION_NETWORK) or "").replace(",", " ").split()
    known = services.config.endpoints
    for name in wanted:
        if name not in known:
            raise InputError(
                "endpoint-unknown",
                f"{names.ANNOTATION_NETWORK} names an endpoint that the engine does not have: {name}",
                expected=", ".join(sorted(known)),
            )
    return {name: known[name] for name in wanted}
