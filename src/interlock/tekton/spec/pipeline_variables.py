"""The variables of a Pipeline: which it answers, and the fields of its tasks in which they are replaced.

pr/resources/apply.go. A later pass sees the text that an earlier one put in; within a pass nothing is read twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import Model, ParamValue
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import Param, TaskSpec
from interlock.tekton.spec import matrix, references, variables, when
from interlock.tekton.spec.pipeline import EmbeddedTask, Matrix, PipelineSpec, PipelineTask
from interlock.tekton.spec.progress import Children

_MENTIONED = re.compile(r"\$\(([^()]*)\)")


def context(pipeline: str, run: str, namespace: str, uid: str) -> Replacements:
    """``context.*`` in a Pipeline (GetContextReplacements)."""
    return Replacements(
        {
            "context.pipelineRun.name": run,
            "context.pipeline.name": pipeline,
            "context.pipelineRun.namespace": namespace,
            "context.pipelineRun.uid": uid,
        }
    )


def is_custom(task: PipelineTask) -> bool:
    """Whether a controller outside Tekton executes the task: its reference or spec has apiVersion and kind.

    ``tekton.dev/v1`` and ``Task`` count as such too, as upstream has it (v1/taskref_types.go IsCustomTask).
    """
    return any(found is not None and found.api_version and found.kind for found in (task.task_ref, task.task_spec))


def is_pipeline(task: PipelineTask) -> bool:
    """Whether the task is a Pipeline of its own (IsChildPipeline)."""
    return task.pipeline_spec is not None or task.pipeline_ref is not None


def in_pipeline(spec: PipelineSpec, passes: Sequence[Replacements]) -> PipelineSpec:
    """``spec`` with the variables replaced in its tasks, pass by pass (replaceVariablesInPipelineTasks)."""
    update: dict[str, object] = {}
    if spec.tasks is not None:
        update["tasks"] = [_in_passes(task, passes) for task in spec.tasks]
    if spec.finally_ is not None:
        update["finally_"] = [_in_passes(task, passes) for task in spec.finally_]
    return spec.model_copy(update=update)


def _in_passes(task: PipelineTask, passes: Sequence[Replacements]) -> PipelineTask:
    mentioned = _mentioned(task)
    for replacements in passes:
        if not _answered(mentioned, replacements):
            continue
        # Of a matrix, displayName is filled in for each run (getDisplayName).
        shown = not matrix.is_matrixed(task)
        replaced = in_task(task, replacements, display_name=shown)
        if task.task_spec is not None and not is_custom(task):
            replaced = replaced.model_copy(
                update={"task_spec": _propagated(task.task_spec, replaced.params or [], replacements)}
            )
        task = replaced
        mentioned = _mentioned(task)
    return task


def in_task(task: PipelineTask, replacements: Replacements, *, display_name: bool = True) -> PipelineTask:
    """One PipelineTask with the variables replaced in everything but its embedded task."""
    strings = replacements.strings
    update: dict[str, object] = {}
    if task.params:
        update["params"] = variables.in_params(task.params, replacements)
    if task.matrix is not None:
        update["matrix"] = _in_matrix(task.matrix, replacements)
    if task.when:
        update["when"] = when.substituted(task.when, replacements)
    if task.workspaces and any("$(" in item.sub_path for item in task.workspaces):
        update["workspaces"] = [
            item.model_copy(update={"sub_path": substitution.replace(item.sub_path, strings)})
            if item.sub_path
            else item
            for item in task.workspaces
        ]
    if task.task_ref is not None:
        reference: dict[str, object] = {}
        if task.task_ref.name:
            reference["name"] = substitution.replace(task.task_ref.name, strings)
        if task.task_ref.params:
            reference["params"] = variables.in_params(task.task_ref.params, replacements)
        update["task_ref"] = task.task_ref.model_copy(update=reference)
    if task.display_name and display_name:
        update["display_name"] = substitution.replace(task.display_name, strings)
    if task.on_error:
        update["on_error"] = substitution.replace(task.on_error, strings)
    return task.model_copy(update=update)


def _in_matrix(value: Matrix, replacements: Replacements) -> Matrix:
    """Params take strings and arrays, the params of an include strings alone."""
    update: dict[str, object] = {}
    if value.params:
        update["params"] = variables.in_params(value.params, Replacements(replacements.strings, replacements.arrays))
    if value.include:
        text = Replacements(replacements.strings)
        update["include"] = [
            include.model_copy(update={"params": variables.in_params(include.params, text)})
            if include.params
            else include
            for include in value.include
        ]
    return value.model_copy(update=update)


def _mentioned(value: Model) -> set[str]:
    """Keys of all references below ``value``; most tasks have none."""
    return set(_MENTIONED.findall(value.model_dump_json(exclude_unset=True)))


def _answered(keys: Iterable[str], replacements: Replacements) -> bool:
    """Whether ``replacements`` may answer one of ``keys``, which come out of JSON: quotes in them are escaped."""
    for key in keys:
        whole = key.removesuffix("[*]")
        if key in replacements.strings or whole in replacements.arrays or whole in replacements.objects:
            return True
        if "'" in key or "\\" in key:
            return True
    return False


def _propagated(spec: EmbeddedTask, params: Sequence[Param], replacements: Replacements) -> TaskSpec:
    """The embedded task with the pipeline's values; the PipelineTask's own params win over them (propagateParams)."""
    if not _answered(_mentioned(spec), replacements):
        return spec
    own: dict[str, ParamValue] = {}
    for param in params:
        keys = substitution.spellings("params", param.name)
        if any(
            key in found for key in keys for found in (replacements.strings, replacements.arrays, replacements.objects)
        ):
            own[param.name] = param.value
    return variables.in_task(spec, replacements | variables.of_params(own) if own else replacements)


def with_results(task: PipelineTask, done: Mapping[str, Children]) -> PipelineTask:
    """The task with results and artifacts of finished tasks in its embedded task (PropagateResults, -Artifacts).

    Of a result, upstream fills in here a string, all of an array, or a key of an object: no element of an array.
    """
    spec = task.task_spec
    if spec is None or is_custom(task):
        return task
    found = [
        answer for expression in references.embedded_expressions(task) if (answer := _embedded_answer(expression, done))
    ]
    if not found:
        return task
    return task.model_copy(update={"task_spec": variables.in_task(spec, substitution.merged(found))})


def _embedded_answer(expression: str, done: Mapping[str, Children]) -> Replacements | None:
    parts = expression.split(".")
    if len(parts) > 2 and parts[0] == "tasks" and parts[2] in ("inputs", "outputs") and parts[1] in done:
        return _artifact(expression, parts, done[parts[1]])
    ref = references.parse(expression)
    if ref is None or parts[0] != "tasks" or ref.index is not None or ref.task not in done:
        return None
    value = done[ref.task].results.get(ref.result)
    if isinstance(value, str) and not ref.key:
        return Replacements({expression: value})
    if isinstance(value, list) and not ref.key:
        return Replacements(arrays={expression.removesuffix("[*]"): value})
    if isinstance(value, dict) and ref.key in value:
        return Replacements({expression: value[ref.key]})
    return None


def _artifact(expression: str, parts: Sequence[str], producer: Children) -> Replacements | None:
    """``tasks.T.outputs.N``, or the first without N, as the JSON of its values."""
    items: list[dict[str, Any]] = [item for child in producer.items for item in child.artifacts.get(parts[2]) or []]
    if len(parts) > 3:
        items = [item for item in items if item.get("name") == ".".join(parts[3:])]
    if not items:
        return None
    return Replacements({expression: _go_json(items[0].get("values"))})


def _go_json(value: Any) -> str:
    """encoding/json, whose keys are sorted here as Go's structs and maps have them."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def binding_strings(children: Mapping[str, Children]) -> dict[str, str]:
    """What finished TaskRuns answer in a run's workspace bindings: strings, keys of objects.

    pr/resources/apply.go ApplyResultsToWorkspaceBindings.
    """
    strings: dict[str, str] = {}
    for task, found in children.items():
        if not found.done or found.kind != "TaskRun":
            continue
        for name, value in found.results.items():
            if isinstance(value, str):
                strings[f"tasks.{task}.results.{name}"] = value
            elif isinstance(value, dict):
                strings |= {f"tasks.{task}.results.{name}.{key}": text for key, text in value.items()}
    return strings
