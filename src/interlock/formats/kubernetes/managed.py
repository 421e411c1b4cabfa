"""``metadata.managedFields``: who owns which fields, as values (apiserver managedfields/internal)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from interlock.errors import InputError
from interlock.formats.kubernetes import fields
from interlock.formats.kubernetes.fields import FieldPath, FieldSet

_SYSTEM = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "resourceVersion",
    "managedFields",
)
UNOWNED: tuple[FieldPath, ...] = (
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(("f:metadata", f"f:{name}") for name in _SYSTEM),
)
"""Fields that identify an object or that the server writes: nobody owns them."""


@dataclass(frozen=True, slots=True)
class Manager:
    """Who: entries with the same identity are one. An applier is one across API versions."""

    name: str
    operation: Literal["Apply", "Update"]
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        version = "" if self.operation == "Apply" else self.api_version
        return self.name, self.operation, version, self.subresource


@dataclass(frozen=True, slots=True)
class Entry:
    """What one manager owns, since when (RFC 3339, seconds)."""

    manager: Manager
    owned: FieldSet
    time: str = ""

    def describe(self) -> str:
        """As conflict messages name a manager: appliers by name, updaters with version and time."""
        text = f'"{self.manager.name}"'
        if self.manager.subresource:
            text += f' with subresource "{self.manager.subresource}"'
        if self.manager.operation == "Update":
            text += f" using {self.manager.api_version}" + (f" at {self.time}" if self.time else "")
        return text


Entries = Mapping[tuple[str, str, str, str], Entry]


def read(obj: Mapping[str, Any]) -> dict[tuple[str, str, str, str], Entry]:
    """The entries of an object. Raises InputError ``managed-fields-invalid``."""
    entries: dict[tuple[str, str, str, str], Entry] = {}
    for item in (obj.get("metadata") or {}).get("managedFields") or []:
        if not item:
            continue  # `managedFields: [{}]` is how a client resets ownership
        if item.get("operation") not in ("Apply", "Update") or item.get("fieldsType") != "FieldsV1":
            raise InputError("managed-fields-invalid", "an entry needs an operation and fieldsType FieldsV1", got=item)
        manager = Manager(
            item.get("manager", ""), item["operation"], item.get("apiVersion", ""), item.get("subresource", "")
        )
        owned = fields.decode(item.get("fieldsV1") or {})
        entries[manager.identity] = Entry(manager, owned, item.get("time") or "")
    return entries


def write(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """``metadata.managedFields``: appliers first, then by time, name, version and subresource."""
    ordered = sorted(
        entries,
        key=lambda item: (
            item.manager.operation,
            item.time,
            item.manager.name,
            item.manager.api_version,
            item.manager.subresource,
        ),
    )
    rows = []
    for entry in ordered:
        row: dict[str, Any] = {
            "manager": entry.manager.name,
            "operation": entry.manager.operation,
            "apiVersion": entry.manager.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields.encode(entry.owned),
        }
        if entry.manager.subresource:
            row["subresource"] = entry.manager.subresource
        rows.append(row)
    return rows


def without(entry: Entry, gone: FieldSet) -> Entry:
    return replace(entry, owned=entry.owned - gone)


def ownable(owned: FieldSet, ignore: Iterable[FieldPath]) -> FieldSet:
    """``owned`` without what nobody may own, and without everything at or below ``ignore``."""
    return frozenset(owned - set(UNOWNED)) - fields.under(owned, (("f:metadata", "f:managedFields"), *ignore))
