"""The shape of an object: what server-side apply, strategic merge, pruning and validation are driven by.

One tree serves the built-in kinds (`types`) and custom resources (`structural`), so that no algorithm knows where a
shape came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Type = Literal["object", "array", "string", "integer", "number", "boolean", "int-or-string", "quantity", "any"]


@dataclass(frozen=True, eq=False)
class Schema:
    """One node. ``any`` admits every value and is merged as its value looks: maps by key, lists whole.

    ``list_type`` and ``map_type`` are x-kubernetes-list-type and -map-type; ``patch_key`` is the strategic merge key of
    a list of objects (``""`` replaces the list, ``"set"`` unites scalars). ``rules`` holds the value checks
    (``enum``, ``pattern``, ``minimum``, ...) in OpenAPI's words, ``preserve`` is x-kubernetes-preserve-unknown-fields.
    """

    type: Type
    properties: Mapping[str, Schema] = field(default_factory=dict)
    additional: Schema | None = None
    items: Schema | None = None
    required: tuple[str, ...] = ()
    list_type: Literal["atomic", "set", "map"] = "atomic"
    list_keys: tuple[str, ...] = ()
    map_type: Literal["granular", "atomic"] = "granular"
    patch_key: str = ""
    retain_keys: bool = False
    preserve: bool = False
    embedded: bool = False
    nullable: bool = False
    format: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)
    default: Any = None
    has_default: bool = False

    def child(self, name: str) -> Schema | None:
        """The shape of a map's value at ``name``; None when the map does not know it."""
        if (found := self.properties.get(name)) is not None:
            return found
        if self.additional is not None:
            return self.additional
        return ANY if self.preserve or self.type == "any" else None

    @property
    def element(self) -> Schema:
        return self.items or ANY

    def is_map(self, value: object) -> bool:
        """Whether ``value`` is merged key by key under this shape."""
        return isinstance(value, dict) and self.type in ("object", "any") and self.map_type == "granular"

    def is_keyed_list(self, value: object) -> bool:
        """Whether ``value`` is merged item by item under this shape."""
        return isinstance(value, list) and self.type == "array" and self.list_type != "atomic"

    def walk(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
        """Every node with its dotted place, parents first."""
        yield prefix, self
        for name, child in self.properties.items():
            yield from child.walk((*prefix, name))
        if self.items is not None:
            yield from self.items.walk((*prefix, "[]"))
        if self.additional is not None:
            yield from self.additional.walk((*prefix, "{}"))


ANY = Schema("any", preserve=True)
