"""Runs loops side by side: each is woken by name, or by the resync, and never runs twice at the same time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from interlock.errors import InterlockError

log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 0.5
_GATHER_SECONDS = 0.1
"""After a wake-up: what comes in a burst (a push tells several webhooks) leads to one round."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One level-triggered loop. ``run`` looks at everything it is responsible for; it returns True when it changed
    something that other loops may want to see at once."""

    name: str
    run: Callable[[], bool]


class Schedule:
    """Loops with one thread each. ``active`` says whether this process may act (it holds the lease)."""

    def __init__(self, loops: Sequence[Loop], *, resync: float, active: Callable[[], bool]) -> None:
        self._loops = {loop.name: loop for loop in loops}
        self._wakes = {loop.name: threading.Event() for loop in loops}
        self._resync = resync
        self._active = active
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(loop,), name=loop.name, daemon=True) for loop in loops
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        self._stop.set()
        self.wake()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wake(self, names: Iterable[str] | None = None) -> None:
        """Run these loops (all of them by default) as soon as they are free. Unknown names are ignored."""
        for name in self._wakes if names is None else names:
            if name in self._wakes:
                self._wakes[name].set()

    def _serve(self, loop: Loop) -> None:
        wake, failures = self._wakes[loop.name], 0
        while not self._stop.is_set():
            # Cleared before the run: what happens while it runs must lead to another one.
            wake.clear()
            if self._active():
                failures = 0 if self._round(loop) else failures + 1
            pause = min(self._resync, _FIRST_RETRY_SECONDS * 2**failures) if failures else self._resync
            if wake.wait(pause):
                self._stop.wait(_GATHER_SECONDS)

    def _round(self, loop: Loop) -> bool:
        try:
            if loop.run():
                self.wake(name for name in self._loops if name != loop.name)
        except InterlockError as error:
            log.warning("loop %s: %s", loop.name, error)
            return False
        except Exception:
            log.exception("loop %s failed", loop.name)
            return False
        return True
