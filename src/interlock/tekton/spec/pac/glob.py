"""Patterns of gobwas/glob without separators: ``*`` and ``**`` any text, ``?`` one character, ``[a-z]``, ``{a,b}``."""

from __future__ import annotations

import re
from functools import lru_cache

from interlock.errors import InputError


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """Raises InputError ``pac-glob`` for a pattern that upstream would not compile either."""
    try:
        expression, rest = _sequence(pattern, 0, inside=False)
    except IndexError:
        raise InputError("pac-glob", "the pattern ends inside of a group", got=pattern) from None
    if rest != len(pattern):
        raise InputError("pac-glob", "unexpected end of a group", got=pattern)
    return re.compile(expression, re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    return compiled(pattern).fullmatch(text) is not None


def _sequence(pattern: str, at: int, *, inside: bool) -> tuple[str, int]:
    """The expression from ``at`` to the end, or (``inside`` of braces) to the ``,`` or ``}`` that ends it."""
    parts: list[str] = []
    while at < len(pattern):
        char = pattern[at]
        if inside and char in ",}":
            break
        if char == "*":
            while at < len(pattern) and pattern[at] == "*":
                at += 1
            parts.append(".*")
        elif char == "?":
            parts.append(".")
            at += 1
        elif char == "[":
            part, at = _class(pattern, at)
            parts.append(part)
        elif char == "{":
            part, at = _alternatives(pattern, at)
            parts.append(part)
        elif char == "\\":
            parts.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            parts.append(re.escape(char))
            at += 1
    return "".join(parts), at


def _alternatives(pattern: str, at: int) -> tuple[str, int]:
    choices = []
    at += 1
    while True:
        choice, at = _sequence(pattern, at, inside=True)
        choices.append(choice)
        at += 1
        if pattern[at - 1] == "}":
            return f"(?:{'|'.join(choices)})", at


def _class(pattern: str, at: int) -> tuple[str, int]:
    end = at + 1
    negated = pattern[end] == "!"
    if negated:
        end += 1
    body = ""
    while pattern[end] != "]" or not body:
        if pattern[end] == "\\":
            end += 1
        body += pattern[end]
        end += 1
    escaped = re.sub(r"([\\\]^\[])", r"\\\1", body)
    if not re.fullmatch(r".-.", body, re.DOTALL):
        escaped = escaped.replace("-", r"\-")
    elif body[0] > body[2]:
        raise InputError("pac-glob", "a range that ends before it begins", got=pattern)
    return f"[{'^' if negated else ''}{escaped}]", end + 1
