"""Server-side printing: objects as a ``Table`` of meta.k8s.io/v1, or as metadata alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes import jsonpath
from interlock.local.kubernetes import columns
from interlock.local.kubernetes.cluster import Object
from interlock.local.kubernetes.kinds import Column, Kind

Render = Callable[[Object], Object]


def wanted(accept: str) -> str:
    """``Table``, ``PartialObjectMetadata`` (with or without ``List``) or ``""`` from an Accept header."""
    for part in accept.split(","):
        options = dict(item.strip().partition("=")[::2] for item in part.split(";")[1:])
        media = part.partition(";")[0].strip()
        if media not in ("application/json", "*/*", ""):
            continue
        if not options.get("as"):
            return ""
        if options.get("g") == "meta.k8s.io" and options.get("v") == "v1":
            return options["as"].removesuffix("List")
    return ""


def human(seconds: float) -> str:
    """A duration as apimachinery's HumanDuration writes it: two units at most."""
    total = int(seconds)
    if total < 0:
        return "<invalid>" if total < -1 else "0s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{total % 60}s" if total % 60 else "")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y" + (f"{days % 365}d" if days < 2920 and days % 365 else "")


def age(now: datetime) -> columns.Age:
    def of(timestamp: Any) -> str:
        if not isinstance(timestamp, str):
            return "<unknown>"
        try:
            then = datetime.fromisoformat(timestamp)
        except ValueError:
            return "<invalid>"
        if then.tzinfo is None:
            then = then.replace(tzinfo=UTC)
        return human((now - then).total_seconds())

    return of


def table(kind: Kind, items: list[Object], metadata: Object, *, include: str, now: datetime) -> Object:
    """``include`` is the query's includeObject: None, Metadata or Object."""
    shown, row = _layout(kind)
    elapsed = age(now)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            }
            for column in shown
        ],
        "rows": [{"cells": row(item, elapsed), "object": _included(item, include)} for item in items],
    }


def partial(obj: Object) -> Object:
    """The object's type and metadata only."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _included(obj: Object, include: str) -> Object | None:
    if include == "None":
        return None
    return obj if include == "Object" else partial(obj)


def _layout(kind: Kind) -> tuple[tuple[Column, ...], columns.Row]:
    if not kind.custom:
        return columns.TABLES.get(kind.resource, columns.PLAIN)
    if not kind.columns:
        return columns.PLAIN
    name = Column("Name", "string", "", format="name")

    def row(obj: Object, elapsed: columns.Age) -> list[Any]:
        return [obj["metadata"]["name"], *(_cell(obj, column, elapsed) for column in kind.columns)]

    return (name, *kind.columns), row


def _cell(obj: Mapping[str, Any], column: Column, elapsed: columns.Age) -> Any:
    try:
        found = jsonpath.values(obj, column.path)
    except InputError:
        return "<unsupported>"
    if not found or found[0] is None:
        return None
    value = found[0]
    if column.type == "date":
        return elapsed(value)
    if column.type == "string" and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, dict | list) else str(value).lower()
    return value
