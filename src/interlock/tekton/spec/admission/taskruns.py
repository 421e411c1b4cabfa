"""TaskRuns (v1/taskrun_validation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.tekton.spec.admission import names, params, references, tasks, updates, usage, workspaces
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, both, disallowed, invalid, missing, near, via
from interlock.tekton.spec.admission.propagation import Known
from interlock.tekton.spec.admission.wording import duration, nanoseconds


def task_run(context: Context, value: Object, old: Object | None) -> Faults:
    spec = value["spec"]
    yield from names.metadata(value)
    if spec.get("status") == "TaskRunPending" and not context.old and updates.started(value):
        yield invalid("run-pending-after-start", "TaskRun cannot be Pending after it is started", "spec.status")
    yield from via(_spec(context, spec, value, old), "spec")


def _spec(context: Context, spec: Object, value: Object, old: Object | None) -> Faults:
    yield from updates.check(context, value, old)
    yield from references.or_embedded(context, spec, "task", tasks.check)
    yield from via(references.parameters(spec.get("params") or []), "params")
    yield from near(_propagated(context, spec), "spec", "taskSpec")
    yield from via(workspaces.bindings(spec.get("workspaces") or []), "workspaces")
    if "debug" in spec:
        yield from via(context.needs("debug", "alpha"), "debug")
        yield from via(_breakpoints(spec["debug"]), "debug")
    yield from overrides(context, spec)
    yield from _state(context, spec)
    if "timeout" in spec and (timeout := nanoseconds(spec["timeout"])) < 0:
        yield invalid("run-timeout", f"{duration(timeout)} should be >= 0", "timeout")
    if context.beta1 and "resources" in spec:
        yield disallowed("field-removed", "resources")


def _propagated(context: Context, spec: Object) -> Faults:
    """validateInlineParameters: what the steps name is given by the run or declared by the task."""
    if "taskSpec" not in spec:
        return
    inner, known = spec["taskSpec"], Known()
    known.given(spec.get("params") or [])
    yield from known.declared(inner.get("params") or [])
    if inner.get("steps") is not None:
        listed, declared = tasks.merged_steps(inner), known.list()
        yield from params.types(declared)
        yield from params.declarations(context, declared)
        yield from usage.of_arrays(listed, params.declared(declared))
        yield from tasks.declared_usage(context, listed, declared)


def _breakpoints(debug: Object) -> Faults:
    """validateDebug."""
    points = debug.get("breakpoints")
    if points is None:
        return
    failure = text(points, "onFailure")
    allowed = "only allowed to be set as enabled"
    if not failure:
        words = f"onFailure breakpoint is empty, it is {allowed}"
        yield invalid("breakpoint", words, "breakpoints.onFailure")
    elif failure != "enabled":
        words = f"{failure} is not a valid onFailure breakpoint value, onFailure breakpoint is {allowed}"
        yield invalid("breakpoint", words, "breakpoints.onFailure")
    seen: set[str] = set()
    for index, step in enumerate(points.get("beforeSteps") or []):
        if step in seen:
            words = f"before step must be unique, the same step: {step} is defined multiple times at"
            yield Fault("breakpoint", words, (f"breakpoints.beforeSteps[{index}]",))
        seen.add(step)


def overrides(context: Context, spec: Object) -> Faults:
    """What a run says about single steps and sidecars, in a TaskRun or for a task of a pipeline."""
    fields = ("stepOverrides", "sidecarOverrides") if context.beta1 else ("stepSpecs", "sidecarSpecs")
    for field in fields:
        if field in spec:
            yield from via(context.needs(field, "beta"), field)
            yield from via(_named(spec[field]), field)
    if "computeResources" in spec:
        yield from via(context.needs("computeResources", "beta"), "computeResources")
        resources = "resources" if context.beta1 else "computeResources"
        if any(_sized(item.get(resources)) for item in spec.get(fields[0]) or []):
            yield both("run-resources", f"{fields[0]}.resources", "computeResources")


def _sized(resources: Object | None) -> bool:
    return any((resources or {}).values())


def _named(listed: Sequence[Object]) -> Faults:
    """validateStepSpecs."""
    for index, item in enumerate(listed):
        if not text(item, "name"):
            yield from via([missing("run-override-name", "name")], index)
    given = [text(item, "name") for item in listed if text(item, "name")]
    yield from references.unique(given, by_index=True)


def _state(context: Context, spec: Object) -> Faults:
    status, message = text(spec, "status"), text(spec, "statusMessage")
    known = ("TaskRunCancelled",) if context.old else ("TaskRunCancelled", "TaskRunPending")
    if status and status not in known:
        yield invalid("run-status", f"{status} should be {' or '.join(known)}", "status")
    if message and not status:
        words = f"statusMessage should not be set if status is not set, but it is currently set to {message}"
        yield invalid("run-status-message", words, "statusMessage")
    retries = spec.get("retries") or 0
    if retries < 0 and not context.beta1:
        yield invalid("run-retries", f"{retries} should be >= 0", "retries")
