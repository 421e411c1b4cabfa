"""PipelineRuns (v1/pipelinerun_validation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.tekton.spec.admission import (
    names,
    params,
    pipeline_tasks,
    pipelines,
    references,
    resultrefs,
    taskruns,
    tasks,
    updates,
    usage,
    workspaces,
)
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, disallowed, invalid, key, near, via
from interlock.tekton.spec.admission.propagation import Known
from interlock.tekton.spec.admission.wording import duration, listed, nanoseconds, quoted

_HOUR = 3600 * 10**9
_STATES = ("Cancelled", "CancelledRunFinally", "StoppedRunFinally", "PipelineRunPending")


def pipeline_run(context: Context, value: Object, old: Object | None) -> Faults:
    spec = value["spec"]
    yield from names.metadata(value)
    if spec.get("status") == "PipelineRunPending" and updates.started(value):
        yield invalid("run-pending-after-start", "PipelineRun cannot be Pending after it is started", "spec.status")
    yield from via(_spec(context, spec, value, old), "spec")


def _spec(context: Context, spec: Object, value: Object, old: Object | None) -> Faults:
    yield from updates.check(context, value, old)
    yield from references.or_embedded(context, spec, "pipeline", pipelines.check)
    yield from _params(spec.get("params") or [])
    yield from near(_propagated(context, spec), "spec", "pipelineSpec")
    if context.beta1:
        yield from _propagated_workspaces(spec)
    yield from _timeouts(context, spec)
    for index, item in enumerate(spec.get("taskRunSpecs") or []):
        yield from via(_task_run_spec(context, item, spec.get("timeouts")), "taskRunSpecs", index)
    status = text(spec, "status")
    if status and status not in _STATES:
        words = f"{status} should be {', '.join(_STATES[:3])} or {_STATES[3]}"
        yield invalid("run-status", words, "status")
    yield from _bound(spec.get("workspaces") or [])
    if context.beta1 and "resources" in spec:
        yield disallowed("field-removed", "resources")


def _params(given: Sequence[Object]) -> Faults:
    """validatePipelineRunParameters: nothing has run yet whose results could be meant."""
    yield from via(references.parameters(given), "params")
    for param in given:
        expressions = [item for item in params.expressions(param) if resultrefs.looks_like(item)]
        if resultrefs.parse_all(expressions):
            words = f"cannot use result expressions in {listed(expressions)} as PipelineRun parameter values"
            yield from via([invalid("run-param-result", words, "value")], "params", key(text(param, "name")))


def _propagated(context: Context, spec: Object) -> Faults:
    """validateInlineParameters. What all tasks have in common is asked once."""
    if "pipelineSpec" not in spec:
        return
    inner, known = spec["pipelineSpec"], Known()
    own = inner.get("tasks")
    known.given(spec.get("params") or [])
    yield from known.declared(inner.get("params") or [])
    for task in own or []:
        known.passed(task.get("params") or [])
        yield from known.declared((task.get("taskSpec") or {}).get("params") or [])
    if own is None:
        return
    declared = known.list()
    names_known = params.declared(declared)
    embedded = [(index, task["taskSpec"]) for index, task in enumerate(own) if _has_steps(task)]
    if embedded:
        yield from params.types(declared)
        yield from params.declarations(context, declared)
        yield from params.have_properties(declared)
    for index, task_spec in embedded:
        steps = tasks.merged_steps(task_spec)
        at = ("spec", "pipelineSpec", "tasks", index, "taskSpec")
        yield from near(usage.of_arrays(steps, names_known), *at)
        yield from near(usage.of_params(context, steps, names_known), *at)
    yield from pipelines.given_params(context, own, declared)
    for fault in pipelines.task_params_usage(own, declared):
        yield from near([fault], "spec", "pipelineSpec", "tasks")


def _has_steps(task: Object) -> bool:
    return (task.get("taskSpec") or {}).get("steps") is not None


def _propagated_workspaces(spec: Object) -> Faults:
    """validatePropagatedWorkspaces, of v1beta1."""
    inner = spec.get("pipelineSpec")
    if inner is None:
        return
    known = {text(item, "name") for item in [*(spec.get("workspaces") or []), *(inner.get("workspaces") or [])]}
    for section in ("tasks", "finally"):
        for index, task in enumerate(inner.get(section) or []):
            known |= {text(item, "name") for item in task.get("workspaces") or []}
            found = via(pipeline_tasks.workspaces(task, known), index)
            yield from near(found, "spec", "pipelineSpec", section)


def _timeouts(context: Context, spec: Object) -> Faults:
    if context.beta1 and "timeout" in spec:
        if (timeout := nanoseconds(spec["timeout"])) < 0:
            yield invalid("run-timeout", f"{duration(timeout)} should be >= 0", "timeout")
        if "timeouts" in spec:
            yield disallowed("run-timeout-and-timeouts", "timeout", "timeouts")
    if "timeouts" not in spec:
        return
    given = {name: nanoseconds(value) for name, value in spec["timeouts"].items()}
    for name in ("tasks", "finally", "pipeline"):
        if given.get(name, 0) < 0:
            yield invalid("run-timeout", f"{duration(given[name])} should be >= 0", f"timeouts.{name}")
    yield from _within(given)


def _within(given: dict[str, int]) -> Faults:
    """validatePipelineTimeout. 0 is no limit."""
    limit, rule = given["pipeline"], "should be <= pipeline duration"
    for name in ("tasks", "finally"):
        if name not in given or limit == 0:
            continue
        if given[name] > limit or given[name] == 0:
            shown = duration(given[name]) + (" (no timeout)" if given[name] == 0 else "")
            yield invalid("run-timeout-sum", f"{shown} {rule}", f"timeouts.{name}")
    if "tasks" in given and "finally" in given and given["tasks"] + given["finally"] > limit:
        words = f"{duration(given['tasks'])} + {duration(given['finally'])} {rule}"
        for name in ("tasks", "finally"):
            yield invalid("run-timeout-sum", words, f"timeouts.{name}")


def _task_run_spec(context: Context, item: Object, timeouts: Object | None) -> Faults:
    yield from taskruns.overrides(context, item)
    if "timeout" not in item:
        return
    wanted = nanoseconds(item["timeout"])
    if wanted < 0:
        yield invalid("run-timeout", f"{duration(wanted)} should be >= 0", "timeout")
        return
    limits = timeouts or {}
    name, source = ("tasks", "pipeline tasks duration") if "tasks" in limits else ("pipeline", "pipeline duration")
    if name not in limits:
        limit, source = _HOUR, "default pipeline duration"
    elif (limit := nanoseconds(limits[name])) < 0:
        yield invalid("run-timeout", f"{duration(limit)} should be >= 0", "timeout")
        return
    if limit != 0 and wanted > limit:
        words = f"{duration(wanted)} should be <= {source} {duration(limit)}"
        yield invalid("run-timeout-sum", words, "timeout")


def _bound(bound: Sequence[Object]) -> Faults:
    seen: dict[str, int] = {}
    for index, workspace in enumerate(bound):
        yield from via(workspaces.binding(workspace), "workspaces", index)
        name = text(workspace, "name")
        if name in seen:
            words = (
                f"workspace {quoted(name)} provided by pipelinerun more than once, at index {seen[name]} and {index}"
            )
            yield from via([Fault("workspace-bound-twice", words, ("name",))], "workspaces", index)
        seen[name] = index
