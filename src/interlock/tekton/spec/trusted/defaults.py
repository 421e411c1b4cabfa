"""SetDefaults of Tasks, Pipelines and StepActions, which the controller applies before it verifies a signature.

Source: v1 and v1beta1 {task,pipeline,result,param,stepaction}_defaults.go and tr/resources/taskref.go
(readRuntimeObjectAsTask), with upstream's default configuration: no default resolver type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def defaulted(value: Mapping[str, Any]) -> Object:
    """A copy of ``value`` with the types of params and results and the kinds of taskRefs filled in."""
    spec = value.get("spec")
    if not isinstance(spec, Mapping):
        return dict(value)
    kind = value.get("kind")
    if kind == "Pipeline":
        filled = _pipeline(spec)
    elif kind == "StepAction":
        filled = _each(_each(spec, "params", _param), "results", _result)
    else:
        filled = _task(spec)
    return {**value, "spec": filled}


def _pipeline(spec: Mapping[str, Any]) -> Object:
    filled = _each(spec, "params", _param)
    for name in ("tasks", "finally"):
        filled = _each(filled, name, _pipeline_task)
    return filled


def _pipeline_task(task: Mapping[str, Any]) -> Object:
    filled = dict(task)
    reference, spec = task.get("taskRef"), task.get("taskSpec")
    if isinstance(reference, Mapping) and not reference.get("kind") and not reference.get("resolver"):
        filled["taskRef"] = {**reference, "kind": "Task"}
    if isinstance(spec, Mapping):
        filled["taskSpec"] = _task(spec)
    return filled


def _task(spec: Mapping[str, Any]) -> Object:
    return _each(_each(spec, "params", _param), "results", _result)


def _param(param: Mapping[str, Any]) -> Object:
    if param.get("type"):
        return _properties(param)
    if param.get("properties") is not None:
        return _properties({**param, "type": "object"})
    return {**param, "type": _value_type(param.get("default"))}


def _result(result: Mapping[str, Any]) -> Object:
    kind = result.get("type") or ("object" if result.get("properties") is not None else "string")
    return _properties({**result, "type": kind})


def _properties(item: Mapping[str, Any]) -> Object:
    properties = item.get("properties")
    if not isinstance(properties, Mapping):
        return dict(item)
    typed = {
        name: entry if isinstance(entry, Mapping) and entry.get("type") else {"type": "string"}
        for name, entry in properties.items()
    }
    return {**item, "properties": typed}


def _value_type(value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str | None) for item in value):
        return "array"
    if isinstance(value, Mapping) and all(isinstance(item, str | None) for item in value.values()):
        return "object"
    return "string"


def _each(spec: Mapping[str, Any], name: str, change: Any) -> Object:
    items = spec.get(name)
    if not isinstance(items, list):
        return dict(spec)
    # In Go a null in a list of structs is a struct without content.
    filled = ({} if item is None else item for item in items)
    return {**spec, name: [change(item) if isinstance(item, Mapping) else item for item in filled]}
