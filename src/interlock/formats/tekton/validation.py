"""What upstream's webhook refuses in a Task, as far as it decides whether a run can be executed at all.

v1/{task,container}_validation.go; for Pipelines see `pipeline_validation`. Findings are InputErrors with code
``tekton-invalid`` and the field's path; the first one is raised.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from interlock.errors import InputError
from interlock.formats.kubernetes import quantity
from interlock.formats.tekton import conditions, durations, substitution, variables
from interlock.formats.tekton.runs import TaskRunSpec, WorkspaceBinding
from interlock.formats.tekton.task import Step, TaskSpec, WorkspaceDeclaration

DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_RESULT_NAME = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_PARAM_NAME = re.compile(r"^[_a-zA-Z][_a-zA-Z0-9.-]*$")
_OBJECT_NAME = re.compile(r"^[_a-zA-Z][_a-zA-Z0-9-]*$")


def invalid(message: str, field: str, *, got: object = None) -> InputError:
    """A finding of the webhook: its words, then the field."""
    return InputError("tekton-invalid", f"{message}: {field}", got=got)


def task(spec: TaskSpec) -> None:
    """Raise for the first reason that a TaskSpec cannot run."""
    if not spec.steps:
        raise invalid("missing field(s)", "spec.steps")
    unique((volume.name for volume in spec.volumes or []), 'multiple volumes with same name "{}"', "spec.volumes")
    unique((item.name for item in spec.workspaces or []), 'workspace name "{}" must be unique', "spec.workspaces")
    unique((param.name.lower() for param in spec.params or []), 'parameter appears more than once "{}"', "spec.params")
    for param in spec.params or []:
        if not (_OBJECT_NAME if param.kind == "object" else _PARAM_NAME).match(param.name):
            raise invalid(f'The format of following variable names is invalid: "{param.name}"', "spec.params")
        if param.kind == "object" and param.properties is None and param.default is None:
            raise invalid("missing field(s)", f"spec.params.{param.name}.properties")
    for result in spec.results or []:
        if not _RESULT_NAME.match(result.name):
            raise invalid(f'invalid key name "{result.name}"', "spec.results")
    workspaces = {item.name for item in spec.workspaces or []}
    merged = variables.merged_steps(spec)
    unique(
        (step.name for step in merged.steps or [] if step.name),
        'expected exactly one, got both: step "{}"',
        "spec.steps",
    )
    for index, step in enumerate(merged.steps or []):
        _step(step, f"spec.steps[{index}]", workspaces)


def _step(step: Step, at: str, workspaces: set[str]) -> None:
    if not step.image and step.ref is None:
        raise invalid("missing field(s)", f"{at}.image")
    if step.script and step.command:
        raise invalid("script cannot be used with command", f"{at}.script")
    if "\0" in step.script:
        raise invalid("script holds a NUL byte", f"{at}.script")
    if step.name and not DNS_LABEL.match(step.name) and not substitution.is_reference(step.name):
        raise invalid(f'invalid value "{step.name}"', f"{at}.name")
    if step.timeout and durations.parse(step.timeout).total_seconds() < 0:
        raise invalid("negative timeout", f"{at}.timeout", got=step.timeout)
    if step.on_error not in ("", "continue", "stopAndFail") and not substitution.is_reference(step.on_error):
        raise invalid(f'invalid value: "{step.on_error}"', f"{at}.onError")
    for position, mount in enumerate(step.volume_mounts or []):
        field = f"{at}.volumeMounts[{position}]"
        path = posixpath.normpath(mount.mount_path)
        if path.startswith("/tekton/") and not path.startswith("/tekton/home"):
            mounted = f'(volumeMount "{mount.name}" mounted at "{mount.mount_path}")'
            message = f"volumeMount cannot be mounted under /tekton/ {mounted}"
            raise invalid(message, f"{field}.mountPath")
        if not substitution.is_reference(mount.mount_path) and (not path.startswith("/") or path == "/"):
            raise invalid("mountPath must be an absolute path below /", f"{field}.mountPath", got=mount.mount_path)
        climbing(mount.sub_path, f"{field}.subPath")
    for usage in step.workspaces or []:
        if usage.name not in workspaces:
            raise invalid(f'undefined workspace "{usage.name}"', f"{at}.workspaces")


def climbing(path: str, field: str) -> None:
    """Refuse a subPath that is absolute or climbs out."""
    if path.startswith("/") or ".." in path.split("/"):
        raise InputError("path-climbs", f"{field} must not be absolute or contain '..'", got=path)


def unique(names: Iterable[str], message: str, field: str) -> None:
    """Refuse a name that comes twice; ``message`` has a place for it."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(message.format(name), field)
        seen.add(name)


