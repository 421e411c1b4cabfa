"""``{{ revision }}`` and the like in the files of `.tekton/` (pkg/templates, pkg/apis/…/keys ParamsRe)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"{{([^}]{2,})}}")
_EXPRESSIONS = ("body", "headers", "files")

Evaluate = Callable[[str], Any]
"""A CEL expression -> its value. Raises whatever it raises for one that has none."""


def substituted(text: str, values: Mapping[str, str], evaluate: Evaluate | None = None) -> str:
    """``text`` with every placeholder that has a value replaced; the others stay as they are written.

    ``evaluate`` answers ``{{ body.… }}``, ``{{ headers[…] }}``, ``{{ files.… }}`` and ``{{ cel: … }}``; without it
    those stay. A ``cel:`` expression that fails becomes nothing, the others stay (upstream's rule).
    """

    def replace(match: re.Match[str]) -> str:
        key = match[1].strip()
        is_cel = key.startswith("cel:")
        if not is_cel and not key.startswith(_EXPRESSIONS):
            return values.get(key, match[0])
        if evaluate is None:
            return match[0]
        try:
            return _text(evaluate(key.removeprefix("cel:").strip()))
        except Exception:  # an expression of a stranger: any failure is "no value"
            return "" if is_cel else match[0]

    return _PLACEHOLDER.sub(replace, text)


def placeholders(text: str) -> list[str]:
    """Names that are still to be replaced, in order, each once."""
    return list(dict.fromkeys(match[1].strip() for match in _PLACEHOLDER.finditer(text)))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
