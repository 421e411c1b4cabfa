"""A TaskRun before its first step: everything resolved, validated and refused that can be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnsupportedError
from interlock.formats.tekton import (
    conditions,
    environment_leak,
    names,
    params,
    unexecuted,
    validation,
    variables,
)
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.runs import TaskRun, WorkspaceBinding
from interlock.formats.tekton.task import API_VERSION, Step, Task, TaskSpec, WorkspaceDeclaration, step_name
from interlock.local.tekton.inputs import Inputs
from interlock.local.tekton.masking import Masker
from interlock.local.tekton.sandbox import Bind, Tree
from interlock.local.tekton.services import Services
from interlock.local.tekton.storage import checked

TOOLBOX = "installed-toolbox"
HOST = "host-tools"


class Refusal(Exception):
    """The run ends here: a condition reason and its message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Source:
    """The Task behind a TaskRun: its name (empty if embedded), spec, labels and annotations."""

    name: str
    spec: TaskSpec
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Volume:
    """What a volume or workspace is: a folder of this machine, or files from the cluster."""

    folder: Path | None = None
    files: Mapping[str, bytes] | None = None
    shared: bool = False
    sub_path: str = ""
    read_only: bool = False

    def mount(self, target: str, *, read_only: bool, sub_path: str = "") -> Bind | Tree:
        """At ``target`` in a sandbox. Raises RefusedError ``path-climbs``."""
        validation.climbing(sub_path, "subPath")
        below = "/".join(part for part in (self.sub_path, sub_path) if part)
        if self.folder is not None:
            return Bind(self.folder, target, read_only or self.read_only, below, self.shared)
        held = self.files or {}
        if below:
            held = {name[len(below) + 1 :]: data for name, data in held.items() if name.startswith(below + "/")}
        return Tree(target, held)


@dataclass(frozen=True)
class Plan:
    """A TaskRun that may start."""

    source: Source
    spec: TaskSpec
    """Every variable replaced, the stepTemplate merged."""
    executors: Mapping[str, str]
    """Image reference -> what executes it."""
    network: Mapping[str, str]
    """Endpoint name -> host:port."""
    volumes: Mapping[str, Volume]
    workspaces: Mapping[str, Volume]
    declarations: Sequence[WorkspaceDeclaration]
    credentials: Mapping[str, bytes]
    inputs: Inputs
    masker: Masker
    not_enforced: Sequence[str] = field(default=())

    @property
    def steps(self) -> list[tuple[int, str, Step]]:
        """(index, container name, step)."""
        return [(index, step_name(step, index), step) for index, step in enumerate(self.spec.steps or [])]


def source(services: Services, run: TaskRun) -> Source:
    """The Task that ``run`` names or holds. Raises Refusal."""
    spec = run.spec
    if spec.task_spec is not None:
        return Source("", spec.task_spec, {}, run.metadata.annotations or {})
    if spec.task_ref is None:
        message = f"taskRun {run.metadata.name} not providing TaskRef or TaskSpec"
        raise Refusal(conditions.TASK_RESOLUTION_FAILED, message)
    name = spec.task_ref.name
    try:
        found = services.client.get(API_VERSION, "Task", name, run.metadata.namespace)
    except NotFoundError as error:
        message = f'error when listing tasks for taskRun {run.metadata.name}: tasks.tekton.dev "{name}" not found'
        raise Refusal(conditions.TASK_RESOLUTION_FAILED, message) from error
    try:
        task = parse(Task, found, what=f"Task {name}")
    except InputError as error:
        raise Refusal(conditions.TASK_VALIDATION_FAILED, error.message) from error
    labels = {**(task.metadata.labels or {}), names.LABEL_TASK: name}
    return Source(name, task.spec, labels, task.metadata.annotations or {})


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
    except (InputError, UnsupportedError, RefusedError) as error:
        raise Refusal(conditions.TASK_VALIDATION_FAILED, _said(error)) from error


def _said(error: InterlockError) -> str:
    """The message; with our code where a rule of ours refused."""
    if error.code in ("task-prints-environment",):
        return f"{error.message} [{error.code}]"
    return (
        conditions.USER_ERROR + error.message
        if error.code in ("params-invalid", "workspace-bindings")
        else error.message
    )


