"""What wants to be looked at, by key: ``("deliver", "dev")``, ``("build", "payments")``, ``("sync", "payments-prod")``.

A key says where to look and never what was found there, so adding one twice is adding it once, and a key that was lost
with the process comes back with the resync. Pure: time and chance are handed in. The first word of a key is its loop.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable

Key = tuple[str, ...]

FIRST_RETRY = 0.5
LONGEST_RETRY = 60.0
"""Seconds."""


def backoff(failures: int, chance: float) -> float:
    """Seconds until the next try after so many failures in a row; ``chance`` in [0, 1) spreads them by a quarter."""
    delay = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** min(failures - 1, 30))
    return delay * (1 - chance / 4)


class Queue:
    """Keys that wait, each once, and keys in work. A key that fails waits longer each time, and holds up no other."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._order = itertools.count()
        self._heaps: defaultdict[str, list[tuple[float, int, Key]]] = defaultdict(list)
        self._due: dict[Key, float] = {}
        self._again: dict[Key, float] = {}
        """Keys in work -> when they are due again; infinity for: not by what was said until now."""
        self._woken: set[Key] = set()
        self._failures: dict[Key, int] = {}

    def add(self, key: Key, now: float, *, after: float = 0.0) -> None:
        """Look at ``key`` in ``after`` seconds, or earlier if that was said. One that failed keeps its time."""
        if key in self._again:
            self._again[key] = min(self._again[key], now + after)
        elif key not in self._failures:
            self._push(key, min(self._due.get(key, now + after), now + after))

    def wake(self, key: Key, now: float, *, after: float = 0.0) -> None:
        """The same for a key that something happened to: its failures are forgotten."""
        self._failures.pop(key, None)
        if key in self._again:
            self._woken.add(key)
        self.add(key, now, after=after)

    def take(self, loop: str, now: float) -> Key | None:
        """The loop's key that is due for longest; nobody else gets it before `done`."""
        heap = self._heaps[loop]
        while heap and heap[0][0] <= now:
            due, _, key = heapq.heappop(heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._again[key] = float("inf")
                return key
        return None

    def done(self, key: Key, now: float, *, failed: bool = False, again: float | None = None) -> None:
        """``key`` was looked at. ``again``: seconds until it wants to be, whatever happens; a failure always wants."""
        due, woken = self._again.pop(key), key in self._woken
        self._woken.discard(key)
        if failed and not woken:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self._push(key, now + backoff(failures, self._chance()))
            return
        self._failures.pop(key, None)
        if failed:
            again = 0.0
        due = min(due, float("inf") if again is None else now + again)
        if due < float("inf"):
            self._push(key, due)

    def wait(self, loop: str, now: float) -> float | None:
        """Seconds until a key of the loop is due; None while none waits."""
        heap = self._heaps[loop]
        while heap and self._due.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return max(0.0, heap[0][0] - now) if heap else None

    def __len__(self) -> int:
        """How many wait or are in work."""
        return len(self._due) + len(self._again)

    def _push(self, key: Key, due: float) -> None:
        if self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heaps[key[0]], (due, next(self._order), key))
