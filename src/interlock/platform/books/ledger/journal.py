"""The ledger's files: its lines, which are only ever added, and the checkpoint beside them.

An entry is acknowledged after one write and one fdatasync of its line. The checkpoint is replaced and not synced (but
for the first one): entries past it prove themselves, so that after a loss of power an older one will do, and an empty
one, which is what some file systems leave, is made again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from interlock.clients import files
from interlock.errors import InterlockError, UnreachableError

State = tuple[int, int, int]
"""Which file it is (inode), its length, and when it was last written to (nanoseconds)."""

_LINE = 4096
"""Most lines are shorter."""

_SECTOR = 512
"""What a disk writes wholly or not at all."""


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path.with_name(path.name + ".checkpoint")
        self.tiles = path.with_name(path.name + ".tiles")
        self._scratch = path.with_name(f".{path.name}.checkpoint.new")
        self._lock = path.with_name(path.name + ".lock")

    def state(self) -> State | None:
        return state(self.path)

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``, or what there is of them."""
        with suppress(FileNotFoundError), self.path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, offset)
        return b""

    def line(self, offset: int) -> bytes:
        """The line, or the rest of it, that stands there, without its newline; empty when there is none."""
        length = _LINE
        while True:
            data = self.read(offset, length)
            line, newline, _ = data.partition(b"\n")
            if newline or len(data) < length:
                return line if newline else b""
            length *= 4

    def lines(self, offset: int = 0) -> Iterator[bytes]:
        """The lines from ``offset`` on, without their newlines. What is not terminated is not a line: nobody
        acknowledged it, and somebody may be writing it."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def signed(self) -> bytes | None:
        """The checkpoint; None when there is none. Read until it stays the same: it is written over."""
        found: bytes | None = b""
        again = self._signed()
        while found != again:
            found, again = again, self._signed()
        return found

    def append(self, line: bytes) -> None:
        """Add ``line`` and its newline durably. What could not be written whole is taken away again.

        Raises UnreachableError ``ledger-unwritable``.
        """
        with _writable(self.path):
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            end = os.lseek(handle, 0, os.SEEK_END)
            try:
                write(handle, line + b"\n")
                os.fdatasync(handle)
                if end == 0:
                    files.sync_folder(self.path.parent)
            except OSError:
                os.ftruncate(handle, end)
                raise
            finally:
                os.close(handle)

    def cut(self, offset: int) -> None:
        """Take away what stands after ``offset``. Raises UnreachableError ``ledger-unwritable``."""
        with _writable(self.path), self.path.open("r+b") as file:
            file.truncate(offset)
            os.fsync(file.fileno())

    def acknowledge(self, checkpoint: bytes, before: bytes | None) -> None:
        """Let ``checkpoint`` hold in place of the one that was there ``before``.

        One of the same length is written over it: that is one write within one sector, and spares the file system
        what a new file costs it at each sync. Raises UnreachableError ``ledger-unwritable``.
        """
        with _writable(self.checkpoint):
            if before is None:
                files.write_durably(self.checkpoint, checkpoint)
                return
            over = len(before) == len(checkpoint) <= _SECTOR
            handle = os.open(self.checkpoint if over else self._scratch, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                if not over:
                    os.ftruncate(handle, 0)
                write(handle, checkpoint)
            finally:
                os.close(handle)
            if not over:
                self._scratch.rename(self.checkpoint)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One writer at a time, among all processes. Raises UnreachableError ``ledger-unwritable``."""
        with _writable(self._lock):
            try:
                lock = os.open(self._lock, os.O_WRONLY | os.O_CREAT, 0o644)
            except FileNotFoundError:
                files.make_folder(self.path.parent)
                lock = os.open(self._lock, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _signed(self) -> bytes | None:
        try:
            return self.checkpoint.read_bytes()
        except FileNotFoundError:
            return None


def state(path: Path) -> State | None:
    """None when there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def write(handle: int, data: bytes | bytearray) -> None:
    """All of ``data``, however many writes it takes."""
    while data:
        data = data[os.write(handle, data) :]


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except InterlockError:
        raise
    except OSError as error:
        raise UnreachableError(
            "ledger-unwritable",
            "the ledger cannot be written",
            got=error.strerror or type(error).__name__,
            where=str(path),
            todo="make room, or mend the disk, and do it again: nothing is written twice",
        ) from error
