"""Tasks (v1/task_validation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.tekton.spec.admission import names, params, results, steps, usage
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, disallowed, missing, via
from interlock.tekton.spec.admission.wording import quoted


def task(context: Context, value: Object) -> Faults:
    """A Task of its own declares every param that it uses."""
    spec = value["spec"]
    yield from names.metadata(value)
    yield from via(check(context, spec), "spec")
    yield from via(declared_usage(context, merged_steps(spec), spec.get("params") or []), "spec")


def merged_steps(spec: Object) -> Sequence[Object]:
    """What upstream works on after it validated the spec: it merges the template into the steps in place."""
    return steps.merged(spec.get("stepTemplate"), spec.get("steps") or [])


def declared_usage(context: Context, listed: Sequence[Object], declared: Sequence[Object]) -> Faults:
    """ValidateUsageOfDeclaredParameters."""
    yield from usage.of_params(context, listed, params.declared(declared))
    yield from params.have_properties(declared)


def check(context: Context, spec: Object) -> Faults:
    """TaskSpec.Validate."""
    declared, own = spec.get("params") or [], spec.get("steps") or []
    if not own:
        yield missing("task-steps", "steps")
    yield from via(_volumes(spec.get("volumes") or []), "volumes")
    yield from via(_workspaces(spec), "workspaces")
    yield from _workspace_usages(context, spec)
    listed = merged_steps(spec)
    yield from via(steps.steps(context, listed), "steps")
    yield from via(steps.sidecars(context, spec.get("sidecars") or []), "sidecars")
    yield from via(params.types(declared), "params")
    yield from params.declarations(context, declared)
    yield from usage.of_arrays(listed, params.declared(declared))
    yield from usage.of_context(context, listed)
    listed_results = spec.get("results") or []
    yield from usage.of_results(context, listed, {text(result, "name") for result in listed_results})
    yield from via(results.of_task(listed_results), "results")
    if context.beta1 and "resources" in spec:
        yield disallowed("field-removed", "resources")


def _volumes(volumes: Sequence[Object]) -> Faults:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        name = text(volume, "name")
        if name in seen:
            words = f"multiple volumes with same name {quoted(name)}"
            yield from via([Fault("volume-name-twice", words, ("name",))], index)
        seen.add(name)


def _workspaces(spec: Object) -> Faults:
    """Names and mount paths that are unique, also among volume mounts (validateDeclaredWorkspaces)."""
    holders = [*(spec.get("steps") or []), spec.get("stepTemplate") or {}]
    paths = {
        steps.clean_path(text(mount, "mountPath")) for holder in holders for mount in holder.get("volumeMounts") or []
    }
    seen: set[str] = set()
    for index, workspace in enumerate(spec.get("workspaces") or []):
        name = text(workspace, "name")
        if name in seen:
            words = f"workspace name {quoted(name)} must be unique"
            yield from via([Fault("workspace-name-twice", words, ("name",))], index)
        seen.add(name)
        path = steps.clean_path(text(workspace, "mountPath") or f"/workspace/{name}")
        if path in paths:
            words = f"workspace mount path {quoted(path)} must be unique"
            yield from via([Fault("workspace-path-twice", words, ("mountpath",))], index)
        paths.add(path)


def _workspace_usages(context: Context, spec: Object) -> Faults:
    """validateWorkspaceUsages."""
    known = {text(workspace, "name") for workspace in spec.get("workspaces") or []}
    for section, noun in (("steps", "step"), ("sidecars", "sidecar")):
        for index, holder in enumerate(spec.get(section) or []):
            used = holder.get("workspaces") or []
            if used:
                yield from via(context.needs(f"{noun} workspaces", "beta"), section, index)
            for position, workspace in enumerate(used):
                name = text(workspace, "name")
                if name not in known:
                    fault = Fault("workspace-undefined", f"undefined workspace {quoted(name)}", ("name",))
                    yield from via([fault], section, index, "workspaces", position)
