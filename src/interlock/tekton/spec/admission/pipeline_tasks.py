"""One task of a pipeline (the PipelineTask half of v1/pipeline_validation.go)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.tekton.spec.admission import references, tasks
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, both, disallowed, invalid, neither, via
from interlock.tekton.spec.admission.names import LABEL_HELP, is_label
from interlock.tekton.spec.admission.wording import quoted

_SPECS = ("taskRef", "taskSpec", "pipelineRef", "pipelineSpec")

Nested = Callable[[Context, Object], Faults]
"""The validation of a pipeline's spec: a task may hold one."""


def section(context: Context, listed: Sequence[Object], taken: set[str], field: str, nested: Nested) -> Faults:
    """PipelineTaskList.Validate; ``taken`` are the names so far, in all sections."""
    for index, task in enumerate(listed):
        name = text(task, "name")
        if not is_label(name):
            more = f"Pipeline Task name must be a valid DNS Label.For more info refer to {LABEL_HELP}"
            yield from via([Fault("task-name", f"invalid value {quoted(name)}", ("name",), more)], field, index)
        if name in taken:
            yield from via([both("task-name-twice", "name")], field, index)
        taken.add(name)
        yield from via(_task(context, task, nested), field, index)


def _task(context: Context, task: Object, nested: Nested) -> Faults:
    yield from _reference_or_spec(context, task)
    yield from _inline(context, task)
    if context.beta1 and "resources" in task:
        yield disallowed("field-removed", "resources")
    yield from _embedded_or_typed(task)
    yield from _on_error(context, task)
    if is_custom(task):
        yield from _custom(task)
        return
    if "taskSpec" in task:
        yield from via(tasks.check(context, task["taskSpec"]), "taskSpec")
    if "taskRef" in task:
        yield from via(references.check(context, task["taskRef"], bundles=True), "taskRef")
    if context.beta1:
        return
    if "pipelineRef" in task:
        yield from via(references.check(context, task["pipelineRef"]), "pipelineRef")
    if "pipelineSpec" in task:
        yield from via(nested(context, task["pipelineSpec"]), "pipelineSpec")


def _reference_or_spec(context: Context, task: Object) -> Faults:
    """validateRefOrSpec."""
    given = [name for name in _SPECS if name in task]
    for name in ("pipelineRef", "pipelineSpec"):
        if name in task:
            yield from context.needs(name, "alpha")
    if len(given) > 1:
        yield Fault("task-reference-or-spec", "expected exactly one, got multiple", tuple(given))
    elif not given:
        yield neither("task-reference-or-spec", *(_SPECS if context.flags.alpha else _SPECS[:2]))


def _inline(context: Context, task: Object) -> Faults:
    if context.inline_forbidden("pipeline"):
        for name in ("taskSpec", "pipelineSpec"):
            if name in task:
                yield disallowed("inline-spec-disabled", name)


def _embedded_or_typed(task: Object) -> Faults:
    spec = task.get("taskSpec") or {}
    if spec.get("steps"):
        for name in ("apiVersion", "kind"):
            if text(spec, name):
                words = f"taskSpec.{name} cannot be specified when using taskSpec.steps"
                yield Fault("custom-task-steps", words, (f"taskSpec.{name}",))


def _on_error(context: Context, task: Object) -> Faults:
    value = text(task, "onError")
    if not value or value.startswith("$(params"):
        return
    yield from context.needs("OnError", "beta")
    if value not in ("continue", "stopAndFail"):
        more = 'PipelineTask OnError must be either "continue" or "stopAndFail"'
        yield invalid("task-on-error", value, "OnError", more)
    if value == "continue" and (task.get("retries") or 0) > 0:
        words = 'PipelineTask OnError cannot be set to "continue" when Retries is greater than 0'
        yield Fault("task-on-error-retries", words, ())


def is_custom(task: Object) -> bool:
    """Whether another controller runs it: its type is not Task's."""
    for name in ("taskRef", "taskSpec"):
        if name in task and (text(task[name], "kind") not in ("", "Task") or text(task[name], "apiVersion")):
            return True
    return False


def _custom(task: Object) -> Faults:
    """validateCustomTask."""
    given = [(name, noun) for name, noun in (("taskRef", "ref"), ("taskSpec", "spec")) if name in task]
    for name, noun in given:
        if not text(task[name], "kind"):
            yield invalid("custom-task-kind", f"custom task {noun} must specify kind", f"{name}.kind")
    for name, noun in given:
        version = text(task[name], "apiVersion")
        if not version:
            words = f"custom task {noun} must specify apiVersion"
            yield invalid("custom-task-version", words, f"{name}.apiVersion")
        elif version.count("/") != 1 or not all(version.split("/")):
            words = f'invalid apiVersion format {quoted(version)}, must be in the format "group/version"'
            yield invalid("custom-task-version", words, f"{name}.apiVersion")


def gated(context: Context, task: Object) -> Faults:
    """PipelineTask.validateBetaFields."""
    reference = task.get("taskRef") or {}
    if text(reference, "resolver"):
        yield from context.needs("taskref.resolver", "beta")
    if reference.get("params"):
        yield from context.needs("taskref.params", "beta")


def workspaces(task: Object, known: set[str]) -> Faults:
    """PipelineTask.validateWorkspaces."""
    bound: set[str] = set()
    for index, workspace in enumerate(task.get("workspaces") or []):
        name = text(workspace, "name")
        if name in bound:
            words = f"workspace name {quoted(name)} must be unique"
            yield from via([Fault("workspace-name-twice", words)], "workspaces", index)
        wanted = text(workspace, "workspace") or name
        if wanted not in known:
            expects = f"pipeline task {quoted(text(task, 'name'))} expects workspace with name {quoted(wanted)}"
            yield from via(
                [invalid("workspace-undefined", f"{expects} but none exists in pipeline spec")], "workspaces", index
            )
        bound.add(name)
