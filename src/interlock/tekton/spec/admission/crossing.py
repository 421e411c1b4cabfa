"""What only several objects together show: a reference by name, and what stands behind it in the same set.

The webhook looks at one object; the controllers refuse these runs once they see the other (pkg/reconciler: taskrun's
validate_taskrun.go, pipelinerun's validate_dependencies.go and pipelinerunresolution.go, pkg/workspace/validate.go). A
name that the set does not define, or defines more than once, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from interlock.formats import yaml
from interlock.tekton.spec.admission import params, pipeline_tasks, resultrefs, rules
from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.resultrefs import ResultRef
from interlock.tekton.spec.admission.review import Finding
from interlock.tekton.spec.admission.wording import listed, quoted

_VERSIONS = ("tekton.dev/v1", "tekton.dev/v1beta1", "tekton.dev/v1alpha1")


@dataclass(frozen=True)
class Names:
    """The objects of a set by kind and name; those that are there twice are None."""

    found: dict[tuple[str, str], Object | None] = field(default_factory=dict)

    def add(self, value: Object) -> None:
        if value.get("apiVersion") in _VERSIONS:
            key = (str(value.get("kind")), text(value.get("metadata") or {}, "name"))
            self.found[key] = None if key in self.found else value

    def spec(self, kind: str, reference: Mapping[str, Any] | None) -> Object | None:
        """What a reference by name leads to."""
        if reference is None or reference.get("resolver") or reference.get("apiVersion") or reference.get("bundle"):
            return None
        if reference.get("kind") not in (None, "", kind):
            return None
        found = self.found.get((kind, reference.get("name") or ""))
        return (found.get("spec") or {}) if found is not None else None


def names(values: Iterable[Object]) -> Names:
    found = Names()
    for value in values:
        found.add(value)
    return found


def check(value: Object, known: Names) -> list[Finding]:
    """What is wrong between an object (completed, see `defaulted`) and those that it names."""
    spec: Object = value.get("spec") or {}
    match value.get("kind"):
        case "Task":
            return list(_steps(spec, known, ("spec",)))
        case "Pipeline":
            return list(_pipeline(spec, known, ("spec",)))
        case "TaskRun":
            return list(_task_run(spec, known))
        case "PipelineRun":
            return list(_pipeline_run(spec, known))
    return []


def _finding(rule: str, message: str, path: yaml.Path) -> Finding:
    return Finding(rule, message, path, "error", rules.RULES[rule].remedy)


def _task_run(spec: Object, known: Names) -> Iterator[Finding]:
    if "taskSpec" in spec:
        yield from _steps(spec["taskSpec"], known, ("spec", "taskSpec"))
    target = spec.get("taskSpec") or known.spec("Task", spec.get("taskRef"))
    if target is None:
        return
    for words in _params(target.get("params") or [], spec.get("params") or []):
        yield _finding("call-params", f"invalid input params for task: {words}", ("spec", "params"))
    for found in _workspaces(target, spec.get("workspaces") or [], ("spec", "workspaces")):
        unbound = "is required" in found.message
        if unbound:
            # The cluster may bind it by default-task-run-workspace-binding.
            yield replace(found, severity="warning")
        elif "taskSpec" not in spec:
            yield found  # into a spec of its own, a run propagates workspaces that it does not declare


def _pipeline_run(spec: Object, known: Names) -> Iterator[Finding]:
    at: yaml.Path = ("spec", "pipelineSpec")
    if "pipelineSpec" in spec:
        yield from _pipeline(spec["pipelineSpec"], known, at)
    target = spec.get("pipelineSpec") or known.spec("Pipeline", spec.get("pipelineRef"))
    if target is None:
        return
    given = {text(param, "name") for param in spec.get("params") or []}
    lacking = [name for name in _required(target.get("params") or []) if name not in given]
    if lacking:
        yield _finding("call-params", f"pipelineRun missing parameters: {listed(lacking)}", ("spec", "params"))
    bound = {text(workspace, "name") for workspace in spec.get("workspaces") or []}
    for workspace in target.get("workspaces") or []:
        name = text(workspace, "name")
        if name not in bound and not workspace.get("optional"):
            words = f"pipeline requires workspace with name {quoted(name)} be provided by pipelinerun"
            yield _finding("call-workspaces", words, ("spec", "workspaces"))


def _pipeline(spec: Object, known: Names, at: yaml.Path) -> Iterator[Finding]:
    behind: dict[str, Object | None] = {}
    optional = {text(item, "name") for item in spec.get("workspaces") or [] if item.get("optional")}
    for section in ("tasks", "finally"):
        for index, task in enumerate(spec.get(section) or []):
            place = (*at, section, index)
            behind[text(task, "name")] = _behind(task, known)
            yield from _task(task, known, place, optional)
    for section in ("tasks", "finally"):
        for index, task in enumerate(spec.get(section) or []):
            start = f"invalid result reference in pipeline task {quoted(text(task, 'name'))}"
            yield from _results(resultrefs.of_task(task), behind, start, (*at, section, index))
    for index, result in enumerate(spec.get("results") or []):
        start = f"invalid pipeline result {quoted(text(result, 'name'))}"
        refs = resultrefs.parse_all(params.expressions(result))
        yield from _results(refs, behind, start, (*at, "results", index, "value"))


def _behind(task: Object, known: Names) -> Object | None:
    """The spec of the Task that a pipeline task runs, if it is there to be read."""
    if pipeline_tasks.is_custom(task) or "pipelineSpec" in task or "pipelineRef" in task:
        return None
    inner = task.get("taskSpec")
    return inner if isinstance(inner, dict) else known.spec("Task", task.get("taskRef"))


def _task(task: Object, known: Names, at: yaml.Path, optional: set[str]) -> Iterator[Finding]:
    target = _behind(task, known)
    if target is None:
        return
    if "taskSpec" in task:
        # Params and workspaces that a run propagates into its own specs are not written here.
        yield from _steps(target, known, (*at, "taskSpec"))
        return
    name = quoted(text(task, "name"))
    for words in _params(target.get("params") or [], resultrefs.all_params(task), matrix="matrix" in task):
        yield _finding("call-params", f"invalid input params for task {name}: {words}", at)
    yield from _workspaces(target, task.get("workspaces") or [], at)
    required = {text(item, "name") for item in target.get("workspaces") or [] if not item.get("optional")}
    for index, workspace in enumerate(task.get("workspaces") or []):
        if text(workspace, "workspace") in optional and text(workspace, "name") in required:
            words = (
                f"pipeline workspace {quoted(text(workspace, 'workspace'))} is marked optional but pipeline task "
                f"{name} requires it be provided"
            )
            yield _finding("call-workspaces", words, (*at, "workspaces", index))


def _steps(spec: Object, known: Names, at: yaml.Path) -> Iterator[Finding]:
    for index, step in enumerate(spec.get("steps") or []):
        action = known.spec("StepAction", step.get("ref"))
        if action is None:
            continue
        for words in _params(action.get("params") or [], step.get("params") or []):
            yield _finding("call-params", f"invalid input params for step action: {words}", (*at, "steps", index))


def _required(declared: Sequence[Object]) -> list[str]:
    return [text(param, "name") for param in declared if "default" not in param]


def _params(declared: Sequence[Object], given: Sequence[Object], *, matrix: bool = False) -> Iterator[str]:
    """ValidateParameters of the controllers: all are given, and of the declared types."""
    names_given = {text(param, "name") for param in given}
    if lacking := [name for name in _required(declared) if name not in names_given]:
        yield f"missing values for these params which have no default values: {listed(lacking)}"
    types = {text(param, "name"): text(param, "type") or "string" for param in declared}
    if matrix:
        return  # an array of the matrix stands for one of its elements
    wrong = [
        text(param, "name")
        for param in given
        if (wanted := types.get(text(param, "name"))) and not _fits(param.get("value"), wanted)
    ]
    if wrong:
        yield f"param types don't match the user-specified type: {listed(wrong)}"


def _fits(value: object, wanted: str) -> bool:
    if isinstance(value, str):
        # A reference may turn into whatever stands behind it.
        return wanted == "string" or "$(" in value
    return wanted == ("array" if isinstance(value, list) else "object")


def _workspaces(target: Object, bound: Sequence[Object], at: yaml.Path) -> Iterator[Finding]:
    declared = target.get("workspaces") or []
    given = {text(workspace, "name") for workspace in bound}
    for workspace in declared:
        name = text(workspace, "name")
        if name not in given and not workspace.get("optional"):
            words = f"declared workspace {quoted(name)} is required but has not been bound"
            yield _finding("call-workspaces", words, at)
    for name in sorted(given - {text(workspace, "name") for workspace in declared}):
        words = f"workspace binding {quoted(name)} does not match any declared workspace"
        yield _finding("call-workspaces", words, at)


def _results(
    refs: Iterable[ResultRef], behind: Mapping[str, Object | None], start: str, at: yaml.Path
) -> Iterator[Finding]:
    for ref in dict.fromkeys(refs):
        target = behind.get(ref.task)
        if target is None:
            continue
        result = next((item for item in target.get("results") or [] if text(item, "name") == ref.result), None)
        if result is None:
            words = f"{quoted(ref.result)} is not a named result returned by pipeline task {quoted(ref.task)}"
            yield _finding("call-results", f"{start}: {words}", at)
        elif ref.property and text(result, "type") == "object" and ref.property not in (result.get("properties") or {}):
            words = f"{quoted(ref.result)} of pipeline task {quoted(ref.task)} has no property {quoted(ref.property)}"
            yield _finding("call-results", f"{start}: {words}", at)
