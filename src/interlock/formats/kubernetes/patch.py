"""JSON merge patch (RFC 7396) and JSON patch (RFC 6902) over plain values. Arguments are never changed."""

from __future__ import annotations

import copy
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes.merge import same


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, mappings merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902, as the API server applies it.

    Raises InputError ``json-patch-invalid``, or ``json-patch-failed`` (nothing is changed then).
    """
    if not isinstance(operations, list):
        raise InputError("json-patch-invalid", "a JSON patch is a list of operations")
    result = copy.deepcopy(target)
    for index, operation in enumerate(operations):
        if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
            raise InputError("json-patch-invalid", "an operation needs op and path", where=f"operation {index}")
        result = _operate(result, operation, f"operation {index}")
    return result


def _operate(document: Any, operation: dict[str, Any], where: str) -> Any:
    path = _pointer(operation["path"], where)
    match operation["op"]:
        case "add":
            return _add(document, path, copy.deepcopy(_needed(operation, "value", where)), where)
        case "remove":
            return _remove(document, path, where)[0]
        case "replace":
            value = copy.deepcopy(_needed(operation, "value", where))
            if not path:
                return value
            parent = _find(document, path[:-1], where)
            if isinstance(parent, list):
                parent[_index(parent, path[-1], where)] = value
            elif isinstance(parent, dict):
                # Against the RFC a missing member is set: the API server's evanphx/json-patch v4 does, tkn needs it.
                parent[path[-1]] = value
            else:
                raise _missing(path[-1], where)
            return document
        case "move":
            source = _pointer(_needed(operation, "from", where), where)
            if source == path[: len(source)] and source != path:
                raise InputError("json-patch-failed", "a value cannot move into itself", where=where)
            document, value = _remove(document, source, where)
            return _add(document, path, value, where)
        case "copy":
            value = copy.deepcopy(_find(document, _pointer(_needed(operation, "from", where), where), where))
            return _add(document, path, value, where)
        case "test":
            found = _find(document, path, where)
            if not same(found, _needed(operation, "value", where)):
                raise InputError("json-patch-failed", f"test failed: {operation['path']}", where=where)
            return document
        case unknown:
            raise InputError("json-patch-invalid", "unknown operation", got=unknown, where=where)


def _needed(operation: dict[str, Any], name: str, where: str) -> Any:
    if name not in operation:
        raise InputError("json-patch-invalid", f"the operation needs {name}", where=where)
    return operation[name]


def _pointer(text: Any, where: str) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise InputError("json-patch-invalid", "not a JSON pointer", got=repr(text), where=where)
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _missing(step: str, where: str) -> InputError:
    return InputError("json-patch-failed", f"no value at {step!r}", where=where)


def _index(parent: list[Any], step: str, where: str, *, end: bool = False) -> int:
    if end and step == "-":
        return len(parent)
    if not step.isascii() or not step.isdigit() or (len(step) > 1 and step[0] == "0"):
        raise InputError("json-patch-invalid", "not an array index", got=repr(step), where=where)
    index = int(step)
    if index > len(parent) - (0 if end else 1):
        raise _missing(step, where)
    return index


def _find(document: Any, path: list[str], where: str) -> Any:
    for step in path:
        if isinstance(document, list):
            document = document[_index(document, step, where)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            raise _missing(step, where)
    return document


def _add(document: Any, path: list[str], value: Any, where: str) -> Any:
    if not path:
        return value
    parent = _find(document, path[:-1], where)
    if isinstance(parent, list):
        parent.insert(_index(parent, path[-1], where, end=True), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise _missing(path[-1], where)
    return document


def _remove(document: Any, path: list[str], where: str) -> tuple[Any, Any]:
    if not path:
        return None, document
    value = _find(document, path, where)
    parent = _find(document, path[:-1], where)
    del parent[_index(parent, path[-1], where) if isinstance(parent, list) else path[-1]]
    return document, value
