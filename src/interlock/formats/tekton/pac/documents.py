"""The documents of a `.tekton/` folder, by kind and as v1 (pkg/resolve/resolve.go ReadTektonTypes).

Decoding is as lenient as upstream's there: fields that no type has are dropped without a word; a document whose fields
have the wrong type is reported and left out; what is not Tekton's is passed over.
"""

from __future__ import annotations

import itertools
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Union, get_args, get_origin

from interlock.errors import InputError, InterlockError, Location
from interlock.formats import yaml
from interlock.formats.tekton import conversion
from interlock.formats.tekton.model import Model
from interlock.formats.tekton.pipeline import Pipeline
from interlock.formats.tekton.runs import PipelineRun, TaskRun
from interlock.formats.tekton.task import Task

Object = dict[str, Any]

_MODELS: Final[Mapping[str, type[Model]]] = {
    "Task": Task,
    "Pipeline": Pipeline,
    "TaskRun": TaskRun,
    "PipelineRun": PipelineRun,
}
_VERSIONS: Final = (conversion.V1, conversion.V1BETA1)


@dataclass(frozen=True, slots=True)
class Problem:
    """A document that could not be decoded: its name as far as that can be told, and its apiVersion."""

    name: str
    message: str
    schema: str
    where: Location | None = None

    @property
    def reported(self) -> bool:
        """Whether upstream tells the author: only of Tekton's own documents."""
        return self.schema.startswith("tekton.dev")


@dataclass(frozen=True)
class Documents:
    """What a folder holds. TaskRuns are read and not resolved, as upstream."""

    runs: list[Object] = field(default_factory=list)
    pipelines: list[Object] = field(default_factory=list)
    tasks: list[Object] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: int = 0
    """Documents that are not Tekton's."""


def read(text: str, *, file: str = "") -> Documents:
    """Every document of ``text``: the files of a folder, each after a ``---`` (`joined`)."""
    found = Documents()
    skipped = 0
    line = 0
    for part in _parts(text):
        start, line = line, line + part.count("\n")
        body = part
        if not body.strip():
            continue
        try:
            value = _load(body, file)
            kind = str(value.get("kind"))
            if kind not in _MODELS or value.get("apiVersion") not in _VERSIONS:
                skipped += 1
                continue
            _check_types(value, kind)
            converted = pruned(conversion.to_v1(value), _MODELS[kind])
        except InterlockError as error:
            name, schema = _named(body, file)
            where = error.where and Location(error.where.file, error.where.line + start, error.where.column)
            found.problems.append(
                Problem(name, f"error decoding yaml document: {error.message}", schema, where or None)
            )
            continue
        if kind == "PipelineRun":
            found.runs.append(converted)
        elif kind == "Pipeline":
            found.pipelines.append(converted)
        elif kind == "Task":
            found.tasks.append(converted)
    return Documents(found.runs, found.pipelines, found.tasks, found.problems, skipped)


def joined(texts: list[str]) -> str:
    """The contents of files as one text of several documents."""
    return "".join(text if text.startswith("---") else f"---\n{text}" for text in (_ended(item) for item in texts))


def decoded(text: str, kind: str, uri: str) -> Object:
    """The Task or Pipeline (``kind``) of a remote text, as v1. Raises InputError ``pac-remote`` in upstream's words."""
    name = kind.lower()
    try:
        value = _load(text, uri)
        found = str(value.get("kind"))
        if found in _MODELS:
            _check_types(value, found)
    except InterlockError as error:
        message = f"remote {name} from URI {uri} cannot be parsed as a Kubernetes resource: {error.message}"
        raise InputError("pac-remote", message, where=error.where) from error
    if value.get("apiVersion") not in _VERSIONS or found != kind:
        what = f"{value.get('apiVersion')} {found}"
        message = f"remote {name} from URI {uri} has not been recognized as a Tekton {name}: {what}"
        raise InputError("pac-remote", message)
    return pruned(conversion.to_v1(value), _MODELS[kind])


def pruned(value: Any, model: type[Model]) -> Object:
    """``value`` without fields that ``model`` does not have, at every depth: lenient decoding."""
    result: Object = _pruned(value, model)
    return result


def _pruned(value: Any, annotation: Any) -> Any:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Model) and isinstance(value, Mapping):
        known = {info.alias or name: info.annotation for name, info in annotation.model_fields.items()}
        return {key: _pruned(item, known[key]) for key, item in value.items() if key in known}
    if get_origin(annotation) is list and isinstance(value, list):
        return [_pruned(item, get_args(annotation)[0]) for item in value]
    return value


def _bare(annotation: Any) -> Any:
    """Without Annotated, and without None or other scalars of a union."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [_bare(part) for part in get_args(annotation) if part is not type(None)]
        # A value of several shapes (a param's) has no fields to drop.
        return parts[0] if len(parts) == 1 else Any
    return annotation


def _check_types(value: Object, kind: str) -> None:
    """Raise InputError ``pac-decode`` where a list or object stands for the other, in the words of Go's decoder."""
    package = str(value.get("apiVersion")).rpartition("/")[2]
    _check(value, _MODELS[kind], (), kind, package)


def _check(value: Any, annotation: Any, path: tuple[str, ...], owner: str, package: str) -> None:
    annotation = _bare(annotation)
    if value is None:
        return
    if isinstance(annotation, type) and issubclass(annotation, Model):
        if not isinstance(value, Mapping):
            raise _unmarshal(value, owner, path, f"{package}.{annotation.__name__}")
        for name, info in annotation.model_fields.items():
            key = info.alias or name
            if key in value:
                _check(value[key], info.annotation, (*path, key), annotation.__name__, package)
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
    field_name = ".".join((owner, *path))
    return InputError(
        "pac-decode", f"json: cannot unmarshal {got} into Go struct field {field_name} of type {expected}"
    )


def _load(text: str, file: str) -> Object:
    value = yaml.load(text, file=file).value
    if not isinstance(value, dict):
        raise InputError("pac-decode", "couldn't get version/kind; json parse error: not an object")
    if not value.get("kind"):
        raise InputError("pac-decode", "Object 'Kind' is missing")
    return value


def _named(text: str, file: str) -> tuple[str, str]:
    """Name (or generateName) and apiVersion, told even where the document itself is wrong."""
    try:
        value = yaml.load(text, file=file).value
    except InputError:
        return "nokube", ""
    if not isinstance(value, dict):
        return "nokube", ""
    metadata = value.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    return str(names.get("name") or names.get("generateName") or "unknown"), str(value.get("apiVersion") or "")


def _parts(text: str) -> list[str]:
    """Split at separators; every part begins with the separator's line, emptied, so that line numbers stay."""
    starts = [match.start() for match in re.finditer(r"(?m)^---[^\S\n]*$", text)]
    bounds = [0, *starts, len(text)]
    pieces = [text[one:other] for one, other in itertools.pairwise(bounds)]
    return [re.sub(r"\A---[^\S\n]*(?=\n|\Z)", "", piece) for piece in pieces]


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
