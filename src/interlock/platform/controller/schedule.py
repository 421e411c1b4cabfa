"""Runs loops side by side, key by key: woken, tried again after a failure, and found by the resync."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from interlock.errors import InterlockError
from interlock.platform.controller.guard import Guard
from interlock.platform.controller.queue import Key, Queue

log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.1
"""After a wake-up: what comes in a burst (a push tells several webhooks) leads to one round."""
_LEASE_SECONDS = 1.0
"""How often is looked whether the lease is ours again."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a loop says of a key that it has looked at."""

    wake: tuple[Key, ...] = ()
    """Keys that something was done to."""
    again: float | None = None
    """Seconds until this key wants to be looked at, though nothing wakes it."""
    unanswered: bool = False
    """A system did not answer: the key is tried again as after a failure."""


class Loop(Protocol):
    """One level-triggered loop."""

    @property
    def name(self) -> str: ...

    def keys(self) -> Iterable[Key]:
        """Everything that it is responsible for and that it does not know to be settled."""
        ...

    def run(self, key: Key) -> Done:
        """Look at ``key`` and act. What it raises is logged, and the key is tried again."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """The newest look of a loop at one of its keys."""

    key: Key
    started: datetime
    ended: datetime | None = None
    outcome: str = "running"


class Schedule:
    """Loops with one thread each. ``active`` says whether this process may act (it holds the lease)."""

    def __init__(
        self,
        loops: Sequence[Loop],
        *,
        resync: float,
        active: Callable[[], bool],
        now: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``resync``: seconds after which a loop's keys are all added once more."""
        self._loops, self._resync, self._active, self._now = tuple(loops), resync, active, now
        self._queue, self._changed = Queue(chance), threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._rounds: dict[str, Round] = {}
        self._finished: dict[str, datetime] = {}

    def start(self, guard: Guard) -> None:
        self.wake([(loop.name,) for loop in self._loops])
        self._threads = [guard.start(loop.name, lambda loop=loop: self._serve(loop)) for loop in self._loops]  # type: ignore[misc]

    def stop(self, timeout: float = 3.0) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wake(self, keys: Iterable[Key] | None = None) -> None:
        """Look at these keys as soon as their loops are free. A loop's name alone stands for all that it finds; that is
        also what None asks of every loop. Keys of unknown loops are never looked at."""
        with self._changed:
            for key in [(loop.name,) for loop in self._loops] if keys is None else keys:
                self._queue.wake(key, time.monotonic(), after=_GATHER_SECONDS)
            self._changed.notify_all()

    def rounds(self) -> dict[str, tuple[Round | None, datetime | None]]:
        """By loop: its newest round, and when one ended last."""
        with self._changed:
            return {loop.name: (self._rounds.get(loop.name), self._finished.get(loop.name)) for loop in self._loops}

    def _serve(self, loop: Loop) -> None:
        while (key := self._next(loop)) is not None:
            with self._changed:
                self._rounds[loop.name] = Round(key, self._now())
            done, outcome = self._round(loop, key)
            with self._changed:
                at, now = time.monotonic(), self._now()
                self._rounds[loop.name] = replace(self._rounds[loop.name], ended=now, outcome=outcome)
                self._finished[loop.name] = now
                self._queue.done(key, at, failed=done is None or done.unanswered, again=done.again if done else None)
                for other in done.wake if done else ():
                    self._queue.wake(other, at)
                self._changed.notify_all()

    def _next(self, loop: Loop) -> Key | None:
        """The next key that is due, waited for; None when the schedule stops."""
        with self._changed:
            while not self._stopped:
                active = self._active()
                if active and (key := self._queue.take(loop.name, time.monotonic())) is not None:
                    return key
                self._changed.wait(self._queue.wait(loop.name, time.monotonic()) if active else _LEASE_SECONDS)
        return None

    def _round(self, loop: Loop, key: Key) -> tuple[Done | None, str]:
        """What it says, None for a failure, and the same in a word."""
        try:
            if key != (loop.name,):
                return loop.run(key), "ok"
            found = list(loop.keys())
            with self._changed:
                for item in found:
                    self._queue.add(item, time.monotonic())
            return Done(again=self._resync), "ok"
        except InterlockError as error:
            log.warning("%s: %s", "/".join(key), error)
            return None, error.code
        except Exception as error:
            log.exception("%s failed", "/".join(key))
            return None, type(error).__name__
