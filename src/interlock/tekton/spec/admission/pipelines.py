"""Pipelines (v1/pipeline_validation.go)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from interlock.tekton.spec.admission import (
    graph,
    matrix,
    names,
    params,
    pipeline_tasks,
    pipeline_variables,
    tasks,
    when,
)
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, disallowed, invalid, near, via
from interlock.tekton.spec.admission.wording import quoted


def pipeline(context: Context, value: Object) -> Faults:
    """A Pipeline of its own declares every param and workspace that it uses."""
    spec = value["spec"]
    yield from names.metadata(value)
    yield from via(check(context, spec), "spec")
    yield from via(_params_usage(context, spec), "spec")
    known = {text(workspace, "name") for workspace in spec.get("workspaces") or []}
    for section in ("tasks", "finally"):
        for index, task in enumerate(spec.get(section) or []):
            yield from via(pipeline_tasks.workspaces(task, known), "spec", section, index)


def _params_usage(context: Context, spec: Object) -> Faults:
    """validatePipelineParameterUsage."""
    declared = spec.get("params") or []
    for section in ("tasks", "finally"):
        for index, task in enumerate(spec.get(section) or []):
            if "taskSpec" in task:
                inner = task["taskSpec"]
                listed = tasks.merged_steps(inner)
                both = [*(inner.get("params") or []), *declared]
                found = via(tasks.declared_usage(context, listed, both), section, index)
                yield from near(found, "spec", section, index, "taskSpec")
    for section in ("tasks", "finally"):
        yield from via(task_params_usage(spec.get(section) or [], declared), section)


def task_params_usage(listed: Sequence[Object], declared: Sequence[Object]) -> Faults:
    """validatePipelineTaskParameterUsage."""
    known = params.declared(declared)
    # Upstream collects the objects by their keys: one without any is none.
    known = replace(known, objects={name: keys for name, keys in known.objects.items() if keys})
    for index, task in enumerate(listed):
        yield from via(params.usage(task.get("params") or [], known), index)
        if matrix.is_matrixed(task):
            yield from via(matrix.usage(task, known), index)
        yield from via(when.usage(task.get("when") or [], known), index)
        yield from via(params.given_once(task.get("params") or []), index, "params")


def check(context: Context, spec: Object) -> Faults:
    """PipelineSpec.Validate."""
    own, final = spec.get("tasks") or [], spec.get("finally") or []
    for section, field in (("tasks", "tasks"), ("finally", "finally" if context.beta1 else "tasks")):
        for index, task in enumerate(spec.get(section) or []):
            yield from via(pipeline_tasks.gated(context, task), field, index)
    if not any(value not in ("", []) for value in spec.values()):
        expected = ("description", "params", "resources", "tasks", "workspaces")
        yield Fault("pipeline-empty", "expected at least one, got none", expected)
    if context.beta1 and spec.get("resources"):
        yield disallowed("field-removed", "resources")
    taken: set[str] = set()
    yield from pipeline_tasks.section(context, own, taken, "tasks", check)
    yield from pipeline_tasks.section(context, final, taken, "finally", check)
    yield from graph.check(own, beta1=context.beta1)
    declared = spec.get("params") or []
    yield from via(given_params(context, own, declared), "tasks")
    yield from via(given_params(context, final, declared), "finally")
    yield from pipeline_variables.check(own, final)
    yield from _workspaces(spec.get("workspaces") or [])
    yield from pipeline_variables.results(spec.get("results") or [], own, final)
    if not context.old:
        yield from pipeline_variables.nested_results(context, own, final)
    if final and not own:
        yield invalid(
            "finally-without-tasks", f"spec.tasks is empty but spec.finally has {len(final)} tasks", "finally"
        )
    yield from _finally(own, final)
    for section, listed in (("tasks", own), ("finally", final)):
        for index, task in enumerate(listed):
            yield from via(when.check(context, task.get("when") or []), section, index)
    yield from pipeline_variables.artifacts(context, own, final)
    yield from via(matrix.check(context, own), "tasks")
    yield from via(matrix.check(context, final), "finally")
    if not context.old:
        yield from via(pipeline_variables.prefixes(own), "tasks")
        yield from via(pipeline_variables.prefixes(final), "finally")


def given_params(context: Context, listed: Sequence[Object], declared: Sequence[Object]) -> Faults:
    """ValidatePipelineParameterVariables."""
    yield from via(params.types(declared), "params")
    yield from params.once(declared)
    yield from via(params.enumerations(context, declared), "params")
    for index, task in enumerate(listed):
        yield from via(params.given_once(task.get("params") or []), index, "params")


def _workspaces(declared: Iterable[Object]) -> Faults:
    """validatePipelineWorkspacesDeclarations."""
    seen: set[str] = set()
    for index, workspace in enumerate(declared):
        name = text(workspace, "name")
        if not name:
            yield from via([invalid("workspace-name", f"workspace {index} has empty name")], "workspaces", index)
        if name in seen:
            words = f"workspace with name {quoted(name)} appears more than once"
            yield from via([invalid("workspace-name-twice", words)], "workspaces", index)
        seen.add(name)


def _finally(own: Sequence[Object], final: Sequence[Object]) -> Faults:
    """validateFinalTasks."""
    for index, task in enumerate(final):
        if task.get("runAfter"):
            words = f"no runAfter allowed under spec.finally, final task {text(task, 'name')} has runAfter specified"
            yield from via([invalid("finally-run-after", words)], "finally", index)
    yield from via(pipeline_variables.final_results(own, final), "finally")
