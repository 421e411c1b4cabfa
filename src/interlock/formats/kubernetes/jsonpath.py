"""The JSONPath of printer columns: names, indexes, ``['name']``, ``[*]`` and filters ``[?(@.a=="b")]``."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from interlock.errors import InputError

_STEP = re.compile(
    r"""\.?(?:
      (?P<name>[A-Za-z0-9_$-]+(?:\\\.[A-Za-z0-9_/-]+)*)
    | \[(?P<index>-?\d+)\]
    | \[(?P<all>\*)\]
    | \[['"](?P<quoted>[^'"]+)['"]\]
    | \[\?\(\s*@\.(?P<field>[\w.]+)\s*(?P<operator>==|!=)\s*['"](?P<value>[^'"]*)['"]\s*\)\]
    )""",
    re.VERBOSE,
)


@cache
def _steps(path: str) -> tuple[dict[str, str | None], ...]:
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps, place = [], 0
    while place < len(text):
        match = _STEP.match(text, place)
        if not match or match.end() == place:
            raise InputError("jsonpath-unsupported", "this JSONPath is not understood", got=path)
        steps.append(match.groupdict())
        place = match.end()
    return tuple(steps)


def values(document: Any, path: str) -> list[Any]:
    """Everything at ``path``, in order; what is missing gives nothing. Raises InputError ``jsonpath-unsupported``."""
    found = [document]
    for step in _steps(path):
        found = [item for value in found for item in _take(value, step)]
    return found


def _take(value: Any, step: dict[str, str | None]) -> list[Any]:
    name = step["name"] or step["quoted"]
    if name is not None:
        name = name.replace("\\.", ".")
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    if step["all"]:
        return value
    if step["index"] is not None:
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    wanted = step["operator"] == "=="
    return [item for item in value if (_dig(item, step["field"] or "") == step["value"]) == wanted]


def _dig(value: Any, dotted: str) -> str:
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
