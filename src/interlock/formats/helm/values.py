"""Merging values: chart < value files in order < values < parameters, then down the tree of charts.

Rules: helm pkg/chartutil/coalesce.go (null deletes a chart's default; maps merge, everything else replaces;
``global`` is handed down), pkg/strvals for parameters.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from interlock.errors import InputError, UnsupportedError
from interlock.formats.helm.chart import Chart

_MAX_INDEX = 1000


def overlay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """``top`` over ``base``; null stays, it deletes the chart's own default later (cli/values/options.go)."""
    result = dict(base)
    for key, value in top.items():
        old = result.get(key)
        result[key] = overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def coalesce(chart: Chart, given: dict[str, Any]) -> dict[str, Any]:
    """The values that the templates of ``chart`` see: ``given`` over its defaults, for it and for each dependency."""
    values = copy.deepcopy(given)
    children = {child.name for child in chart.dependencies}
    for key, default in copy.deepcopy(chart.values).items():
        if key not in values:
            values[key] = default
        elif values[key] is None:
            del values[key]
        elif isinstance(values[key], dict) and isinstance(default, dict):
            _tables(values[key], default, keep_null=key in children)
    for child in chart.dependencies:
        below = values.setdefault(child.name, {})
        if not isinstance(below, dict):
            raise InputError("helm-values", f"values of the dependency {child.name} must be a mapping", got=below)
        _globals(below, values)
        values[child.name] = coalesce(child, below)
    return values


def _tables(into: dict[str, Any], defaults: dict[str, Any], *, keep_null: bool) -> None:
    for key, default in defaults.items():
        if key not in into:
            into[key] = default
        elif into[key] is None and default is not None and not keep_null:
            del into[key]
        elif isinstance(into[key], dict) and isinstance(default, dict):
            _tables(into[key], default, keep_null=keep_null)


def _globals(below: dict[str, Any], above: dict[str, Any]) -> None:
    shared, own = above.get("global", {}), below.get("global", {})
    if isinstance(shared, dict) and isinstance(own, dict):
        below["global"] = overlay(own, copy.deepcopy(shared))


def enabled(chart: Chart, values: dict[str, Any]) -> tuple[Chart, ...]:
    """The dependencies of ``chart`` that its values do not switch off (``condition``, chartutil/dependencies.go)."""
    return tuple(child for child in chart.dependencies if _condition(child, values))


def _condition(child: Chart, values: dict[str, Any]) -> bool:
    for path in filter(None, map(str.strip, child.condition.split(","))):
        value: Any = values
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return value
    return True


def set_parameter(values: dict[str, Any], name: str, value: str, *, force_string: bool = False) -> None:
    """`--set name=value`, in place: dots descend, ``[n]`` indexes, a backslash escapes.

    Raises InputError ``helm-parameter``, UnsupportedError ``helm-unsupported`` for ``{a,b}`` lists.
    """
    if value.startswith("{") and not force_string:
        raise UnsupportedError("helm-unsupported", "a list as a parameter is not supported", got=value)
    steps = _steps(name)
    holder: Any = values
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        leaf = following is None
        empty: Any = [] if isinstance(following, int) else {}
        new = typed(value, force_string=force_string) if leaf else empty
        if isinstance(step, int):
            if not isinstance(holder, list) or step > _MAX_INDEX:
                raise InputError("helm-parameter", "cannot index here", got=name)
            holder.extend([None] * (step + 1 - len(holder)))
            old = holder[step]
        else:
            if not isinstance(holder, dict):
                raise InputError("helm-parameter", "cannot descend into a value that is no mapping", got=name)
            old = holder.get(step)
        if leaf or not isinstance(old, type(empty)):
            holder[step] = new
        holder = holder[step]


def _steps(name: str) -> list[str | int]:
    if not re.fullmatch(r"(?:\\.|[^\\.\[\]=,])+(?:\[\d+\])*(?:\.(?:\\.|[^\\.\[\]=,])+(?:\[\d+\])*)*", name):
        raise InputError("helm-parameter", "not a parameter name", got=name, expected="a.b[0].c")
    parts = re.finditer(r"\[(\d+)\]|((?:\\.|[^\\.\[\]])+)", name)
    return [int(part[1]) if part[1] else re.sub(r"\\(.)", r"\1", part[2]) for part in parts]


def typed(value: str, *, force_string: bool = False) -> str | int | bool | None:
    """strvals typedVal: true, false, null and integers without a leading zero; everything else is a string."""
    if force_string:
        return value
    lowered = value.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered == "null":
        return None
    if value == "0" or re.fullmatch(r"[+-]?[1-9][0-9]{0,17}", value):
        return int(value)
    return value
