"""Values under a shape: lay one over another, take fields away, compare (structured-merge-diff typed)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from interlock.formats.kubernetes import fields
from interlock.formats.kubernetes.fields import FieldPath, FieldSet
from interlock.formats.kubernetes.schema import ANY, Schema


def overlay(live: Any, config: Any, schema: Schema) -> Any:
    """``live`` with everything that ``config`` says; neither is changed.

    Maps are merged by key and keyed lists by item: items keep the order of ``config``, and what only ``live`` has
    stays between its neighbours. Anything else is replaced.
    """
    if schema.is_map(live) and schema.is_map(config):
        merged = {}
        for name in [*live, *(name for name in config if name not in live)]:
            if name not in config:
                merged[name] = copy.deepcopy(live[name])
            elif name not in live:
                merged[name] = copy.deepcopy(config[name])
            else:
                merged[name] = overlay(live[name], config[name], schema.child(name) or ANY)
        return merged
    if schema.is_keyed_list(live) and schema.is_keyed_list(config):
        return _overlay_list(live, config, schema)
    return copy.deepcopy(config)


def _overlay_list(live: list[Any], config: list[Any], schema: Schema) -> list[Any]:
    left, right = fields.keyed(live, schema), fields.keyed(config, schema)
    merged: list[Any] = []
    todo = list(right)
    shared = [key for key in right if key in left]
    taken: set[str] = set()

    def take(key: str) -> None:
        taken.add(key)
        old, new = left.get(key), right.get(key)
        merged.append(overlay(old, new, schema.element) if key in left and key in right else copy.deepcopy(new or old))

    for key in left:
        if key not in right:
            take(key)
            continue
        if key in taken or (shared and shared[0] != key):
            continue  # config puts it elsewhere
        while todo and todo[0] != key:
            take(todo.pop(0))
        todo.remove(key)
        take(key)
        shared = [item for item in shared if item not in taken]
    for key in todo:
        take(key)
    return merged


def remove(value: Any, gone: FieldSet, schema: Schema) -> Any:
    """``value`` without the fields in ``gone``; a map or list that loses its last item becomes None (removed)."""
    return _remove(value, _tree(gone), schema)


_Tree = dict[str, Any]
_MEMBER = ""


def _tree(paths: FieldSet) -> _Tree:
    root: _Tree = {}
    for path in paths:
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node[_MEMBER] = True
    return root


def _remove(value: Any, tree: _Tree, schema: Schema) -> Any:
    if schema.is_map(value):
        if not value:
            return value
        kept: dict[str, Any] = {}
        for name, child in value.items():
            below = tree.get(f"f:{name}")
            if below is None:
                kept[name] = child
            elif _MEMBER not in below:
                left = _remove(child, below, schema.child(name) or ANY)
                if left is not None:
                    kept[name] = left
        return kept or None
    if schema.is_keyed_list(value):
        if not value:
            return value
        items: list[Any] = []
        for key, item in fields.keyed(value, schema).items():
            below = tree.get(key)
            if below is None:
                items.append(item)
            elif _MEMBER not in below:
                left = _remove(item, below, schema.element)
                if left is not None:
                    items.append(left)
        return items or None
    return value


@dataclass(frozen=True, slots=True)
class Comparison:
    """The fields that differ between two values."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.removed)


_ABSENT = object()


def compare(old: Any, new: Any, schema: Schema) -> Comparison:
    """What became of each field between ``old`` and ``new`` (typed/compare.go)."""
    added: set[FieldPath] = set()
    modified: set[FieldPath] = set()
    removed: set[FieldPath] = set()

    def leaf(left: Any, right: Any, path: FieldPath) -> None:
        if left is _ABSENT:
            added.add(path)
        elif right is _ABSENT:
            removed.add(path)
        elif not same(left, right):
            modified.add(path)

    def walk(left: Any, right: Any, shape: Schema, path: FieldPath) -> None:
        if left is not _ABSENT and right is not _ABSENT and left is right:
            return
        nothing = left in (_ABSENT, None, {}, []) and right in (_ABSENT, None, {}, [])
        if not nothing and all(side in (_ABSENT, None) or shape.is_map(side) for side in (left, right)):
            both = {**(left if isinstance(left, dict) else {}), **(right if isinstance(right, dict) else {})}
            for name in both:
                below_left = left.get(name, _ABSENT) if isinstance(left, dict) else _ABSENT
                below_right = right.get(name, _ABSENT) if isinstance(right, dict) else _ABSENT
                walk(below_left, below_right, shape.child(name) or ANY, (*path, f"f:{name}"))
        elif not nothing and all(side in (_ABSENT, None) or shape.is_keyed_list(side) for side in (left, right)):
            lefts = _first_of_each(left, shape) if isinstance(left, list) else {}
            rights = _first_of_each(right, shape) if isinstance(right, list) else {}
            for key in {**lefts, **rights}:
                walk(lefts.get(key, _ABSENT), rights.get(key, _ABSENT), shape.element, (*path, key))
        else:
            leaf(left, right, path)
            return
        if path and (left is _ABSENT or right is _ABSENT):
            leaf(left, right, path)

    walk(old, new, schema, ())
    return Comparison(frozenset(added), frozenset(modified), frozenset(removed))


def _first_of_each(value: list[Any], schema: Schema) -> dict[str, Any]:
    items: dict[str, Any] = {}
    for item in value:
        items.setdefault(fields.element(schema, item), item)
    return items


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: unlike Python's, ``1`` is not ``True``."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
