"""Version constraints of the hub resolver (hashicorp/go-version): ``0.9``, ``>= 0.5, < 0.7``, ``~> 0.3``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)(?:-([0-9A-Za-z.~-]+))?(?:\+([0-9A-Za-z.~-]+))?", re.ASCII)
_CONSTRAINT = re.compile(r"\s*(>=|<=|!=|~>|=|>|<|)\s*(\S+)\s*")


@total_ordering
@dataclass(frozen=True)
class Version:
    """Numbers padded to three, and a prerelease that comes before its release."""

    numbers: tuple[int, ...]
    prerelease: str = ""
    written: int = 3
    """How many numbers were written: what ``~>`` keeps."""

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers)) + (f"-{self.prerelease}" if self.prerelease else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
        numbers = self.numbers
        while len(numbers) > 3 and numbers[-1] == 0:
            numbers = numbers[:-1]
        parts = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.prerelease.split(".")
        )
        return numbers, not self.prerelease, parts if self.prerelease else ()


def parse(text: str) -> Version | None:
    """None if it is no version."""
    found = _VERSION.fullmatch(text)
    if found is None or len(text) > 200:
        return None
    numbers = tuple(int(part) for part in found[1].split("."))
    return Version(numbers + (0,) * (3 - len(numbers)), found[2] or "", len(numbers))


_Check = Callable[[Version, Version], bool]


def _same_kind(version: Version, wanted: Version) -> bool:
    """A prerelease is asked for by its own numbers or not at all (constraint.go prereleaseCheck)."""
    if version.prerelease and wanted.prerelease:
        return version.numbers == wanted.numbers
    return not version.prerelease or bool(wanted.prerelease)


def _pessimistic(version: Version, wanted: Version) -> bool:
    if not _same_kind(version, wanted) or (wanted.prerelease and not version.prerelease) or version < wanted:
        return False
    kept = wanted.written - 1
    return version.numbers[:kept] == wanted.numbers[:kept] and version.numbers[kept] >= wanted.numbers[kept]


_CHECKS: Final[dict[str, _Check]] = {
    "": lambda version, wanted: version == wanted,
    "=": lambda version, wanted: version == wanted,
    "!=": lambda version, wanted: version != wanted,
    ">": lambda version, wanted: _same_kind(version, wanted) and version > wanted,
    "<": lambda version, wanted: _same_kind(version, wanted) and version < wanted,
    ">=": lambda version, wanted: _same_kind(version, wanted) and version >= wanted,
    "<=": lambda version, wanted: _same_kind(version, wanted) and version <= wanted,
    "~>": _pessimistic,
}


@dataclass(frozen=True)
class Constraint:
    parts: tuple[tuple[str, Version], ...]

    def allows(self, version: Version) -> bool:
        return all(_CHECKS[operator](version, wanted) for operator, wanted in self.parts)

    def newest(self, versions: Iterable[Version]) -> Version | None:
        return max(filter(self.allows, versions), default=None)


def constraint(text: str) -> Constraint | None:
    """None if it is none: then the text is taken as a version as it stands."""
    parts = []
    for part in text.split(","):
        found = _CONSTRAINT.fullmatch(part)
        version = parse(found[2]) if found else None
        if found is None or version is None:
            return None
        parts.append((found[1], version))
    return Constraint(tuple(parts))
