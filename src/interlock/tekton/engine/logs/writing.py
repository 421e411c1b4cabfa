"""Logs of containers: written once, followed by any number of readers that wake when something was written.

A log is the plain bytes that the container wrote (masked before they come here). Beside ``<name>.log`` lies
``<name>.log.times``: records of 16 bytes, offset and nanoseconds since 1970, both big-endian, one for each write; the
bytes from that offset on arrived then. So a log needs no format of its own and still has a time for every line.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from interlock.tekton.engine.storage import Storage

_RECORD = struct.Struct(">QQ")
_RESOLUTION = 1_000_000
"""Writes within a millisecond share a record."""


def path_of(storage: Storage, namespace: str, task_run: str, container: str, retries: int = 0) -> Path:
    """Where the log of a pod's container lies: a step's of the first attempt at `Storage.log`."""
    name = container.removeprefix("step-")
    path = storage.log(namespace, task_run, name if name != container else container.removeprefix("sidecar-"))
    if name == container:
        path = path.parent / "sidecars" / path.name
    return path if not retries else path.parent / f"retry{retries}" / path.name


class Board:
    """Which logs may still grow, and who waits for them. One for a process: `BOARD`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: Counter[Path] = Counter()
        self._expected: set[Path] = set()
        self._waiting: dict[Path, set[int]] = {}
        self._closed = False

    def growing(self, path: Path) -> bool:
        """Whether more may come: somebody writes it, or its container has not ended. Ask before reading the rest."""
        with self._lock:
            return not self._closed and (self._written[path] > 0 or path in self._expected)

    def expect(self, path: Path) -> None:
        """The log's container exists and has not ended, whether or not it has written yet."""
        with self._lock:
            self._expected.add(path)

    def end(self, path: Path) -> None:
        """The log's container has ended."""
        with self._lock:
            self._expected.discard(path)
        self.wake(path)

    def opened(self, path: Path) -> None:
        with self._lock:
            self._written[path] += 1

    def closed(self, path: Path) -> None:
        with self._lock:
            self._written[path] -= 1
            if self._written[path] <= 0:
                del self._written[path]
        self.wake(path)

    def wake(self, path: Path) -> None:
        """Tell the log's followers to look again."""
        # A writer writes, then looks here; a follower registers, then reads: one of the two sees the other.
        if path in self._waiting:
            with self._lock:
                for descriptor in self._waiting.get(path, ()):
                    os.eventfd_write(descriptor, 1)

    def close(self) -> None:
        """Nothing grows any more: every follower reads to the end and leaves."""
        with self._lock:
            self._closed = True
            for descriptors in self._waiting.values():
                for descriptor in descriptors:
                    os.eventfd_write(descriptor, 1)

    @contextlib.contextmanager
    def following(self, path: Path) -> Iterator[int]:
        """A descriptor (eventfd) that becomes readable when there may be more."""
        descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        with self._lock:
            self._waiting.setdefault(path, set()).add(descriptor)
        try:
            yield descriptor
        finally:
            with self._lock:
                self._waiting[path].discard(descriptor)
                if not self._waiting[path]:
                    del self._waiting[path]
            os.close(descriptor)


BOARD = Board()


class LogWriter:
    """Appends to a log and tells its followers. Write what may be seen: masking comes before. Not for two threads.

    The files are made by the first write, not before: making them takes as long as starting a process.
    """

    def __init__(self, path: Path, *, board: Board = BOARD, clock: Callable[[], int] = time.time_ns) -> None:
        self._path, self._board, self._clock = path, board, clock
        self._log = self._times = -1
        self._offset = self._last = 0
        self._closed = False
        board.opened(path)

    def write(self, data: bytes) -> int:
        """Raises OSError when the disk takes no more."""
        if data:
            self.open()
            now = self._clock()
            if now - self._last >= _RESOLUTION:
                # First: bytes without a time are never seen.
                _all(self._times, _RECORD.pack(self._offset, now))
                self._last = now
            _all(self._log, data)
            self._offset += len(data)
            self._board.wake(self._path)
        return len(data)

    def open(self) -> None:
        """Make the files now, for a container that may say nothing."""
        if self._log >= 0:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._log = os.open(self._path, flags, 0o600)
        self._times = os.open(times_of(self._path), flags, 0o600)
        self._offset = os.fstat(self._log).st_size

    def flush(self) -> None:
        """Everything written is in the file already."""

    def close(self) -> None:
        for descriptor in (self._log, self._times):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self._times = -1
        if not self._closed:
            self._closed = True
            self._board.closed(self._path)

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def times_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.times")


class Times:
    """When the bytes of a log arrived; grows with it."""

    def __init__(self, path: Path) -> None:
        self._path = times_of(path)
        self._log = path
        self._read = 0
        self._offsets: list[int] = []
        self._moments: list[int] = []

    def refresh(self) -> None:
        """Take in what was written since."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        whole = len(data) // _RECORD.size * _RECORD.size
        self._read += whole
        for offset, moment in _RECORD.iter_unpack(data[:whole]):
            self._offsets.append(offset)
            # A clock that was set back must not undo the order.
            self._moments.append(max(moment, self._moments[-1] if self._moments else 0))

    def of(self, offset: int) -> int:
        """Nanoseconds since 1970 of the byte at ``offset``; of a log without records, its last change."""
        at = bisect.bisect_right(self._offsets, offset) - 1
        if at >= 0:
            return self._moments[at]
        return self._moments[0] if self._moments else self._log.stat().st_mtime_ns

    def since(self, moment: int) -> int | None:
        """Offset from which on everything arrived at ``moment`` or later; None if nothing did."""
        at = bisect.bisect_left(self._moments, moment)
        if at < len(self._offsets):
            return self._offsets[at]
        return None
