"""Waiting for what a running estate does by itself: asked again until it holds, and told what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from interlock.errors import ConflictError, InterlockError

Value = TypeVar("Value")

_PAUSE_SECONDS = 0.1


def eventually(
    condition: Callable[[], Value | None],
    *,
    timeout: float = 60.0,
    what: str = "",
    seen: Callable[[], object] | None = None,
) -> Value:
    """The first truthy value of ``condition``; an InterlockError or AssertionError of it means "not yet".

    ``seen`` is asked for the message when time is over.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            last = found = condition()
            if found:
                return found
        except (InterlockError, AssertionError) as error:
            last = error
        if time.monotonic() > deadline:
            told = seen() if seen else last
            raise AssertionError(f"not after {timeout:.0f} s: {what or condition}; seen: {told}")
        time.sleep(_PAUSE_SECONDS)


def until_done(action: Callable[[], Value], *, timeout: float = 30.0) -> Value:
    """Repeat an action that others may overtake (the platform pushes and comments at the same time)."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return action()
        except ConflictError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
