"""A work queue of keys: a key is handled once at a time, again when it was added meanwhile, later when that failed."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 30.0

Key = tuple[str, ...]
Handle = Callable[[Key], Awaitable[float | None]]
"""Handles a key; returns the seconds after which to look again, or None."""


class WorkQueue:
    """Sleeps until there is a key. Runs on the event loop."""

    def __init__(self, name: str, handle: Handle, *, workers: int = 1) -> None:
        self._name = name
        self._handle = handle
        self._workers = workers
        self._busy: set[Key] = set()
        self._keys: dict[Key, None] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._ready = asyncio.Event()

    def add(self, *key: str) -> None:
        """Handle ``key`` soon."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._keys[key] = None
        self._ready.set()

    def add_later(self, seconds: float, *key: str) -> None:
        """Handle ``key`` after ``seconds``, unless it is added before."""
        old = self._timers.pop(key, None)
        if old is not None:
            old.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, *key)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await asyncio.gather(*(self._work() for _ in range(self._workers)))
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _work(self) -> None:
        while True:
            await self._ready.wait()
            key = next((key for key in self._keys if key not in self._busy), None)
            if key is None:
                self._ready.clear()
                continue
            del self._keys[key]
            self._busy.add(key)
            try:
                await self._one(key)
            finally:
                self._busy.discard(key)
                self._ready.set()  # the key may have been added meanwhile
            await asyncio.sleep(0)  # requests come between

    async def _one(self, key: Key) -> None:
        try:
            again = await self._handle(key)
        except Exception:
            print(f"kubernetes: {self._name} failed on {'/'.join(key)}", file=sys.stderr)
            traceback.print_exc()
            self._failures[key] = self._failures.get(key, 0) + 1
            again = min(_FIRST_WAIT * 2 ** self._failures[key], _LONGEST_WAIT)
        else:
            self._failures.pop(key, None)
        if again is not None and key not in self._keys:
            self.add_later(again, *key)
