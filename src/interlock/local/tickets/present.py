"""Rows as the Table API answers them: chosen fields, dot-walked fields, reference links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from interlock.local.tickets.problem import invalid
from interlock.local.tickets.schema import TABLES, Table

Lookup = Callable[[Table, str], Mapping[str, str] | None]


def present(row: Mapping[str, str], table: Table, *, fields: str, links: str | None, lookup: Lookup) -> dict[str, Any]:
    """``fields``: ``sysparm_fields``; ``links``: base URL of reference links, None without. Raises `Problem` 400."""
    result: dict[str, Any] = {}
    for name in [item.strip() for item in fields.split(",") if item.strip()] or table.fields:
        first, dot, walked = name.partition(".")
        if first not in table.fields:
            raise invalid(f"{first} is not a field of {table.name}")
        value = row[first]
        if dot:
            result[name] = _walk(table, first, walked, value, lookup)
        elif links is not None and first in table.references and value:
            result[name] = {"link": f"{links}/api/now/table/{table.references[first]}/{value}", "value": value}
        else:
            result[name] = value
    return result


def _walk(table: Table, first: str, walked: str, value: str, lookup: Lookup) -> str:
    if first == "cmdb_ci" and walked == "name":
        return value  # there is no CMDB here: a configuration item is its name
    other = TABLES.get(table.references.get(first, ""))
    if other is None or walked not in other.fields:
        raise invalid(f"{first}.{walked} cannot be reached from {table.name}")
    found = lookup(other, value)
    return found[walked] if found else ""
