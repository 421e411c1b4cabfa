"""Which variables a Task or a Pipeline sees, and the fields in which they are replaced.

The passes follow upstream's order (tr/taskrun.go applyParamsContextsResultsAndWorkspaces, pr/resources/apply.go): a
later pass sees the text that an earlier one put in, as upstream does; within a pass nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from interlock.formats.tekton import step_template, substitution
from interlock.formats.tekton.model import ParamValue, param_value, parse
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import (
    Param,
    ParamSpec,
    Sidecar,
    Step,
    TaskSpec,
    When,
    WorkspaceDeclaration,
    step_name,
)
from interlock.tekton.spec import when
from interlock.tekton.spec.runs import PodTemplate, WorkspaceBinding

AnyContainer = TypeVar("AnyContainer", Step, Sidecar)


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
    """The Task as its run's status shows it: every variable that is known before the first step, in upstream's order.

    Its StepActions are merged already; its stepTemplate is not merged (`executable`).
    """
    for replacements in (params, context):
        spec = in_task(spec, replacements)
    spec = _each_step(spec, _step_result_paths)
    spec = in_task(spec, _result_paths("results", [result.name for result in spec.results or []], "/tekton/results"))
    spec = _each_step(spec, _artifact_paths)
    spec = in_task(spec, _exit_code_paths(spec))
    return _workspaces(spec, bindings, declarations)


def executable(spec: TaskSpec) -> TaskSpec:
    """A resolved Task as its containers run it: the credentials' folder filled in, the stepTemplate merged."""
    return step_template.merged(in_task(spec, Replacements({"credentials.path": "/tekton/creds"})))


def _each_step(spec: TaskSpec, answers: Callable[[Step, str], Replacements]) -> TaskSpec:
    """``spec`` with, in each step, what that step alone may say."""
    steps = [
        parse(Step, in_container(step.to_object(), found))
        if (found := answers(step, step_name(step, index))).strings
        else step
        for index, step in enumerate(spec.steps or [])
    ]
    return spec.model_copy(update={"steps": steps})


def _result_paths(prefix: str, names: Sequence[str], folder: str) -> Replacements:
    return Replacements(
        {f"{key}.path": f"{folder}/{name}" for name in names for key in substitution.spellings(prefix, name)}
    )


def _step_result_paths(step: Step, container: str) -> Replacements:
    names = [result.name for result in step.results or []]
    return _result_paths("step.results", names, f"/tekton/steps/{container}/results")


def _artifact_paths(step: Step, container: str) -> Replacements:
    return Replacements(
        {
            "step.artifacts.path": f"/tekton/steps/{container}/artifacts/provenance.json",
            "artifacts.path": "/tekton/artifacts/provenance.json",
        }
    )


def _exit_code_paths(spec: TaskSpec) -> Replacements:
    names = [step_name(step, index) for index, step in enumerate(spec.steps or [])]
    return Replacements({f"steps.{name}.exitCode.path": f"/tekton/steps/{name}/exitCode" for name in names})


def _workspaces(
    spec: TaskSpec, bindings: Sequence[WorkspaceBinding], declarations: Sequence[WorkspaceDeclaration]
) -> TaskSpec:
    """``workspaces.W.{path,bound,claim,volume}``; a container that mounts W elsewhere sees its path."""
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
    update: dict[str, object] = {"steps": [_with_own_paths(step) for step in spec.steps or []]}
    if spec.sidecars is not None:
        update["sidecars"] = [_with_own_paths(sidecar) for sidecar in spec.sidecars]
    return in_task(spec.model_copy(update=update), Replacements(strings))


def _with_own_paths(container: AnyContainer) -> AnyContainer:
    own = {f"workspaces.{item.name}.path": item.mount_path for item in container.workspaces or [] if item.mount_path}
    return parse(type(container), in_container(container.to_object(), Replacements(own))) if own else container


def in_task(spec: TaskSpec, replacements: Replacements) -> TaskSpec:
    """``spec`` with the variables replaced (tr/resources/apply.go ApplyReplacements)."""
    if not (replacements.strings or replacements.arrays or replacements.objects):
        return spec
    strings = replacements.strings
    value = spec.to_object()
    value["steps"] = [_in_step(step, replacements) for step in value.get("steps", [])]
    if "stepTemplate" in value:
        value["stepTemplate"] = in_container(value["stepTemplate"], replacements)
    if "sidecars" in value:
        value["sidecars"] = [in_container(sidecar, replacements) for sidecar in value["sidecars"]]
    for volume in value.get("volumes", []):
        _in_source(_in_keys(volume, ("name",), strings), strings)
    for workspace in value.get("workspaces", []):
        _in_keys(workspace, ("mountPath",), strings)
    return parse(type(spec), value)


