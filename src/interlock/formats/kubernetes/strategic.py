"""Strategic merge patch: lists of objects are merged by their key (apimachinery pkg/util/strategicpatch).

Handles ``$patch`` (delete, replace, merge), ``$setElementOrder``, ``$deleteFromPrimitiveList`` and ``$retainKeys``.
"""

from __future__ import annotations

import copy
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes.schema import ANY, Schema

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def strategic_merge(target: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """``target`` with ``patch`` merged in. Raises InputError ``strategic-patch-invalid``."""
    merged = _map(target, patch, schema)
    return {} if merged is None else merged


def _invalid(message: str, got: object = None) -> InputError:
    return InputError("strategic-patch-invalid", message, got=got)


def _map(target: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any] | None:
    match patch.get("$patch"):
        case "delete":
            return None
        case "replace":
            return {name: copy.deepcopy(value) for name, value in patch.items() if name != "$patch"}
        case None | "merge":
            result = dict(target)
        case other:
            raise _invalid("unknown $patch", other)
    if "$retainKeys" in patch:
        keep = patch["$retainKeys"]
        result = {name: value for name, value in result.items() if name in keep}
    for name, value in patch.items():
        if name.startswith(_DELETE) and isinstance(result.get(field := name.removeprefix(_DELETE)), list):
            result[field] = [item for item in result[field] if item not in value]
    for name, value in patch.items():
        if name.startswith("$"):
            continue
        shape = schema.child(name) or ANY
        order = patch.get(_ORDER + name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            old = result.get(name)
            below = _map(old if isinstance(old, dict) else {}, value, shape)
            if below is None:
                result.pop(name, None)
            else:
                result[name] = below
        elif isinstance(value, list) and shape.type == "array" and shape.patch_key:
            old = result.get(name)
            result[name] = _list(old if isinstance(old, list) else [], value, shape, order)
        else:
            result[name] = copy.deepcopy(value)
    for name, order in patch.items():
        field = name.removeprefix(_ORDER)
        if name.startswith(_ORDER) and field not in patch and isinstance(result.get(field), list):
            result[field] = _ordered(result[field], order, [], schema.child(field) or ANY)
    return result


def _list(target: list[Any], patch: list[Any], schema: Schema, order: list[Any] | None) -> list[Any]:
    key = schema.patch_key
    if key == "set":
        merged = [*target, *(item for item in patch if item not in target)]
        return _ordered(merged, order, target, schema) if order else merged
    if any(not isinstance(item, dict) for item in patch):
        raise _invalid("an item of this list must be a mapping")
    if any(item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if item.get("$patch") != "replace" or len(item) > 1]
    result = list(target)
    for item in patch:
        if key not in item:
            raise _invalid(f"an item lacks the merge key {key}", item)
        places = [index for index, old in enumerate(result) if isinstance(old, dict) and old.get(key) == item[key]]
        if item.get("$patch") == "delete":
            result = [old for index, old in enumerate(result) if index not in places]
        elif places:
            merged_item = _map(result[places[0]], item, schema.element)
            if merged_item is not None:
                result[places[0]] = merged_item
        else:
            fresh = _map({}, item, schema.element)
            if fresh is not None:
                result.append(fresh)
    return _ordered(result, order, target, schema) if order else result


def _ordered(items: list[Any], order: list[Any], before: list[Any], schema: Schema) -> list[Any]:
    """``items`` in the order asked for; items it does not name keep their place after their old predecessor."""
    key = schema.patch_key

    def identity(item: Any) -> Any:
        return item.get(key) if isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    named = sorted((item for item in items if identity(item) in wanted), key=lambda item: wanted.index(identity(item)))
    result = list(named)
    previous = [identity(item) for item in (before or items)]
    for item in items:
        if identity(item) in wanted:
            continue
        ahead = previous[: previous.index(identity(item))] if identity(item) in previous else []
        places = [index for index, other in enumerate(result) if identity(other) in ahead]
        result.insert(places[-1] + 1 if places else 0, item)
    return result
