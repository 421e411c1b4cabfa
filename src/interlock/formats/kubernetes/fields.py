"""Field sets: which fields somebody owns (structured-merge-diff fieldpath, apiserver FieldsV1).

A set is a frozenset of paths. A path is a tuple of elements in the notation of ``fieldsV1``: ``f:NAME`` a field,
``k:{...}`` the list item with these keys, ``v:VALUE`` the item of a set. A path in the set says that this value is
owned; parents are in the set only where the API means them to be (list items, null and empty maps, map entries).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes.schema import ANY, Schema

FieldPath = tuple[str, ...]
FieldSet = frozenset[FieldPath]

EMPTY: FieldSet = frozenset()


def element(schema: Schema, item: Any) -> str:
    """The path element that identifies ``item`` in a keyed list or set. Raises InputError ``list-item-key``."""
    if schema.list_type == "set":
        return "v:" + _text(item)
    if not isinstance(item, dict):
        raise InputError("list-item-key", "an item of this list must be a mapping", got=_text(item))
    keys: dict[str, Any] = {}
    for name in schema.list_keys:
        value = item.get(name)
        if value is None:
            shape = schema.element.child(name)
            value = shape.default if shape is not None and shape.has_default else None
        if value is not None:
            keys[name] = value
    if not keys:
        raise InputError("list-item-key", "an item of this list lacks its key", expected=", ".join(schema.list_keys))
    return "k:" + _text(dict(sorted(keys.items())))


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def field_set(value: Any, schema: Schema) -> FieldSet:
    """All fields of ``value`` (typed/tofieldset.go). Raises InputError ``list-item-key``, ``list-item-duplicate``."""
    found: set[FieldPath] = set()
    _collect(value, schema, (), found)
    return frozenset(found)


def _collect(value: Any, schema: Schema, path: FieldPath, found: set[FieldPath]) -> None:
    if schema.is_map(value):
        for name, child in value.items():
            shape = schema.child(name)
            below = (*path, f"f:{name}")
            _collect(child, shape or ANY, below, found)
            if child is None or child == {} or name not in schema.properties:
                found.add(below)
    elif schema.is_keyed_list(value):
        if not value and path:
            found.add(path)
        for key, item in keyed(value, schema).items():
            _collect(item, schema.element, (*path, key), found)
            found.add((*path, key))
    elif path:
        found.add(path)


def keyed(value: list[Any], schema: Schema) -> dict[str, Any]:
    """The items of a keyed list by path element, in order. Raises InputError ``list-item-duplicate``."""
    items: dict[str, Any] = {}
    for item in value:
        key = element(schema, item)
        if key in items:
            raise InputError("list-item-duplicate", "two items of a list have the same key", got=key[2:])
        items[key] = item
    return items


def encode(fields: FieldSet) -> dict[str, Any]:
    """A set as ``fieldsV1``."""
    root: dict[str, Any] = {}
    members: set[FieldPath] = set(fields)
    for path in sorted(fields):
        node = root
        for depth, step in enumerate(path):
            if step not in node:
                node[step] = {}
            node = node[step]
            if depth + 1 < len(path) and path[: depth + 1] in members:
                node.setdefault(".", {})
    return root


def decode(document: dict[str, Any]) -> FieldSet:
    """The set that a ``fieldsV1`` means."""
    found: set[FieldPath] = set()

    def walk(node: dict[str, Any], path: FieldPath) -> None:
        for step, below in node.items():
            if step == ".":
                found.add(path)
            elif below:
                walk(below, (*path, step))
            else:
                found.add((*path, step))

    walk(document, ())
    return frozenset(found)


def with_parents(fields: FieldSet, schema: Schema) -> FieldSet:
    """``fields`` plus every declared field above them (Set.EnsureNamedFieldsAreMembers): an emptied struct goes too."""
    found: set[FieldPath] = set(fields)
    for path in fields:
        shape: Schema = schema
        for depth, step in enumerate(path[:-1]):
            if step.startswith("f:"):
                name = step[2:]
                if name in shape.properties:
                    found.add(path[: depth + 1])
                shape = shape.child(name) or ANY
            else:
                shape = shape.element
    return frozenset(found)


def under(fields: FieldSet, prefixes: Iterable[FieldPath]) -> FieldSet:
    """The paths of ``fields`` that are one of ``prefixes`` or below one."""
    wanted = tuple(prefixes)
    return frozenset(path for path in fields if any(path[: len(prefix)] == prefix for prefix in wanted))


def dotted(path: FieldPath) -> str:
    """A path as conflict messages write it: ``.spec.containers[name="app"].image``."""
    text = ""
    for step in path:
        if step.startswith("f:"):
            text += f".{step[2:]}"
        elif step.startswith("k:"):
            keys = json.loads(step[2:])
            text += "[" + ",".join(f"{name}={_text(value)}" for name, value in keys.items()) + "]"
        else:
            text += f"[={step[2:]}]"
    return text
