"""Times as the books write them."""

from __future__ import annotations

from datetime import UTC, datetime

from interlock.errors import InputError


def timestamp(time: datetime) -> str:
    """``time`` as RFC 3339 in UTC with microseconds, so that text order is time order."""
    if time.tzinfo is None:
        raise InputError("time-without-zone", "a time needs a zone", got=time.isoformat())
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The inverse of :func:`timestamp`; reads any RFC 3339 time. Raises InputError ``time-invalid``."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError("time-invalid", "not an RFC 3339 time", got=text) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