def resource_requests(spec: TaskSpec) -> None:
    """No request above its limit (validateTaskSpecRequestResources). Raises InputError ``resource-requests``."""
    template = (spec.step_template.compute_resources or {}) if spec.step_template is not None else {}
    for step in spec.steps or []:
        own = step.compute_resources or {}
        limits = {**(template.get("limits") or {}), **(own.get("limits") or {})}
        for name, request in (own.get("requests") or {}).items():
            if name in limits and quantity.parse(limits[name]) < quantity.parse(request):
                message = f"invalid request resource value: {request} must be less or equal to limit {limits[name]}"
                raise InputError("resource-requests", message)


def overrides(spec: TaskSpec, run: TaskRunSpec) -> None:
    """stepSpecs and sidecarSpecs name what exists (validateOverrides). Raises InputError ``step-override``."""
    steps = {step.name for step in spec.steps or []}
    sidecars = {sidecar.name for sidecar in spec.sidecars or []}
    wrong = [f"invalid StepOverride: No Step named {i.name}" for i in run.step_specs or [] if i.name not in steps]
    wrong += [
        f"invalid SidecarOverride: No Sidecar named {i.name}" for i in run.sidecar_specs or [] if i.name not in sidecars
    ]
    if wrong:
        raise InputError("step-override", f"\n{conditions.USER_ERROR}".join(wrong))


def task_bindings(
    declarations: Sequence[WorkspaceDeclaration], bindings: Sequence[WorkspaceBinding], *, one_claim: bool
) -> None:
    """pkg/workspace ValidateBindings; with ``one_claim`` also ValidateOnlyOnePVCIsUsed.

    Raises InputError ``workspace-bindings``.
    """
    for binding in bindings:
        one_source(binding)
    declared, bound = {item.name for item in declarations}, {item.name for item in bindings}
    for item in declarations:
        if not item.optional and item.name not in bound:
            raise InputError(
                "workspace-bindings", f'declared workspace "{item.name}" is required but has not been bound'
            )
    for binding in bindings:
        if binding.name not in declared:
            message = f'workspace binding "{binding.name}" does not match any declared workspace'
            raise InputError("workspace-bindings", message)
    claims = {
        item.persistent_volume_claim.claim_name if item.persistent_volume_claim else item.name
        for item in bindings
        if item.persistent_volume_claim or item.volume_claim_template is not None
    }
    if one_claim and len(claims) > 1:
        # `coschedule: workspaces` cannot place such a pod.
        raise InputError("workspace-bindings", "more than one PersistentVolumeClaim is bound")


def one_source(binding: WorkspaceBinding) -> None:
    """Refuse a workspace binding that has not exactly one source, or whose subPath climbs."""
    if len(binding.sources) != 1:
        problem = "expected exactly one, got both" if binding.sources else "expected exactly one, got neither"
        raise InputError(
            "workspace-bindings", f'binding "{binding.name}" is invalid: {problem}', got=", ".join(binding.sources)
        )
    climbing(binding.sub_path, f"workspaces.{binding.name}.subPath")
