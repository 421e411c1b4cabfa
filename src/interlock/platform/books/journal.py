"""The ledger's file. Lines are only ever added at its end, each with one write and one fdatasync."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from interlock.clients import files
from interlock.errors import UnreachableError


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(path.name + ".lock")

    def state(self) -> tuple[int, int, int] | None:
        """Which file it is, its length, and when it was last written to; None when there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def read(self, offset: int, length: int = -1) -> bytes:
        """``length`` bytes from ``offset``, or what there is of them; by default all up to the end."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError:
            return b""

    def lines(self, offset: int = 0) -> Iterator[bytes]:
        """The lines from ``offset`` on, without their newlines. What is not terminated is not a line: nobody
        acknowledged it, and somebody may be writing it."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def append(self, line: bytes) -> None:
        """Add ``line`` and its newline durably. What could not be written whole is taken away again.

        Raises UnreachableError ``ledger-unwritable``.
        """
        fresh = not self.path.exists()
        try:
            with self.path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    _write(file.fileno(), line + b"\n")
                    os.fdatasync(file.fileno())
                except OSError:
                    file.truncate(end)
                    raise
            if fresh:
                files.sync_folder(self.path.parent)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def cut(self, offset: int) -> None:
        """Take away what stands after ``offset``."""
        with self.path.open("r+b") as file:
            file.truncate(offset)
            os.fsync(file.fileno())

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One writer at a time, among all processes."""
        files.make_folder(self.path.parent)
        with self._lock.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def unwritable(path: Path, error: OSError) -> UnreachableError:
    return UnreachableError(
        "ledger-unwritable",
        "the ledger cannot be written",
        got=error.strerror or type(error).__name__,
        where=str(path),
        todo="make room, or mend the disk, and do it again: nothing is written twice",
    )


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
