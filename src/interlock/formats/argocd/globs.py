"""Globs as Argo CD matches them: gobwas/glob behind argo-cd util/glob and ``globMatch`` (v1alpha1/types.go)."""

from __future__ import annotations

import re
from functools import lru_cache

from interlock.errors import InputError


def match(pattern: str, text: str, separators: str = "") -> bool:
    """Whether ``pattern`` matches all of ``text``. ``*`` does not cross a separator, ``**`` does.

    A malformed pattern matches nothing, as upstream (util/glob logs and returns false).
    """
    try:
        return _compiled(pattern, separators).fullmatch(text) is not None
    except InputError:
        return False


def denies(pattern: str) -> bool:
    return pattern.startswith("!")


def allow(pattern: str, text: str, separators: str = "") -> bool:
    """``globMatch`` with negation: a pattern ``!x`` holds when ``x`` does *not* match."""
    if denies(pattern):
        return not match(pattern[1:], text, separators)
    return pattern == "*" or match(pattern, text, separators)


@lru_cache(maxsize=1024)
def _compiled(pattern: str, separators: str) -> re.Pattern[str]:
    other = f"[^{re.escape(separators)}]" if separators else "."
    out: list[str] = []
    at, depth = 0, 0
    while at < len(pattern):
        sign = pattern[at]
        if pattern.startswith("**", at):
            out.append(".*")
            at += 1
        elif sign == "*":
            out.append(f"{other}*")
        elif sign == "?":
            out.append(other)
        elif sign == "{":
            out.append("(?:")
            depth += 1
        elif sign == "}" and depth:
            out.append(")")
            depth -= 1
        elif sign == "," and depth:
            out.append("|")
        elif sign == "[":
            end = pattern.find("]", at + 2)
            if end < 0:
                raise InputError("glob-invalid", "unclosed [ in a glob", got=pattern)
            inner = pattern[at + 1 : end]
            negated = inner.startswith("!")
            body = re.sub(r"([\\^\]\[])", r"\\\1", inner[1:] if negated else inner)
            out.append(f"[{'^' if negated else ''}{body}]")
            at = end
        elif sign == "\\" and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        else:
            out.append(re.escape(sign))
        at += 1
    if depth:
        raise InputError("glob-invalid", "unclosed { in a glob", got=pattern)
    return re.compile("".join(out), re.DOTALL)
