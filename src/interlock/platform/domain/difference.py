"""Where two documents differ, leaf by leaf: what reviewers are told of values and of rendered objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.formats.yaml import Path, dotted

MAX_SHOWN = 60
"""Characters of one value in a line."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One leaf. ``before`` and ``after`` are JSON: equal texts are equal values of equal types; None where absent."""

    path: Path
    before: str | None
    after: str | None

    @property
    def place(self) -> str:
        """``spec.template.spec.containers[0].resources.limits.cpu``."""
        return dotted(self.path)

    def __str__(self) -> str:
        return f"{self.place} {_shown(self.before)} -> {_shown(self.after)}"


def of(before: Any, after: Any) -> tuple[Difference, ...]:
    """By path. What is empty is a leaf: a mapping that gets its first key was another value before."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = sorted(old.keys() | new.keys(), key=lambda path: [(isinstance(step, int), step) for step in path])
    return tuple(Difference(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path))


def listed(items: Iterable[str], *, limit: int, between: str = "; ") -> str:
    """As many of them as fit into ``limit`` characters, and how many more there are."""
    told, every = "", list(items)
    for count, item in enumerate(every):
        longer = f"{told}{between if told else ''}{item}"
        if len(longer) > limit:
            return f"{told}{between if told else ''}{len(every) - count} more"
        told = longer
    return told


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    elif path:
        yield path, json.dumps(value, ensure_ascii=False)


def _shown(value: str | None) -> str:
    if value is None:
        return "(none)"
    return value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…"
