"""Which variables a Task or a Pipeline sees, and the fields in which they are replaced.

The passes follow upstream's order (tr/taskrun.go applyParamsContextsResultsAndWorkspaces, pr/resources/apply.go): a
later pass sees the text that an earlier one put in, as upstream does; within a pass nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import ParamValue, parse
from interlock.formats.tekton.runs import WorkspaceBinding
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import Param, ParamSpec, StepTemplate, TaskSpec, WorkspaceDeclaration, step_name


def of_params(values: Mapping[str, ParamValue], *, legacy: bool = False) -> Replacements:
    """``params.*`` in all spellings; with ``legacy`` also ``inputs.params.*`` (tr/resources/apply.go paramPatterns)."""
    found = Replacements()
    for name, value in values.items():
        keys = substitution.spellings("params", name) + ([f"inputs.params.{name}"] if legacy else [])
        found |= substitution.of_value(keys, value)
    return found


def task_params(specs: Sequence[ParamSpec] | None, given: Sequence[Param] | None) -> Replacements:
    """What ``params.*`` answers in a Task: defaults in two passes, then given values; objects merge key by key."""
    simple: dict[str, ParamValue] = {}
    for spec in specs or []:
        if spec.default is not None and not (isinstance(spec.default, str) and "$(params." in spec.default):
            simple[spec.name] = spec.default
    values = dict(simple)
    for spec in specs or []:
        if isinstance(spec.default, str) and spec.name not in simple:
            replaced = substitution.replace(spec.default, of_params(values, legacy=True).strings)
            if replaced != spec.default:
                values[spec.name] = replaced
    for param in given or []:
        default = values.get(param.name)
        if isinstance(param.value, dict) and isinstance(default, dict):
            values[param.name] = {**default, **param.value}
        else:
            values[param.name] = param.value
    return of_params(values, legacy=True)


def task_context(task: str, run: str, namespace: str, uid: str, retries: int) -> Replacements:
    """``context.*`` in a Task (getContextReplacements)."""
    return Replacements(
        {
            "context.taskRun.name": run,
            "context.task.name": task,
            "context.taskRun.namespace": namespace,
            "context.taskRun.uid": uid,
            "context.task.retry-count": str(retries),
        }
    )


def resolved_task(
    spec: TaskSpec,
    *,
    params: Replacements,
    context: Replacements,
    bindings: Sequence[WorkspaceBinding],
    declarations: Sequence[WorkspaceDeclaration],
) -> TaskSpec:
    """The Task as it runs: every variable replaced, in upstream's order of passes. Merge the stepTemplate first."""
    spec = in_task(spec, params)
    spec = in_task(spec, context)
    spec = in_task(spec, _result_paths(spec))
    spec = in_task(spec, _exit_code_paths(spec))
    spec = _workspaces(spec, bindings, declarations)
    return in_task(spec, Replacements({"credentials.path": "/tekton/creds"}))


def _result_paths(spec: TaskSpec) -> Replacements:
    names = [result.name for result in spec.results or []]
    return Replacements(
        {f"{key}.path": f"/tekton/results/{name}" for name in names for key in substitution.spellings("results", name)}
    )


def _exit_code_paths(spec: TaskSpec) -> Replacements:
    names = [step_name(step, index) for index, step in enumerate(spec.steps or [])]
    return Replacements({f"steps.{name}.exitCode.path": f"/tekton/steps/{name}/exitCode" for name in names})


def _workspaces(
    spec: TaskSpec, bindings: Sequence[WorkspaceBinding], declarations: Sequence[WorkspaceDeclaration]
) -> TaskSpec:
    """``workspaces.W.{path,bound,claim,volume}``; a step that mounts W elsewhere sees its path (ApplyWorkspaces)."""
    bound = {binding.name: binding for binding in bindings}
    strings: dict[str, str] = {}
    for declaration in declarations:
        prefix = f"workspaces.{declaration.name}"
        missing = declaration.optional and declaration.name not in bound
        strings[f"{prefix}.bound"] = "false" if missing else "true"
        strings[f"{prefix}.path"] = "" if missing else declaration.path
    for name, binding in bound.items():
        source = binding.persistent_volume_claim
        strings[f"workspaces.{name}.claim"] = source.claim_name if source else ""
        strings[f"workspaces.{name}.volume"] = f"ws-{name}"
    steps = [
        parse(type(step), in_container(step.to_object(), Replacements(own)))
        if (own := _own_paths(step.workspaces))
        else step
        for step in spec.steps or []
    ]
    return in_task(spec.model_copy(update={"steps": steps}), Replacements(strings))


