"""Check and clean a value under its shape: unknown fields, types, rules, defaults.

Messages and reasons are those of the API server (apimachinery pkg/util/validation/field), so that a client prints
what it prints against any cluster.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes import fields, quantity
from interlock.formats.kubernetes.merge import same
from interlock.formats.kubernetes.schema import Schema
from interlock.formats.kubernetes.types import builtin


@dataclass(frozen=True, slots=True)
class Cause:
    """One fault: ``reason`` is a CauseType of meta/v1, ``field`` a dotted path."""

    reason: str
    field: str
    message: str


def prune(value: Any, schema: Schema, *, path: str = "") -> tuple[Any, list[str]]:
    """``value`` without the fields that the shape does not know, and the dotted paths of what was dropped."""
    dropped: list[str] = []
    return _prune(value, schema, path, dropped), dropped


def _prune(value: Any, schema: Schema, path: str, dropped: list[str]) -> Any:
    if isinstance(value, dict) and schema.type in ("object", "any"):
        if schema.type == "any":
            return value
        kept = {}
        for name, item in value.items():
            shape = schema.child(name)
            if shape is None and schema.embedded and name in ("apiVersion", "kind", "metadata"):
                shape = builtin("ObjectMeta") if name == "metadata" else Schema("string")
            below = f"{path}.{name}" if path else name
            if shape is None:
                dropped.append(below)
            else:
                kept[name] = _prune(item, shape, below, dropped)
        return kept
    if isinstance(value, list) and schema.type == "array":
        return [_prune(item, schema.element, f"{path}[{index}]", dropped) for index, item in enumerate(value)]
    return value


def with_defaults(value: Any, schema: Schema) -> Any:
    """``value`` with the defaults of its shape filled in, and nulls dropped where null is no value."""
    if isinstance(value, dict) and schema.type == "object":
        result = {}
        for name, item in value.items():
            shape = schema.child(name)
            if item is None and shape is not None and not shape.nullable and shape.type != "any":
                continue
            result[name] = with_defaults(item, shape) if shape is not None else item
        for name, shape in schema.properties.items():
            if name not in result and shape.has_default:
                result[name] = with_defaults(copy.deepcopy(shape.default), shape)
        return result
    if isinstance(value, list) and schema.type == "array":
        return [with_defaults(item, schema.element) for item in value]
    if schema.type == "quantity" and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return quantity.canonical(value)
        except InputError:
            return value
    return value


_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def _type_of(value: Any) -> str:
    return "null" if value is None else _NAMES[type(value)]


def check(value: Any, schema: Schema, *, path: str = "") -> list[Cause]:
    """All faults of ``value``. Unknown fields are not faults here: see `prune`."""
    return list(_check(value, schema, path))


def _invalid(path: str, value: Any, detail: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return Cause("FieldValueInvalid", path, f"Invalid value: {shown[:200]}: {detail}")


def _fits(value: Any, schema: Schema) -> bool:
    match schema.type:
        case "any":
            return True
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "int-or-string":
            return isinstance(value, int | str) and not isinstance(value, bool)
        case _:
            return isinstance(value, int | float | str) and not isinstance(value, bool)


def _check(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if value is None and (schema.nullable or schema.type == "any"):
        return
    if not _fits(value, schema):
        got = _type_of(value)
        detail = f'{path} in body must be of type {schema.type}: "{got}"'
        yield Cause("FieldValueTypeInvalid", path, f'Invalid value: "{got}": {detail}')
        return
    yield from _rules(value, schema, path)
    if isinstance(value, dict):
        for name in schema.required:
            if value.get(name) is None and not (name in value and (schema.child(name) or schema).nullable):
                yield Cause("FieldValueRequired", f"{path}.{name}" if path else name, "Required value")
        for name, item in value.items():
            shape = schema.child(name)
            if shape is not None:
                declared = name in schema.properties
                yield from _check(item, shape, (f"{path}.{name}" if path else name) if declared else f"{path}[{name}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(item, schema.element, f"{path}[{index}]")
        if schema.list_type != "atomic":
            yield from _keys(value, schema, path)


def _keys(value: list[Any], schema: Schema, path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, item in enumerate(value):
        try:
            key = fields.element(schema, item)
        except InputError as error:
            yield Cause("FieldValueRequired", f"{path}[{index}]", error.message)
            continue
        if key in seen:
            yield Cause("FieldValueDuplicate", f"{path}[{index}]", f"Duplicate value: {key[2:]}")
        seen.add(key)


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern.replace(r"\z", r"\Z"))
    except re.error:
        return None


def _rules(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if isinstance(value, str):
        yield from _format(value, schema, path)
    if schema.type == "quantity":
        try:
            quantity.parse(value)
        except InputError:
            yield _invalid(path, value, "quantities must match the regular expression of resource.Quantity")
    if not schema.rules:
        return
    yield from _bounds(value, schema.rules, path)
    yield from _combined(value, schema.rules, path)


def _bounds(value: Any, rules: Any, path: str) -> Iterator[Cause]:
    if "enum" in rules and not any(same(value, item) for item in rules["enum"]):
        allowed = ", ".join(f'"{item}"' for item in rules["enum"])
        shown = f'"{value}"' if isinstance(value, str) else value
        yield Cause("FieldValueNotSupported", path, f"Unsupported value: {shown}: supported values: {allowed}")
    if isinstance(value, str):
        pattern = _compiled(rules["pattern"]) if "pattern" in rules else None
        if pattern is not None and not pattern.search(value):
            yield _invalid(path, value, f"{path} in body should match '{rules['pattern']}'")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = rules.get("minimum"), rules.get("maximum")
        if low is not None and (value <= low if rules.get("exclusiveMinimum") else value < low):
            yield _invalid(path, value, f"{path} in body should be greater than or equal to {low}")
        if high is not None and (value >= high if rules.get("exclusiveMaximum") else value > high):
            yield _invalid(path, value, f"{path} in body should be less than or equal to {high}")
        if rules.get("multipleOf") and value % rules["multipleOf"]:
            yield _invalid(path, value, f"{path} in body should be a multiple of {rules['multipleOf']}")
    for kind, word in ((str, "Length"), (list, "Items"), (dict, "Properties")):
        if isinstance(value, kind):
            if (least := rules.get(f"min{word}")) is not None and len(value) < least:
                yield _invalid(path, value, f"{path} in body should have at least {least} {word.lower()}")
            if (most := rules.get(f"max{word}")) is not None and len(value) > most:
                yield Cause("FieldValueTooLong", path, f"Too long: may not be more than {most}")
    if rules.get("uniqueItems") and isinstance(value, list):
        for index, item in enumerate(value):
            if any(same(item, other) for other in value[:index]):
                yield Cause("FieldValueDuplicate", f"{path}[{index}]", f"Duplicate value: {item}")


def _fulfils(value: Any, rules: Any, path: str) -> bool:
    """Whether ``value`` meets a value validation: rules, and nested properties, items and required."""
    if next(_bounds(value, rules, path), None) or next(_combined(value, rules, path), None):
        return False
    kind = rules.get("type")
    if kind and not _fits(value, Schema(kind)):
        return False
    if isinstance(value, dict):
        return all(name in value for name in rules.get("required", ())) and all(
            _fulfils(value[name], below, path) for name, below in rules.get("properties", {}).items() if name in value
        )
    if isinstance(value, list) and isinstance(rules.get("items"), dict):
        return all(_fulfils(item, rules["items"], path) for item in value)
    return True


def _combined(value: Any, rules: Any, path: str) -> Iterator[Cause]:
    if any(not _fulfils(value, item, path) for item in rules.get("allOf", ())):
        yield _invalid(path, _type_of(value), f"{path} in body must validate all the schemas (allOf)")
    if "anyOf" in rules and not any(_fulfils(value, item, path) for item in rules["anyOf"]):
        yield _invalid(path, _type_of(value), f"{path} in body must validate at least one schema (anyOf)")
    if "oneOf" in rules and sum(_fulfils(value, item, path) for item in rules["oneOf"]) != 1:
        yield _invalid(path, _type_of(value), f"{path} in body must validate one and only one schema (oneOf)")
    if "not" in rules and _fulfils(value, rules["not"], path):
        yield _invalid(path, _type_of(value), f"{path} in body must not validate the schema (not)")


def _format(value: str, schema: Schema, path: str) -> Iterator[Cause]:
    try:
        if schema.format in ("date-time", "micro-time"):
            datetime.fromisoformat(value)
        elif schema.format == "byte":
            base64.b64decode(value.replace("\n", ""), validate=True)
    except (ValueError, binascii.Error):
        yield _invalid(path, value, f"{path} in body must be of type {schema.format}")