def _in_step(step: dict[str, Any], replacements: Replacements) -> dict[str, Any]:
    step = in_container(step, replacements)
    if "params" in step:
        step["params"] = [
            {**param, "value": substitution.replace_value(param_value(param["value"]), replacements)}
            for param in step["params"]
        ]
    return step


def _in_source(volume: dict[str, Any], strings: Mapping[str, str]) -> None:
    """The source of a volume or workspace, in place."""
    for source, key in (("secret", "secretName"), ("configMap", "name"), ("persistentVolumeClaim", "claimName")):
        if source in volume:
            _in_object(volume[source], key, strings)
    for projection in (volume.get("projected") or {}).get("sources") or []:
        for source, key in (("secret", "name"), ("configMap", "name"), ("serviceAccountToken", "audience")):
            if source in projection:
                _in_object(projection[source], key, strings)


def _in_object(source: dict[str, Any], key: str, strings: Mapping[str, str]) -> None:
    _in_keys(source, (key,), strings)
    for item in source.get("items", []):
        _in_keys(item, ("key", "path"), strings)


def in_container(step: dict[str, Any], replacements: Replacements) -> dict[str, Any]:
    """One step, stepTemplate or sidecar (pkg/container/{step,sidecar,container}_replacements.go)."""
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
    for stream in ("stdoutConfig", "stderrConfig"):
        if stream in step:
            step[stream] = _in_keys(dict(step[stream]), ("path",), strings)
    if "when" in step:
        conditions = when.substituted([parse(When, item) for item in step["when"]], replacements)
        step["when"] = [condition.to_object() for condition in conditions or []]
    return step


def _in_env(variable: dict[str, Any], strings: Mapping[str, str]) -> dict[str, Any]:
    _in_keys(variable, ("value",), strings)
    if "valueFrom" in variable:
        variable["valueFrom"] = _in_references(dict(variable["valueFrom"]), strings, ())
    return variable


def _in_references(source: dict[str, Any], strings: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, Any]:
    _in_keys(source, keys, strings)
    for name in ("secretKeyRef", "configMapKeyRef", "secretRef", "configMapRef"):
        if isinstance(source.get(name), dict):
            source[name] = _in_keys(dict(source[name]), ("name", "key"), strings)
    return source


def _in_keys(value: dict[str, Any], keys: tuple[str, ...], strings: Mapping[str, str]) -> dict[str, Any]:
    for key in keys:
        if isinstance(value.get(key), str):
            value[key] = substitution.replace(value[key], strings)
    return value


def in_pod_template(template: PodTemplate, params: Replacements) -> PodTemplate:
    """A run's podTemplate with params filled in, wherever upstream does (ApplyPodTemplateReplacements)."""
    value = template.to_object()
    for variable in value.get("env") or []:
        _in_env(_in_keys(variable, ("name",), params.strings), params.strings)
    for volume in value.get("volumes") or []:
        _in_source(_in_keys(volume, ("name",), params.strings), params.strings)
    for alias in value.get("hostAliases") or []:
        _in_keys(alias, ("ip",), params.strings)
        alias["hostnames"] = [substitution.replace(text, params.strings) for text in alias.get("hostnames") or []]
    for field in _SCHEDULING & value.keys():
        value[field] = _deeply(value[field], params.strings)
    return parse(PodTemplate, value)


_SCHEDULING = {
    "nodeSelector",
    "tolerations",
    "affinity",
    "securityContext",
    "runtimeClassName",
    "schedulerName",
    "priorityClassName",
    "imagePullSecrets",
    "topologySpreadConstraints",
    "dnsPolicy",
    "dnsConfig",
}


def _deeply(value: Any, strings: Mapping[str, str]) -> Any:
    """Every text in ``value``, keys included, with variables replaced."""
    if isinstance(value, str):
        return substitution.replace(value, strings)
    if isinstance(value, list):
        return [_deeply(item, strings) for item in value]
    if isinstance(value, dict):
        return {substitution.replace(key, strings): _deeply(item, strings) for key, item in value.items()}
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
        _in_source(value, strings)
        replaced.append(parse(WorkspaceBinding, value))
    return replaced
