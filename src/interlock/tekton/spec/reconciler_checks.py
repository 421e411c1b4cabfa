"""What upstream's reconcilers refuse in a TaskRun and its Task, before a pod is made: overrides, requests, bindings."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.errors import InputError
from interlock.formats.kubernetes import quantity
from interlock.formats.tekton import conditions
from interlock.formats.tekton.task import TaskSpec, WorkspaceDeclaration
from interlock.formats.tekton.validation import climbing
from interlock.tekton.spec.runs import TaskRunSpec, WorkspaceBinding


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
