"""A work queue of keys: each key is worked on by one worker at a time, many wake-ups are one, and wake-ups can wait.

The shape of client-go's workqueue.DelayingInterface.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable


class Queue:
    """Thread-safe. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._working: set[str] = set()
        self._again: dict[str, float] = {}
        self._closed = False

    def add(self, key: str, after: float = 0.0) -> None:
        """Have ``key`` worked on in ``after`` seconds, or earlier when an earlier wake-up is known."""
        due = self._clock() + max(0.0, after)
        with self._condition:
            if key in self._working:
                self._again[key] = min(due, self._again.get(key, due))
                return
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, key))
                self._condition.notify()

    def take(self) -> str | None:
        """The next key that is due; waits for it. None once the queue is closed. Say `done` afterwards."""
        with self._condition:
            while not self._closed:
                while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
                    heapq.heappop(self._heap)
                if not self._heap:
                    self._condition.wait()
                    continue
                due, key = self._heap[0]
                wait = due - self._clock()
                if wait > 0:
                    self._condition.wait(wait)
                    continue
                heapq.heappop(self._heap)
                del self._due[key]
                self._working.add(key)
                return key
            return None

    def done(self, key: str) -> None:
        """The worker has finished with ``key``; what was added meanwhile counts now."""
        with self._condition:
            self._working.discard(key)
            due = self._again.pop(key, None)
        if due is not None:
            self.add(key, due - self._clock())

    def close(self) -> None:
        """Wake every worker with None."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
