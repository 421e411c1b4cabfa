"""The Go structs behind `tekton.dev` objects, read from the table ``types.txt``.

The order of fields and what Go leaves out decide the bytes that a signature covers; names and types decide what the
webhook's strict decoder accepts. A type expression is one of

- ``string``, ``bool``, ``int``, ``quantity``, ``int-or-string``, ``duration``, ``time``
- ``raw``: any JSON value (``runtime.RawExtension``)
- ``param-value``: a string, a list of strings or a map of strings
- ``PACKAGE.NAME``: a struct, e.g. ``v1.Step``; the packages are those of `packages`
- ``*TYPE`` a pointer, ``[]TYPE`` a list, ``map[string]TYPE`` a map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct: its JSON name, its type expression, and when Go leaves it out.

    ``omit_empty``: a nil, zero, false or empty value is left out; a struct never is. ``omit_zero``: a zero struct too.
    """

    name: str
    type: str
    omit_empty: bool
    omit_zero: bool = False


@cache
def _table() -> Mapping[str, str]:
    text = resources.files(__package__).joinpath("types.txt").read_text("utf-8")
    blocks = (block.partition("\n") for block in text.split("\n\n")[1:])
    return MappingProxyType({name: fields for name, _, fields in blocks})


@cache
def struct(package: str, name: str) -> tuple[Field, ...]:
    """The fields of a struct in Go's order, e.g. ``struct("v1", "TaskSpec")``. Raises KeyError for an unknown one."""
    return tuple(_field(line) for line in _table()[f"{package}.{name}"].splitlines())


def _field(line: str) -> Field:
    name, _, rest = line.strip().partition(": ")
    expression, _, flags = rest.partition(" ")
    return Field(name, expression, "?" in flags, "~" in flags)


def named(expression: str) -> tuple[Field, ...] | None:
    """The fields of the struct that a type expression names, or None, e.g. for ``string`` and ``*v1.Step``."""
    package, dot, name = expression.partition(".")
    return struct(package, name) if dot and package.isalnum() else None


def split(expression: str) -> tuple[Literal["*", "[]", "map[string]", ""], str]:
    """The outermost constructor of a type expression and what it holds; ("", expression) for a plain type or struct."""
    if expression.startswith("*"):
        return "*", expression[1:]
    if expression.startswith("[]"):
        return "[]", expression[2:]
    if expression.startswith("map[string]"):
        return "map[string]", expression[len("map[string]") :]
    return "", expression


def names(package: str) -> tuple[str, ...]:
    """The structs of a package, e.g. of ``v1``."""
    return tuple(name.partition(".")[2] for name in _table() if name.startswith(package + "."))


def packages() -> tuple[str, ...]:
    """Every package of the table: ``core`` and ``meta`` are Kubernetes', ``run`` is CustomRun's status."""
    return tuple(dict.fromkeys(name.partition(".")[0] for name in _table()))
