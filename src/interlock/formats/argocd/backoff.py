"""How long Argo CD waits: between retries of an operation and between self-heals. Durations as Go writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from interlock.errors import InputError
from interlock.formats.argocd.application import Retry

DEFAULT_LIMIT = 5
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "d": 86400.0}


def duration(text: str, *, days: bool = False) -> timedelta:
    """Go's ``time.ParseDuration``; with ``days`` also argo's ``d`` and a bare number of seconds.

    Raises InputError ``duration-invalid``.
    """
    if days and re.fullmatch(r"[0-9]+", text):
        return timedelta(seconds=int(text))
    if text in ("0", "+0", "-0"):
        return timedelta()
    parts = re.findall(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|us|µs|ns|h|m|s|d)", text.lstrip("+-"))
    if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+-"):
        raise InputError("duration-invalid", "not a duration", got=text, expected="e.g. 10s, 2m, 1h30m")
    if not days and any(unit == "d" for _, unit in parts):
        raise InputError("duration-invalid", "unknown unit d in a duration", got=text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)


def next_retry(retry: Retry, finished: datetime, retries: int) -> datetime:
    """When an operation that failed at ``finished`` is tried again (types.go NextRetryAt).

    ``min(maxDuration, duration * factor ** retries)`` after it; defaults 5 s, 2, 3 min. The count is raised before the
    wait begins, so the first wait is ``duration * factor`` (controller/appcontroller.go processRequestedAppOperation).
    """
    backoff = retry.backoff
    first = duration(backoff.duration, days=True) if backoff and backoff.duration else timedelta(seconds=5)
    longest = duration(backoff.max_duration, days=True) if backoff and backoff.max_duration else timedelta(minutes=3)
    factor = backoff.factor if backoff and backoff.factor is not None else 2
    seconds = first.total_seconds() * float(factor) ** min(retries, 1000 if factor <= 1 else 64)
    if longest > timedelta():
        seconds = min(longest.total_seconds(), seconds)
    return finished + timedelta(seconds=seconds)


def may_retry(retry: Retry, retries: int) -> bool:
    """A negative limit means for ever."""
    return retry.limit < 0 or retries < retry.limit


def self_heal_wait(attempts: int, *, initial: timedelta, factor: int, cap: timedelta) -> timedelta:
    """How long after the last operation attempt number ``attempts`` + 1 waits (appcontroller.go
    selfHealRemainingBackoff): nothing, then ``initial``, growing by ``factor`` up to ``cap``."""
    if attempts <= 0:
        return timedelta()
    grown: timedelta = initial * int(factor ** min(attempts - 1, 20))
    return min(cap, grown)
