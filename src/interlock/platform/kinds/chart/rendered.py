"""What a chart's move changes in what a service runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from interlock.platform.checks.rendered import by_key, differences, name
from interlock.platform.domain.workload import Path
from interlock.platform.facts.rendering import Rendering

MAX_LINES = 40
_METADATA = (("metadata", "labels"), ("metadata", "annotations"))


def places(rendering: Rendering) -> Iterator[tuple[str, Path, Any, Any]]:
    """(kind and name of an object, path in it, before, after) of what differs; an object that comes or leaves is one
    difference at the empty path."""
    before, after = by_key(rendering.before), by_key(rendering.after)
    for key in sorted(before.keys() | after.keys()):
        if key in before and key in after:
            for path, old, new in differences(before[key], after[key]):
                yield name(key), path, old, new
        else:
            yield name(key), (), before.get(key), after.get(key)


def beyond_metadata(rendering: Rendering) -> bool:
    """Whether more differs than labels and annotations of objects. Those of a pod template are more: they restart
    pods."""
    return any(path[:2] not in _METADATA for _, path, _, _ in places(rendering))


def text(rendering: Rendering) -> tuple[str, ...]:
    """A line a difference, for people; long values and long lists are cut."""
    lines = [_line(*item) for item in places(rendering)]
    if not lines:
        return ("The service renders alike, byte for byte.",)
    more = len(lines) - MAX_LINES
    return (*lines[:MAX_LINES], *([f"and {more} more"] if more > 0 else []))


def _line(what: str, path: Path, before: Any, after: Any) -> str:
    if not path:
        return f"{what}: {'comes' if before is None else 'leaves'}"
    place = f"{what}: {'.'.join(map(str, path))}"
    # Nobody's chart should render one; if one does, its values are in no text.
    return place if what.startswith("Secret ") else f"{place}: {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    return "none" if value is None else json.dumps(value)[:60]
