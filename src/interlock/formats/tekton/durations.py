"""Go durations: ``1h30m``, ``1m0.5s``; 0 means "no limit" where Tekton reads them."""

from __future__ import annotations

import re
from datetime import timedelta

from interlock.errors import InputError

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|μs|ms|s|m|h)")


def parse(text: str) -> timedelta:
    """time.ParseDuration. Raises InputError ``duration-invalid``."""
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return timedelta(0)
    nanoseconds, position = 0.0, 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            break
        nanoseconds += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not body or position != len(body):
        raise InputError("duration-invalid", "not a Go duration", got=text, expected="like 1h30m or 90s")
    return timedelta(microseconds=(-nanoseconds if text[0] == "-" else nanoseconds) / 1000)


def text(duration: timedelta) -> str:
    """time.Duration.String, as it appears in upstream's messages: ``1h0m0s``, ``1.5s``, ``250ms``."""
    microseconds = round(duration.total_seconds() * 10**6)
    if microseconds == 0:
        return "0s"
    sign, microseconds = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if microseconds < 1000:
        return f"{sign}{microseconds}µs"
    if microseconds < 10**6:
        return f"{sign}{_decimal(microseconds, 1000)}ms"
    minutes, rest = divmod(microseconds, 60 * 10**6)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 10**6)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    digits = len(str(scale)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0") if rest else str(whole)