def _own_paths(usages: Sequence[Any] | None) -> dict[str, str]:
    return {f"workspaces.{usage.name}.path": usage.mount_path for usage in usages or [] if usage.mount_path}


def in_task(spec: TaskSpec, replacements: Replacements) -> TaskSpec:
    """``spec`` with the variables replaced in steps, stepTemplate, volumes and workspaces[].mountPath."""
    strings = replacements.strings
    value = spec.to_object()
    value["steps"] = [in_container(step, replacements) for step in value.get("steps", [])]
    if "stepTemplate" in value:
        value["stepTemplate"] = in_container(value["stepTemplate"], replacements)
    for volume in value.get("volumes", []):
        volume["name"] = substitution.replace(volume["name"], strings)
        for source, key in (("secret", "secretName"), ("configMap", "name"), ("persistentVolumeClaim", "claimName")):
            if source in volume:
                _in_keys(volume[source], (key,), strings)
                for item in volume[source].get("items", []):
                    _in_keys(item, ("key", "path"), strings)
    for workspace in value.get("workspaces", []):
        _in_keys(workspace, ("mountPath",), strings)
    return parse(type(spec), value)


def in_container(step: dict[str, Any], replacements: Replacements) -> dict[str, Any]:
    """One step or stepTemplate (pkg/container/{step,container}_replacements.go)."""
    strings = replacements.strings
    step = dict(step)
    _in_keys(step, ("name", "image", "imagePullPolicy", "workingDir", "script", "onError"), strings)
    for key in ("command", "args"):
        if key in step:
            step[key] = substitution.expand_all(step[key], replacements)
    if "env" in step:
        step["env"] = [_in_env(dict(variable), strings) for variable in step["env"]]
    if "envFrom" in step:
        step["envFrom"] = [_in_references(dict(source), strings, ("prefix",)) for source in step["envFrom"]]
    if "volumeMounts" in step:
        step["volumeMounts"] = [
            _in_keys(dict(mount), ("name", "mountPath", "subPath"), strings) for mount in step["volumeMounts"]
        ]
    return step


def _in_env(variable: dict[str, Any], strings: Mapping[str, str]) -> dict[str, Any]:
    _in_keys(variable, ("value",), strings)
    if "valueFrom" in variable:
        variable["valueFrom"] = _in_references(dict(variable["valueFrom"]), strings, ())
    return variable


def _in_references(source: dict[str, Any], strings: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, Any]:
    _in_keys(source, keys, strings)
    for name, value in source.items():
        if isinstance(value, dict):
            source[name] = _in_keys(dict(value), ("name", "key"), strings)
    return source


def _in_keys(value: dict[str, Any], keys: tuple[str, ...], strings: Mapping[str, str]) -> dict[str, Any]:
    for key in keys:
        if isinstance(value.get(key), str):
            value[key] = substitution.replace(value[key], strings)
    return value


def in_params(params: Sequence[Param], replacements: Replacements) -> list[Param]:
    return [
        param.model_copy(update={"value": substitution.replace_value(param.value, replacements)}) for param in params
    ]


def in_bindings(bindings: Sequence[WorkspaceBinding] | None, strings: Mapping[str, str]) -> list[WorkspaceBinding]:
    """Workspace bindings of a run with params or results replaced (pkg/workspace ReplaceWorkspaceBindingsVars)."""
    replaced = []
    for binding in bindings or []:
        value = binding.to_object()
        _in_keys(value, ("subPath",), strings)
        for source, key in (("persistentVolumeClaim", "claimName"), ("configMap", "name"), ("secret", "secretName")):
            if source in value:
                _in_keys(value[source], (key,), strings)
        replaced.append(parse(WorkspaceBinding, value))
    return replaced


def merged_steps(spec: TaskSpec) -> TaskSpec:
    """Every step over the stepTemplate: the step wins, env and mounts merge by name (v1/merge.go)."""
    template = spec.step_template
    if template is None:
        return spec
    steps = [parse(type(step), _over(template, step.to_object())) for step in spec.steps or []]
    return spec.model_copy(update={"steps": steps})


def _over(template: StepTemplate, step: dict[str, Any]) -> dict[str, Any]:
    base = template.to_object()
    merged = {**base, **step}
    for name, key in (("env", "name"), ("volumeMounts", "mountPath")):
        if name in base and name in step:
            own = {item[key] for item in step[name]}
            # Strategic merge keeps the template's order and appends what is new.
            merged[name] = [item for item in base[name] if item[key] not in own] + step[name]
    return merged