def _build(
    services: Services, run: TaskRun, origin: Source, folder: Path, retries: int, resolved: TaskSpec | None
) -> Plan:
    spec, given = run.spec, run.spec.params
    unexecuted.refuse(run.spec)
    unexecuted.refuse(origin.spec)
    validation.task(origin.spec)
    params.check_task(origin.name, origin.spec.params, given)
    params.check_indices(origin.spec.params, given, params.texts(origin.spec.to_object().get("steps", [])))
    answers = variables.task_params(origin.spec.params, given)
    bindings = variables.in_bindings(spec.workspaces, answers.strings)
    declarations = list(origin.spec.workspaces or [])
    if spec.task_spec is not None:
        declared = {item.name for item in declarations}
        declarations += [
            parse(WorkspaceDeclaration, {"name": item.name}) for item in bindings if item.name not in declared
        ]
    validation.task_bindings(declarations, bindings)
    if resolved is None:
        meta = run.metadata
        resolved = variables.resolved_task(
            variables.merged_steps(origin.spec),
            params=answers,
            context=variables.task_context(origin.name, meta.name, meta.namespace, meta.uid, retries),
            bindings=bindings,
            declarations=declarations,
        )
        # What the variables brought in is held to the same rules.
        validation.task(resolved)
    environment_leak.refuse(resolved)
    inputs = Inputs(services.client, run.metadata.namespace)
    plan = Plan(
        source=origin,
        spec=resolved,
        executors=_executors(services, resolved),
        network=_network(services, origin),
        volumes=_volumes(services, run, resolved, inputs, folder),
        workspaces=_workspaces(services, run, bindings, inputs, folder),
        declarations=_substituted(declarations, resolved),
        credentials=inputs.credential_files(spec.service_account_name),
        inputs=inputs,
        masker=Masker(()),
        not_enforced=sorted({*unexecuted.not_enforced(run.spec), *unexecuted.not_enforced(resolved)}),
    )
    for _, _, step in plan.steps:
        inputs.environment(step, {})
    return Plan(**{**plan.__dict__, "masker": Masker(inputs.maskable())})


def _substituted(declared: Sequence[WorkspaceDeclaration], resolved: TaskSpec) -> list[WorkspaceDeclaration]:
    own = {item.name: item for item in resolved.workspaces or []}
    return [own.get(item.name, item) for item in declared]


def _executors(services: Services, spec: TaskSpec) -> dict[str, str]:
    """What executes each image; an image that nothing stands for ends the run before its first step."""
    found: dict[str, str] = {}
    for step in spec.steps or []:
        if step.image in services.config.images:
            found[step.image] = TOOLBOX
        elif step.image in services.config.host_images:
            found[step.image] = HOST
            if not step.script and not step.command:
                raise UnsupportedError(
                    "tekton-not-executed", f"interlock.local does not execute the entrypoint of image {step.image} yet"
                )
        else:
            message = f"image {step.image} cannot be executed by interlock.local"
            raise Refusal(conditions.IMAGE_FAILED, message)
    return found


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


def _volumes(services: Services, run: TaskRun, spec: TaskSpec, inputs: Inputs, folder: Path) -> dict[str, Volume]:
    found: dict[str, Volume] = {}
    for volume in spec.volumes or []:
        if volume.secret is not None:
            found[volume.name] = Volume(files=inputs.secret_files(volume.secret))
        elif volume.config_map is not None:
            found[volume.name] = Volume(files=inputs.config_map_files(volume.config_map))
        elif volume.persistent_volume_claim is not None:
            claim = volume.persistent_volume_claim
            claimed = services.storage.claim(run.metadata.namespace, claim.claim_name)
            found[volume.name] = Volume(claimed, shared=True, read_only=claim.read_only)
        else:
            found[volume.name] = Volume(_empty(folder / "volumes" / checked(volume.name)))
    return found


def _workspaces(
    services: Services, run: TaskRun, bindings: Sequence[WorkspaceBinding], inputs: Inputs, folder: Path
) -> dict[str, Volume]:
    found: dict[str, Volume] = {}
    for binding in bindings:
        validation.climbing(binding.sub_path, f"workspaces.{binding.name}.subPath")
        if binding.secret is not None:
            volume = Volume(files=inputs.secret_files(binding.secret), sub_path=binding.sub_path)
        elif binding.config_map is not None:
            volume = Volume(files=inputs.config_map_files(binding.config_map), sub_path=binding.sub_path)
        elif binding.persistent_volume_claim is not None:
            claim = binding.persistent_volume_claim
            claimed = services.storage.claim(run.metadata.namespace, claim.claim_name)
            volume = Volume(claimed, shared=True, sub_path=binding.sub_path, read_only=claim.read_only)
        elif binding.volume_claim_template is not None:
            template = (binding.volume_claim_template.get("metadata") or {}).get("name", "")
            name = names.claim(template, binding.name, run.metadata.uid)
            claimed = services.storage.claim(run.metadata.namespace, name, owner_uid=run.metadata.uid)
            volume = Volume(claimed, shared=True, sub_path=binding.sub_path)
        else:
            volume = Volume(_empty(folder / "workspaces" / checked(binding.name)), sub_path=binding.sub_path)
        found[binding.name] = volume
    return found


def _empty(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def names_file(services: Services) -> bytes:
    """Content of the file that $INTERLOCK_NAMES names: stable name -> where it answers, seen from a step."""
    return json.dumps(dict(services.config.names), sort_keys=True).encode()
