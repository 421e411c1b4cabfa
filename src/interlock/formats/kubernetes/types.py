"""Shapes of the built-in kinds, read from the table ``types.txt``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from interlock.formats.kubernetes.schema import ANY, Schema

_PLAIN: dict[str, Schema] = {
    "string": Schema("string"),
    "integer": Schema("integer"),
    "number": Schema("number"),
    "boolean": Schema("boolean"),
    "quantity": Schema("quantity"),
    "int-or-string": Schema("int-or-string"),
    "time": Schema("string", format="date-time", nullable=True),
    "microtime": Schema("string", format="micro-time", nullable=True),
    "bytes": Schema("string", format="byte"),
    "any": ANY,
}
_FIELD = re.compile(r"  (\S+): (\S+)(.*)")
_NUMBER = re.compile(r"#([\d.]+)(~?)")
_FLAG = re.compile(r"(key|patch|=) (\S+)|(set|atomic|retain|!)")


@cache
def _table() -> dict[str, dict[str, tuple[str, str]]]:
    table: dict[str, dict[str, tuple[str, str]]] = {}
    fields: dict[str, tuple[str, str]] = {}
    text = resources.files(__package__).joinpath("types.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        if not line.startswith(" "):
            fields = table.setdefault(line, {})
        elif match := _FIELD.fullmatch(line):
            fields[match[1]] = (match[2], match[3])
        else:
            raise ValueError(f"types.txt: {line!r}")
    return table


def names() -> tuple[str, ...]:
    """The names of all types in the table."""
    return tuple(_table())


@dataclass(frozen=True, slots=True)
class WireField:
    """A field on the wire: the numbers that lead to it, its type, and whether a zero value means absent."""

    name: str
    numbers: tuple[int, ...]
    type: str
    zero_is_absent: bool


@cache
def wire(name: str) -> tuple[WireField, ...]:
    """The fields of a type that have a number in the protobuf encoding."""
    found = []
    for field, (text, flags) in _table()[name].items():
        if match := _NUMBER.search(flags):
            numbers = tuple(int(number) for number in match[1].split("."))
            found.append(WireField(field, numbers, text, bool(match[2])))
    return tuple(found)


@cache
def builtin(name: str) -> Schema:
    """The shape of a type by its name, e.g. ``Deployment``. Raises KeyError for a name the table does not have."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for field, (text, flags) in _table()[name].items():
        properties[field] = _field(text, flags)
        if " !" in flags:
            required.append(field)
    return Schema("object", properties=properties, required=tuple(required))


@cache
def _field(text: str, flags: str) -> Schema:
    options: dict[str, Any] = {}
    patch: str | None = None
    for word, value, flag in _FLAG.findall(flags):
        if word == "key":
            options |= {"list_type": "map", "list_keys": tuple(value.split(","))}
        elif word == "patch":
            patch = value
        elif word == "=":
            options |= {"default": value, "has_default": True}
        elif flag == "set":
            options["list_type"] = "set"
        elif flag == "atomic":
            options["map_type"] = "atomic"
        elif flag == "retain":
            options["retain_keys"] = True
    keys = options.get("list_keys", ())
    patch = patch if patch is not None else (keys[0] if len(keys) == 1 else "set" if "list_type" in options else "")
    options["patch_key"] = "" if patch == "replace" else patch
    if text.startswith("["):
        return Schema("array", items=_type(text[1:-1]), **options)
    if text.startswith("{"):
        return Schema("object", additional=_type(text[1:-1]), **options)
    base = _type(text)
    if not options or set(options) == {"patch_key"}:
        return base
    kept = {name: getattr(base, name) for name in ("properties", "additional", "required", "format", "nullable")}
    return Schema(base.type, **kept, **{name: value for name, value in options.items() if name != "patch_key"})


def _type(text: str) -> Schema:
    if text.startswith("["):
        return Schema("array", items=_type(text[1:-1]))
    return _PLAIN[text] if text in _PLAIN else builtin(text)
