"""Server-side apply: field ownership, conflicts, removal (structured-merge-diff merge/update.go).

`apply` is the patch of type ``application/apply-patch+yaml``; `update` keeps the ownership right for every other
write. Both take and return whole objects.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from interlock.errors import ConflictError
from interlock.formats.kubernetes import fields, managed, merge
from interlock.formats.kubernetes.fields import FieldPath, FieldSet
from interlock.formats.kubernetes.managed import Entry, Manager
from interlock.formats.kubernetes.schema import Schema

Object = dict[str, Any]
_Entries = dict[tuple[str, str, str, str], Entry]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that another manager owns with another value."""

    manager: str
    """As `managed.Entry.describe` writes it."""
    field: str

    def __str__(self) -> str:
        return f"conflict with {self.manager}: {self.field}"


class ApplyConflictError(ConflictError):
    """The configuration changes fields that others own. ``conflicts`` names each field and its manager."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        self.conflicts = conflicts
        super().__init__("field-conflict", _summary(conflicts), todo="drop the fields, or apply with force")


def _summary(conflicts: tuple[Conflict, ...]) -> str:
    if len(conflicts) == 1:
        return f"Apply failed with 1 conflict: {conflicts[0]}"
    text = f"Apply failed with {len(conflicts)} conflicts:"
    for manager in dict.fromkeys(item.manager for item in conflicts):
        paths = [item.field for item in conflicts if item.manager == manager]
        text += f" conflict{'s' if len(paths) > 1 else ''} with {manager}:" + "".join(f"\n- {path}" for path in paths)
    return text


def apply(
    live: Object | None,
    config: Object,
    schema: Schema,
    *,
    manager: str,
    now: str,
    subresource: str = "",
    force: bool = False,
    ignore: tuple[FieldPath, ...] = (),
) -> Object:
    """``live`` with ``config`` applied by ``manager``; ``live`` itself when nothing changes.

    What the manager applied before and leaves out now is removed, unless somebody else owns it too. Fields at or below
    ``ignore`` are not owned (a resource with a status subresource ignores ``f:status``). Raises `ApplyConflictError`
    unless ``force``, then the fields change hands; InputError for a list with a missing or double key.
    """
    config = _without_managed(config)
    before = live or {}
    entries = managed.read(before)
    who = Manager(manager, "Apply", config.get("apiVersion", ""), subresource)
    last = entries.get(who.identity)
    merged = merge.overlay(_without_managed(before), config, schema)
    mine = managed.ownable(fields.field_set(config, schema), ignore)
    entries[who.identity] = Entry(who, mine, now)
    if last is not None and last.owned:
        merged = _prune(merged, entries, last.owned, schema)
    difference = merge.compare(_without_managed(before), merged, schema)
    entries = _others(entries, who, difference, force=force)
    if not mine:
        entries.pop(who.identity, None)
    if live is not None and not difference and _same_owners(entries, managed.read(before)):
        return live
    return _with_managed(merged, entries)


def update(
    live: Object | None,
    new: Object,
    schema: Schema,
    *,
    manager: str,
    now: str,
    subresource: str = "",
    ignore: tuple[FieldPath, ...] = (),
) -> Object:
    """``new`` with its ownership: whoever writes a field owns it, alone; untouched fields keep their owners.

    A ``managedFields`` that the client sent counts in place of the live one (``[{}]`` forgets all owners).
    """
    before = live or {}
    sent = (new.get("metadata") or {}).get("managedFields")
    entries = managed.read(new if sent else before)
    who = Manager(manager, "Update", new.get("apiVersion", ""), subresource)
    difference = merge.compare(_without_managed(before), _without_managed(new), schema)
    entries = _others(entries, who, difference, force=True)
    old = entries.get(who.identity)
    owned = (old.owned if old else fields.EMPTY) - difference.removed | difference.modified | difference.added
    owned = managed.ownable(owned, ignore)
    if old is None or owned != old.owned:
        entries[who.identity] = Entry(who, owned, now)
    if not owned:
        entries.pop(who.identity, None)
    return _with_managed(_without_managed(new), entries)


def _prune(merged: Object, entries: _Entries, last: FieldSet, schema: Schema) -> Object:
    """Remove what was applied last time and is owned by nobody now (Updater.prune and its two add-backs)."""
    last = fields.with_parents(last, schema)
    pruned = merge.remove(merged, last, schema) or {}
    everyone = frozenset().union(*(entry.owned for entry in entries.values()))
    all_fields = fields.with_parents(fields.field_set(merged, schema), schema)
    left = fields.with_parents(fields.field_set(pruned, schema), schema)
    pruned = merge.remove(merged, all_fields - left - fields.with_parents(everyone, schema), schema) or {}
    left = fields.with_parents(fields.field_set(pruned, schema), schema)
    return merge.remove(merged, (all_fields - left) & last, schema) or {}


def _others(entries: _Entries, who: Manager, difference: merge.Comparison, *, force: bool) -> _Entries:
    """The entries after ``who`` made ``difference``: nobody else owns what was changed or removed."""
    changed = difference.modified | difference.added
    conflicts: list[Conflict] = []
    kept: _Entries = {}
    for identity, entry in entries.items():
        if identity == who.identity:
            kept[identity] = entry
            continue
        contested = entry.owned & changed
        conflicts += [Conflict(entry.describe(), fields.dotted(path)) for path in sorted(contested)]
        entry = managed.without(entry, contested | difference.removed)
        if entry.owned:
            kept[identity] = entry
    if conflicts and not force:
        raise ApplyConflictError(tuple(conflicts))
    return kept


def _same_owners(left: _Entries, right: _Entries) -> bool:
    return {key: entry.owned for key, entry in left.items()} == {key: entry.owned for key, entry in right.items()}


def _without_managed(obj: Mapping[str, Any]) -> Object:
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return dict(obj)
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _with_managed(obj: Object, entries: _Entries) -> Object:
    result = copy.copy(obj)
    result["metadata"] = dict(obj.get("metadata") or {})
    rows = managed.write(entries.values())
    if rows:
        result["metadata"]["managedFields"] = rows
    return result


def adopt(obj: Object, manager: str, *, becomes: str, now: str) -> Object:
    """``obj`` with the fields of updater ``manager`` handed to applier ``becomes`` (csaupgrade): CSA to SSA."""
    entries = managed.read(obj)
    handed: FieldSet = fields.EMPTY
    version = ""
    for identity, entry in list(entries.items()):
        same = entry.manager.name == manager and entry.manager.operation == "Update"
        if same and not entry.manager.subresource:
            handed |= entry.owned
            version = entry.manager.api_version
            del entries[identity]
    if not handed:
        return obj
    who = Manager(becomes, "Apply", version)
    old = entries.get(who.identity, Entry(who, fields.EMPTY, now))
    entries[who.identity] = replace(old, owned=old.owned | handed)
    return _with_managed(_without_managed(obj), entries)
