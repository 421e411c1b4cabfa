"""JSON scalars as Go's encoding/json writes them, and the canonical texts of Kubernetes' own scalar types."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes import quantity as quantities

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 6 * 10**10,
    "h": 36 * 10**11,
}
_DURATION = re.compile(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)", re.ASCII)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_QUANTITY = re.compile(r"[+-]?(\d*)(?:\.(\d*))?([KMGTPE]i|[eE][+-]?\d+|[numkMGTPE])?", re.ASCII)
_LONGEST_DURATION = 2**63 - 1


def string(text: str) -> str:
    """A JSON string with Go's HTML escapes. Raises InputError ``text-invalid`` for half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("text-invalid", "a text holds half a surrogate pair", got=repr(text)[:80]) from None
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPES)


def number(value: int | float) -> str:
    """A number as Go writes an int64 or float64 (encoding/json floatEncoder): shortest digits, ``e`` outside
    1e-6 to 1e21. Raises InputError ``number-invalid`` for infinity and what is no number."""
    if isinstance(value, int):
        return str(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise InputError("number-invalid", "JSON has no such number", got=value)
    if value == 0:
        return "-0" if str(value).startswith("-") else "0"
    digits = Decimal(repr(value))
    if 1e-6 <= abs(value) < 1e21:
        text = f"{digits:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{digits.normalize():e}".partition("e")
    # Two digits of exponent at least, but one of a negative one (the clean-up in floatEncoder).
    sign, size = exponent[0], exponent[1:]
    return f"{mantissa}e{sign}{size if sign == '-' else size.zfill(2)}"


def anything(value: Any) -> str:
    """Any JSON value, maps sorted by key at every level: what sigs.k8s.io/yaml makes of a document."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(anything, value)) + "]"
    return "{" + ",".join(f"{string(key)}:{anything(value[key])}" for key in sorted(value)) + "}"


def quantity(value: object) -> str:
    """The text of a quantity in JSON, unquoted; nothing is ``0``. Raises InputError ``quantity-invalid``.

    Canonical, except that Go keeps the text that it read where a quick look takes it for canonical already: ``01``,
    ``+1``, ``12E6`` and ``1.500`` stay as they are (apimachinery pkg/api/resource ParseQuantity).
    """
    if value is None:
        return "0"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError("quantity-invalid", "not a quantity", got=repr(value))
    text = value.strip(" \t\r\n") if isinstance(value, str) else number(value)
    canonical = quantities.canonical(text)
    match = _QUANTITY.fullmatch(text)
    return text if match and _kept(match[1].lstrip("0") or "0", match[2] or "", match[3] or "") else canonical


def _kept(whole: str, fraction: str, suffix: str) -> bool:
    digits = whole + fraction
    if suffix.endswith("i"):
        exponent = 10 * (1 + "KMGTPE".index(suffix[0]))
        quick = not fraction and 14 - len(whole) - exponent * 3 // 10 >= 0
        return quick and int(digits) % 8 != 0 and int(digits) << exponent < 2**63
    exponent = int(suffix[1:]) if suffix[1:] else 3 * ("num_kMGTPE".index(suffix or "_") - 3)
    scale = exponent - len(fraction)
    quick = len(digits) <= 18 and scale >= -9
    return quick and scale % 3 == 0 and not digits.endswith("000") and not digits.startswith("0")


def duration(value: object) -> str:
    """A duration as time.Duration.String writes it, to the nanosecond. Raises InputError ``duration-invalid``."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InputError("duration-invalid", "not a Go duration", got=repr(value), expected="like 1h30m or 90s")
    total = sum(
        int((Decimal(amount) * _NANOSECONDS[unit]).to_integral_value(ROUND_DOWN))
        for amount, unit in _PART.findall(match[2])
    )
    if total > _LONGEST_DURATION:
        raise InputError("duration-invalid", "longer than Go can count", got=value, expected="less than 293 years")
    if total == 0:
        return "0s"
    sign = "-" if match[1] == "-" else ""
    for size, unit in ((1000, "ns"), (10**6, "µs"), (10**9, "ms")):
        if total < size:
            return sign + _decimal(total, size // 1000) + unit
    minutes, rest = divmod(total, 6 * 10**10)
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, 10**9) + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def time(value: object) -> str:
    """A metav1.Time: seconds, UTC. Raises InputError ``time-invalid``."""
    try:
        if not isinstance(value, str):
            raise ValueError(value)
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(value)
    except ValueError:
        raise InputError("time-invalid", "not a time", got=repr(value), expected="RFC 3339") from None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _decimal(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    return f"{whole}.{str(rest).zfill(len(str(scale)) - 1)}".rstrip("0") if rest else str(whole)
