"""Override files: the grammar of ``ibmint apply overrides``, on the broker.xml of each nested zip."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from interlock.errors import InputError, Location
from interlock.formats.ace import archive, deployment

_BROKER = "META-INF/broker.xml"
_META = ("META-INF/manifest.mf", _BROKER)


@dataclass(frozen=True, slots=True)
class Override:
    """One line: ``Flow#Node.Property=value``, ``Flow#Property=value``, ``Flow#...`` alone (remove) or ``Old=New``."""

    key: str
    value: str | None
    """None removes the override."""
    where: Location

    @property
    def is_property(self) -> bool:
        return "#" in self.key


def parse_overrides(text: str, *, file: str) -> tuple[Override, ...]:
    """The lines of an override file, without empty lines and ``#`` comments. Raises InputError ``ace-override``."""
    found: list[Override] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        where = Location(file, number)
        if not key.strip() or (not equals and "#" not in key):
            raise InputError(
                "ace-override", "not an override", got=line, expected="Flow#Node.Property=value or Old=New", where=where
            )
        found.append(Override(key.strip(), value.strip() if equals else None, where))
    return tuple(found)


def apply_overrides(bar: bytes, overrides: Iterable[Override], *, where: str = "BAR") -> bytes:
    """The BAR with the overrides written into it.

    Raises InputError ``ace-override-unmatched`` for a key that matches nothing: ignoring it would deploy the default.
    """
    wanted = tuple(overrides)
    hits = [0] * len(wanted)
    changed = _apply(bar, wanted, hits, where, archive.Budget())
    for override, count in zip(wanted, hits, strict=True):
        if not count:
            raise InputError(
                "ace-override-unmatched",
                "no property of the BAR matches this override",
                got=override.key,
                where=override.where,
                todo="the key is Flow#Node label.property; the flow name carries its folders with dots",
            )
    return changed


def _apply(data: bytes, wanted: tuple[Override, ...], hits: list[int], where: str, budget: archive.Budget) -> bytes:
    files = archive.read(data, where=where, budget=budget)
    for path, content in list(files.items()):
        if posixpath.splitext(path)[1] in (".appzip", ".shlibzip", ".libzip"):
            files[path] = _apply(content, wanted, hits, f"{where}!/{path}", budget)
    if _BROKER in files:
        current = deployment.read(files[_BROKER], file=f"{where}!/{_BROKER}")
        for index, item in enumerate(wanted):
            if item.is_property or item.value is None:
                current, count = deployment.override(current, item.key, item.value)
            else:
                current, count = deployment.replace_value(current, item.key, item.value)
            hits[index] += count
        files[_BROKER] = deployment.write(current)
    return archive.write(files, first=_META)
