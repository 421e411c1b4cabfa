"""Facts that could not be read: data, not exceptions, so that a check can say ``unknown`` with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.errors import InterlockError


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact whose source did not answer, refused, or gave something unusable. It never stands for "does not exist"."""

    source: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.source}: {self.detail} [{self.code}]"


def unread(source: str, error: InterlockError) -> Unread:
    """The error of a reader as a fact."""
    return Unread(source, error.code, str(error))
