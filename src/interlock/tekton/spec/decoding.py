"""Go's decoding of objects, with the models as types: what is dropped, what is unknown, what has the wrong shape."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Union, get_args, get_origin

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.formats.tekton.model import Model
from interlock.formats.tekton.task import StepAction, Task
from interlock.tekton.spec.pipeline import Pipeline
from interlock.tekton.spec.runs import CustomRun, PipelineRun, TaskRun

MODELS: Final[Mapping[str, type[Model]]] = {
    "Task": Task,
    "Pipeline": Pipeline,
    "TaskRun": TaskRun,
    "PipelineRun": PipelineRun,
    "StepAction": StepAction,
    "CustomRun": CustomRun,
}
"""By kind; v1, or the one version that there is."""


def pruned(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` (v1) without fields that its type does not have, at every depth: lenient decoding."""
    result: dict[str, Any] = _pruned(value, MODELS[str(value["kind"])])
    return result


def _pruned(value: Any, annotation: Any) -> Any:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Model) and isinstance(value, Mapping):
        known = _fields(annotation)
        return {key: _pruned(item, known[key]) for key, item in value.items() if key in known}
    if get_origin(annotation) is list and isinstance(value, list):
        return [_pruned(item, get_args(annotation)[0]) for item in value]
    return value


def check_strict(value: Mapping[str, Any]) -> None:
    """Raise InputError ``unknown-field`` where ``value`` (v1) has fields that its type does not have, in Go's words.

    sigs.k8s.io/json, UnmarshalStrict.
    """
    found = [yaml.dotted(path) for path in _unknown(value, MODELS[str(value["kind"])], ())]
    if found:
        named = ", ".join(f'unknown field "{path}"' for path in found)
        raise InputError("unknown-field", f"strict decoding error: {named}")


def _unknown(value: Any, annotation: Any, path: yaml.Path) -> Iterator[yaml.Path]:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Model) and isinstance(value, Mapping):
        known = _fields(annotation)
        for key, item in value.items():
            if key in known:
                yield from _unknown(item, known[key], (*path, key))
            else:
                yield (*path, key)
    elif get_origin(annotation) is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, get_args(annotation)[0], (*path, index))


def check_types(value: Mapping[str, Any]) -> None:
    """Raise InputError ``wrong-type`` where a list, object or text stands for another, in the words of Go's decoder.

    ``value`` may be v1beta1: fields that only that version has are not looked at.
    """
    kind = str(value["kind"])
    _check(value, MODELS[kind], (), kind, str(value.get("apiVersion")).rpartition("/")[2])


def _check(value: Any, annotation: Any, path: tuple[str, ...], owner: str, package: str) -> None:
    annotation = _bare(annotation)
    if value is None:
        return
    if isinstance(annotation, type) and issubclass(annotation, Model):
        if not isinstance(value, Mapping):
            raise _unmarshal(value, owner, path, f"{package}.{annotation.__name__}")
        for key, held in _fields(annotation).items():
            if key in value:
                _check(value[key], held, (*path, key), annotation.__name__, package)
    elif get_origin(annotation) is list:
        item = _bare(get_args(annotation)[0])
        named = item.__name__ if isinstance(item, type) else "interface {}"
        prefix = f"{package}." if isinstance(item, type) and issubclass(item, Model) else ""
        if not isinstance(value, list):
            raise _unmarshal(value, owner, path, f"[]{prefix}{'string' if named == 'str' else named}")
        for element in value:
            _check(element, item, path, owner, package)
    elif annotation is str and isinstance(value, Mapping | list):
        raise _unmarshal(value, owner, path, "string")


def _unmarshal(value: Any, owner: str, path: tuple[str, ...], expected: str) -> InputError:
    got = "object" if isinstance(value, Mapping) else "array" if isinstance(value, list) else "string"
    if isinstance(value, bool):
        got = "bool"
    elif isinstance(value, int | float):
        got = "number"
    field = ".".join((owner, *path))
    return InputError("wrong-type", f"json: cannot unmarshal {got} into Go struct field {field} of type {expected}")


def _fields(model: type[Model]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _bare(annotation: Any) -> Any:
    """Without Annotated, and without None or other scalars of a union."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [_bare(part) for part in get_args(annotation) if part is not type(None)]
        # A value of several shapes (a param's) has no fields to look at.
        return parts[0] if len(parts) == 1 else Any
    return annotation
