"""How Go prints values: %q, %v of lists, durations."""

from __future__ import annotations

import re
from collections.abc import Iterable

from interlock.errors import InputError

_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")


def quoted(text: str) -> str:
    """strconv.Quote."""
    return '"' + "".join(_character(character) for character in text) + '"'


def _character(character: str) -> str:
    code = ord(character)
    if (escape := _ESCAPES.get(code)) is not None:
        return escape
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def listed(items: Iterable[str]) -> str:
    """%v of a list of strings."""
    return "[" + " ".join(items) + "]"


def nanoseconds(text: str) -> int:
    """time.ParseDuration. Raises InputError ``duration-invalid`` with Go's words."""
    body = text[1:] if text[:1] in ("-", "+") else text
    total, position = 0, 0
    if body != "0":
        while position < len(body):
            part = _PART.match(body, position)
            if part is None or not (part[1] or part[2]):
                raise _wrong(text, body[position:])
            total += int(part[1] or 0) * _UNITS[part[3]]
            if part[2]:
                total += int(part[2]) * _UNITS[part[3]] // 10 ** len(part[2])
            position = part.end()
        if not body or total >= 1 << 63:
            raise _wrong(text, "")
    return -total if text[:1] == "-" else total


def _wrong(text: str, rest: str) -> InputError:
    number = re.match(r"[0-9]*\.?[0-9]*", rest)
    digits = number[0] if number else ""
    if digits.strip("."):
        unit = re.match(r"[^0-9.]*", rest[len(digits) :])
        if unit and unit[0]:
            return InputError("duration-invalid", f"time: unknown unit {_plain(unit[0])} in duration {_plain(text)}")
        return InputError("duration-invalid", f"time: missing unit in duration {_plain(text)}")
    return InputError("duration-invalid", f"time: invalid duration {_plain(text)}")


def _plain(text: str) -> str:
    """How package time quotes: bytes that are no printable ASCII as numbers."""
    shown = (
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
        for byte in text.encode()
    )
    return '"' + "".join(shown) + '"'


def duration(value: int) -> str:
    """time.Duration.String of nanoseconds: ``1h0m0s``, ``1.5s``, ``250ms``."""
    if value == 0:
        return "0s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    for unit, scale in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if value < scale * 1000 and value < 10**9:
            return f"{sign}{_decimal(value, scale)}{unit}"
    minutes, rest = divmod(value, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    return f"{whole}.{rest:0{len(str(scale)) - 1}d}".rstrip("0") if rest else str(whole)
