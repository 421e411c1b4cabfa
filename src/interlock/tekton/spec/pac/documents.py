"""The documents of a `.tekton/` folder, by kind and as v1 (pkg/resolve/resolve.go ReadTektonTypes).

Decoding is as lenient as upstream's there: fields that no type has are dropped without a word; a document whose fields
have the wrong type is reported and left out; what is not Tekton's is passed over.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any, Final

from interlock.errors import InputError, InterlockError, Location
from interlock.formats import yaml
from interlock.tekton.spec import conversion, decoding

Object = dict[str, Any]

_KINDS: Final = ("Task", "Pipeline", "TaskRun", "PipelineRun")
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
            if kind not in _KINDS or value.get("apiVersion") not in _VERSIONS:
                skipped += 1
                continue
            decoding.check_types(value)
            converted = decoding.pruned(conversion.to_v1(value))
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
        if found in _KINDS:
            decoding.check_types(value)
    except InterlockError as error:
        message = f"remote {name} from URI {uri} cannot be parsed as a Kubernetes resource: {error.message}"
        raise InputError("pac-remote", message, where=error.where) from error
    if value.get("apiVersion") not in _VERSIONS or found != kind:
        what = f"{value.get('apiVersion')} {found}"
        message = f"remote {name} from URI {uri} has not been recognized as a Tekton {name}: {what}"
        raise InputError("pac-remote", message)
    return decoding.pruned(conversion.to_v1(value))


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
