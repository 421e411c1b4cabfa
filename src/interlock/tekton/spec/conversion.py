"""v1beta1 objects as v1: upstream's ConvertTo (pkg/apis/pipeline/v1beta1/*_conversion.go), field by field.

What both versions have keeps its place; what v1beta1 calls otherwise moves; what only v1beta1 has goes, where upstream
keeps it, into the annotations from which upstream restores it. Fields that neither version knows stay where they are:
whoever reads the result decides whether they are an error (strict decoding) or not (a client's lenient one).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from interlock.errors import UnsupportedError
from interlock.formats.tekton.model import param_value, value_type

V1 = "tekton.dev/v1"
V1BETA1 = "tekton.dev/v1beta1"
CONVERTED = ("Task", "Pipeline", "TaskRun", "PipelineRun")
"""Kinds that exist in both versions. StepAction and CustomRun stay v1beta1."""

_DEPRECATIONS = "tekton.dev/v1beta1.task-deprecations"
_RESOURCES = "tekton.dev/v1beta1Resources"
# Order of the Go struct, which is that of the annotation's JSON.
_DEPRECATED = (
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "stdin",
    "stdinOnce",
    "tty",
)
_DEPRECATED_TEMPLATE = ("name", *_DEPRECATED)

Object = dict[str, Any]


def to_v1(value: Mapping[str, Any]) -> Object:
    """``value`` as a v1 object; a v1 object, and a kind that has no v1, comes back as it is (a copy).

    A status stays as it is. A param without type becomes a string param, as upstream's ConvertTo does: call `typed`
    before where upstream has set defaults. Raises UnsupportedError ``tekton-version`` for a version that is neither.
    """
    found: Object = _copy(value)
    version, kind = found.get("apiVersion"), found.get("kind")
    if kind not in CONVERTED or version == V1:
        return found
    if version != V1BETA1:
        raise UnsupportedError(
            "tekton-version", f"{kind} of an unknown version", got=version, expected=f"{V1} or {V1BETA1}"
        )
    metadata = found.get("metadata")
    converter = _Converter(dict(metadata) if isinstance(metadata, Mapping) else {})
    spec = _mapping(found.get("spec"))
    name = str(converter.metadata.get("name", ""))
    converter.keep_resources(spec)
    result: Object = {**found, "apiVersion": V1}
    if kind == "Task":
        result["spec"] = converter.task(spec, name)
    elif kind == "Pipeline":
        result["spec"] = converter.pipeline(spec)
    elif kind == "TaskRun":
        result["spec"] = converter.task_run(spec, name)
    else:
        result["spec"] = converter.pipeline_run(spec)
    result["metadata"] = converter.metadata
    return result


def typed(value: Mapping[str, Any]) -> Object:
    """``value`` (a Task or Pipeline of any version) with the type of every declared param written out.

    The part of upstream's SetDefaults that conversion depends on (v1beta1/param_types.go): ``properties`` means object,
    else the default's type, else string; embedded tasks alike.
    """
    found: Object = _copy(value)
    _type_params(found.get("spec"))
    return found


def _type_params(spec: Any) -> None:
    if not isinstance(spec, dict):
        return
    for param in _list(spec.get("params")):
        if isinstance(param, dict) and not param.get("type") and "value" not in param:
            default = param.get("default")
            fallback = value_type(param_value(default)) if default is not None else "string"
            param["type"] = "object" if param.get("properties") is not None else fallback
    for task in (*_list(spec.get("tasks")), *_list(spec.get("finally"))):
        if isinstance(task, dict):
            _type_params(task.get("taskSpec"))
            _type_params(task.get("pipelineSpec"))


class _Converter:
    """One object: its metadata takes what v1 has no field for."""

    def __init__(self, metadata: Object) -> None:
        self.metadata = metadata

    def keep_resources(self, spec: Mapping[str, Any]) -> None:
        """PipelineResources, long gone, survive as an annotation (serializeResources)."""
        if spec.get("resources") is not None:
            self._annotate(_RESOURCES, spec["resources"])

    def task(self, spec: Object, name: str) -> Object:
        self._keep_deprecations(spec, name)
        result = {key: item for key, item in spec.items() if key != "resources"}
        _each(result, "steps", lambda step: _container(step, _DEPRECATED))
        _each(result, "sidecars", lambda sidecar: _container(sidecar, ()))
        if isinstance(result.get("stepTemplate"), dict):
            result["stepTemplate"] = _container(result["stepTemplate"], _DEPRECATED_TEMPLATE)
        _each(result, "params", _param_spec)
        return result

    def pipeline(self, spec: Object) -> Object:
        result = {key: item for key, item in spec.items() if key != "resources"}
        for key in ("tasks", "finally"):
            _each(result, key, self._pipeline_task)
        _each(result, "params", _param_spec)
        return result

    def _pipeline_task(self, task: Object) -> Object:
        # ConvertTo knows no pipelineRef and pipelineSpec: a v1beta1 Pipeline loses them on a cluster too.
        dropped = ("resources", "pipelineRef", "pipelineSpec")
        result = {key: item for key, item in task.items() if key not in dropped}
        if isinstance(result.get("taskRef"), dict):
            result["taskRef"] = _reference(result["taskRef"])
        if isinstance(result.get("taskSpec"), dict):
            result["taskSpec"] = self.task(result["taskSpec"], str(task.get("name", "")))
        return result

    def task_run(self, spec: Object, name: str) -> Object:
        renamed = {"stepOverrides": "stepSpecs", "sidecarOverrides": "sidecarSpecs"}
        result = {renamed.get(key, key): item for key, item in spec.items() if key != "resources"}
        for key in ("stepSpecs", "sidecarSpecs"):
            _each(result, key, _override)
        if isinstance(result.get("taskRef"), dict):
            result["taskRef"] = _reference(result["taskRef"])
        if isinstance(result.get("taskSpec"), dict):
            result["taskSpec"] = self.task(result["taskSpec"], name)
        return result

    def pipeline_run(self, spec: Object) -> Object:
        moved = ("resources", "timeout", "podTemplate", "serviceAccountName")
        result = {key: item for key, item in spec.items() if key not in moved}
        if isinstance(result.get("pipelineRef"), dict):
            result["pipelineRef"] = _reference(result["pipelineRef"])
        if isinstance(result.get("pipelineSpec"), dict):
            result["pipelineSpec"] = self.pipeline(result["pipelineSpec"])
        if spec.get("timeout") is not None:
            result["timeouts"] = {"pipeline": spec["timeout"]}
        template = {key: spec[key] for key in ("podTemplate", "serviceAccountName") if spec.get(key) not in (None, "")}
        if template:
            result["taskRunTemplate"] = template
        _each(result, "taskRunSpecs", _task_run_spec)
        return result

    def _keep_deprecations(self, spec: Mapping[str, Any], name: str) -> None:
        """Container fields that v1 steps lack, in the annotation that upstream reads back (serializeTaskDeprecations).

        As upstream decides (HasDeprecatedFields): a livenessProbe of the template alone does not count.
        """
        steps = [
            {key: step[key] for key in _DEPRECATED if step.get(key)} if isinstance(step, Mapping) else {}
            for step in _list(spec.get("steps"))
        ]
        given = _mapping(spec.get("stepTemplate"))
        template = {key: given[key] for key in _DEPRECATED_TEMPLATE if given.get(key)}
        if not any(steps) and not (template.keys() - {"livenessProbe"}):
            return
        kept: Object = {}
        # Go writes a step's name and resources even where they are empty (no omitempty, a struct).
        if steps:
            kept["deprecatedSteps"] = [_kept(step, {"name": "", "resources": {}}) for step in steps]
        if isinstance(spec.get("stepTemplate"), Mapping):
            kept["deprecatedStepTemplate"] = _kept(template, {"resources": {}})
        annotations = _mapping(self.metadata.get("annotations"))
        held = json.loads(annotations.get(_DEPRECATIONS, "{}"))
        self._annotate(_DEPRECATIONS, dict(sorted({**held, name: kept}.items())))

    def _annotate(self, key: str, value: Any) -> None:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        self.metadata["annotations"] = {**_mapping(self.metadata.get("annotations")), key: text}


def _kept(value: Object, always: Object) -> Object:
    """``value`` with ``always``, in the order of the Go struct."""
    order = ("name", "ports", "resources", *_DEPRECATED[1:])
    held = {**always, **value}
    return {key: held[key] for key in order if key in held}


def _container(value: Object, dropped: tuple[str, ...]) -> Object:
    """A step, sidecar or stepTemplate: ``resources`` is ``computeResources``."""
    return {
        "computeResources" if key == "resources" else key: item for key, item in value.items() if key not in dropped
    }


def _override(value: Object) -> Object:
    return {"computeResources" if key == "resources" else key: item for key, item in value.items()}


def _task_run_spec(value: Object) -> Object:
    renamed = {
        "taskServiceAccountName": "serviceAccountName",
        "taskPodTemplate": "podTemplate",
        "stepOverrides": "stepSpecs",
        "sidecarOverrides": "sidecarSpecs",
    }
    result = {renamed.get(key, key): item for key, item in value.items()}
    for key in ("stepSpecs", "sidecarSpecs"):
        _each(result, key, _override)
    return result


def _reference(value: Object) -> Object:
    """``bundle``, dead since the bundles resolver, has no v1 field and is not converted."""
    return {key: item for key, item in value.items() if key != "bundle"}


def _param_spec(value: Object) -> Object:
    return value if value.get("type") else {**value, "type": "string"}


def _each(value: Object, key: str, change: Callable[[Object], Object]) -> None:
    if isinstance(value.get(key), list):
        value[key] = [change(item) if isinstance(item, dict) else item for item in value[key]]


def _mapping(value: Any) -> Object:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
