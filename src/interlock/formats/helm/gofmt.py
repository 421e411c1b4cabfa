"""Go's view of values: kinds, truth, ``%v`` and ``printf`` (packages fmt and text/template).

Values are None, bool, int (Go int), float (Go float64: every number of a values file), str, list, dict.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from interlock.errors import UnsupportedError


def kind(value: Any) -> str:
    """The name that sprig's ``kindOf`` gives."""
    match value:
        case None:
            return "invalid"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "slice"
        case _:
            return "map"


def truth(value: Any) -> bool:
    """text/template IsTrue: false, 0, nil and everything of length zero are false."""
    return bool(value)


def float_text(value: float) -> str:
    """``%v`` of a float64: shortest digits; exponent form below 1e-4 and from 1e6 on (hence helm's ``1e+06``)."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(value)]
    number = Decimal(repr(value))
    if value and not -4 <= number.adjusted() < 6:
        sign, digits, _ = number.normalize().as_tuple()
        tail = "".join(map(str, digits[1:]))
        power = number.adjusted()
        return f"{'-' * sign}{digits[0]}{'.' * bool(tail)}{tail}e{'-' if power < 0 else '+'}{abs(power):02d}"
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def text(value: Any, *, inner: bool = False) -> str:
    """``%v``."""
    match value:
        case None:
            return "<nil>" if inner else "<no value>"
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value)
        case list():
            return "[" + " ".join(text(item, inner=True) for item in value) + "]"
        case dict():
            return "map[" + " ".join(f"{key}:{text(value[key], inner=True)}" for key in sorted(value)) + "]"
        case _:
            return str(value)


def quoted(value: str) -> str:
    """``%q`` (strconv.Quote) for text without control characters beyond the common ones."""
    return json.dumps(value, ensure_ascii=False).replace("\\u007f", "\\x7f")


_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d+)?(?:\.(?P<precision>\d+))?(?P<verb>.)", re.DOTALL)


def printf(template: str, arguments: list[Any]) -> str:
    """``fmt.Sprintf`` for the verbs v, s, d, q, t, f and %. Raises UnsupportedError ``helm-unsupported``."""
    remaining = list(arguments)

    def one(match: re.Match[str]) -> str:
        verb = match["verb"]
        if verb == "%":
            return "%"
        if not remaining:
            return f"%!{verb}(MISSING)"
        value = remaining.pop(0)
        match verb:
            case "v":
                body = text(value, inner=True)
            case "s" if isinstance(value, str):
                body = value if match["precision"] is None else value[: int(match["precision"])]
            case "d" if isinstance(value, int) and not isinstance(value, bool):
                body = f"{value:+d}" if "+" in match["flags"] else str(value)
            case "q" if isinstance(value, str):
                body = quoted(value)
            case "t" if isinstance(value, bool):
                body = text(value)
            case "f" if isinstance(value, float):
                body = f"{value:.{int(match['precision'] or 6)}f}"
            case "s" | "d" | "q" | "t" | "f":
                # fmt writes the mistake into the output; nobody wants that in a manifest.
                raise UnsupportedError("helm-printf", f"%{verb} does not print a {kind(value)}", got=repr(value))
            case _:
                raise UnsupportedError("helm-unsupported", f"printf verb %{verb} is not supported")
        width = int(match["width"] or 0)
        if "-" in match["flags"]:
            return body.ljust(width)
        return body.rjust(width, "0" if "0" in match["flags"] and verb in "df" else " ")

    result = _VERB.sub(one, template)
    if remaining:
        raise UnsupportedError("helm-printf", "printf has more arguments than verbs", got=template)
    return result
