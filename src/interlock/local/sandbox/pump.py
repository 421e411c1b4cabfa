"""One thread that serves the processes which nobody waits for: sidecars' output and ends."""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol


class Served(Protocol):
    """As `process.Process`."""

    handlers: dict[int, Callable[[], bool]]

    def finish(self) -> None: ...


class Pump:
    """Event driven; its thread starts with the first process, and `close` ends it when the last has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: deque[Served] = deque()
        self._wake = -1
        self._thread: threading.Thread | None = None
        self._closing = False

    def add(self, process: Served) -> None:
        with self._lock:
            self._new.append(process)
            if self._thread is None:
                self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
                self._thread = threading.Thread(target=self._serve, name="pump", daemon=True)
                self._thread.start()
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Returns when every process that was added has ended."""
        with self._lock:
            self._closing = True
        if self._thread is not None:
            os.eventfd_write(self._wake, 1)
            self._thread.join()
            os.close(self._wake)
            self._thread = None

    def _serve(self) -> None:
        left: dict[Served, int] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        with contextlib.suppress(BlockingIOError):
                            os.eventfd_read(self._wake)
                        continue
                    process, handler = key.data
                    if not handler():
                        selector.unregister(key.fd)
                        left[process] -= 1
                        if not left[process]:
                            del left[process]
                            process.finish()
                with self._lock:
                    added, self._new = list(self._new), deque()
                    ended = self._closing and not left and not added
                for process in added:
                    left[process] = len(process.handlers)
                    for descriptor, handler in process.handlers.items():
                        selector.register(descriptor, selectors.EVENT_READ, (process, handler))
                if ended:
                    return
