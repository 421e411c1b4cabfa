"""Threads that this process cannot do without: the end of one is the end of the process, never a silence.

Whoever supervises the process starts it anew, and every loop goes on from what the world says. A thread that was lost
and not noticed would leave a controller that stands still and calls itself healthy.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from interlock.clients import process

log = logging.getLogger(__name__)


class Guard:
    """Starts threads and waits for the first that ends before `stop`. Thread-safe."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._stopped = False
        self._dead: list[str] = []

    def start(self, name: str, serve: Callable[[], object]) -> threading.Thread:
        """A thread that runs ``serve`` until the process stops."""
        thread = threading.Thread(target=self._run, args=(name, serve), name=name, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """From now on threads may end. May be called in a signal handler."""
        self._stopped = True
        self._over.set()

    def wait(self) -> tuple[str, ...]:
        """Until `stop`, or until a thread has ended by itself. Returns the names of those that did."""
        process.wait_for(self._over)
        self._stopped = True
        return self.dead

    @property
    def dead(self) -> tuple[str, ...]:
        """Threads that ended though nobody had stopped them."""
        return tuple(self._dead)

    def _run(self, name: str, serve: Callable[[], object]) -> None:
        try:
            serve()
        except BaseException:  # SystemExit is what a server raises that cannot listen
            log.exception("thread %s failed", name)
        if not self._stopped:
            log.critical("thread %s has ended: so does the controller", name)
            self._dead.append(name)
            self._over.set()
