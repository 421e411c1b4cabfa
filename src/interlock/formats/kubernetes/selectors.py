"""Label and field selectors, and the ``LabelSelector`` of built-in kinds (apimachinery pkg/labels, pkg/fields)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from interlock.errors import InputError

Labels = Mapping[str, str]
Matches = Callable[[Labels], bool]

_KEY = r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALS = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_ORDER = re.compile(rf"({_KEY})\s*([<>])\s*(-?\d+)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _requirement(text: str) -> Matches:
    if match := _SET.fullmatch(text):
        key, operator = match[1], match[2]
        values = {value.strip() for value in match[3].split(",")}
        if any(not re.fullmatch(_VALUE, value) for value in values):
            raise InputError("selector-invalid", "not a label value", got=text)
        if operator == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALS.fullmatch(text):
        key, operator, value = match[1], match[2], match[3]
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _ORDER.fullmatch(text):
        key, operator, bound = match[1], match[2], int(match[3])

        def ordered(labels: Labels) -> bool:
            found = labels.get(key, "")
            return found.lstrip("-").isdigit() and (int(found) > bound if operator == ">" else int(found) < bound)

        return ordered
    if match := _EXISTS.fullmatch(text):
        absent, key = bool(match[1]), match[2]
        return lambda labels: (key in labels) != absent
    raise InputError("selector-invalid", "not a label selector", got=text, expected="key=value, key in (a,b), !key")


def label_selector(text: str) -> Matches:
    """Parse ``a=b,c!=d,e in (x,y),f,!g``. An empty text matches all. Raises InputError ``selector-invalid``."""
    if not text.strip():
        return lambda labels: True
    requirements = [_requirement(part.strip()) for part in _split(text)]
    return lambda labels: all(matches(labels) for matches in requirements)


def object_selector(selector: Mapping[str, Any] | None) -> Matches:
    """A ``LabelSelector`` object. None matches nothing, an empty one everything."""
    if selector is None:
        return lambda labels: False
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []

    def matches(labels: Labels) -> bool:
        return all(labels.get(key) == value for key, value in wanted.items()) and all(
            _expression(item, labels) for item in expressions
        )

    return matches


def _expression(item: Mapping[str, Any], labels: Labels) -> bool:
    key, values = item["key"], item.get("values") or []
    match item["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise InputError("selector-invalid", "unknown operator", got=other)


def field_selector(text: str, *, supported: frozenset[str]) -> Callable[[Mapping[str, Any]], bool]:
    """Parse ``metadata.name=a,status.phase!=Running`` over an object. Raises InputError ``selector-invalid``."""
    requirements: list[tuple[list[str], bool, str]] = []
    for part in filter(None, (item.strip() for item in text.split(","))):
        match = re.fullmatch(r"([\w.\[\]/-]+?)\s*(==|=|!=)\s*(.*)", part)
        if not match or match[1] not in supported:
            raise InputError(
                "selector-invalid",
                f'field label not supported: "{match[1] if match else part}"',
                expected=", ".join(sorted(supported)),
            )
        requirements.append((match[1].split("."), match[2] == "!=", match[3]))

    def matches(obj: Mapping[str, Any]) -> bool:
        return all((_dig(obj, path) == value) != negated for path, negated, value in requirements)

    return matches


def _dig(obj: Any, path: list[str]) -> str:
    for step in path:
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    if isinstance(obj, bool):
        return str(obj).lower()
    return "" if obj is None else str(obj)
