"""What the objects of a repository are and hold, from one ``git cat-file --batch-command`` that stays.

The child is started at the first question and again whenever it has died; git looks for new packs and refs when
asked for what it does not know. It only reads, so that it may be killed at any moment.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from interlock.clients.git import binary
from interlock.errors import InputError, UnreachableError

MAX_CHILDREN = 32
"""In one process: where another starts, the oldest ends."""
_WORDS = ("cat-file", "--batch-command")
_PIPE_BYTES = 4096
"""What the smallest pipe takes at once (pipe(7)): more could wait for a child that waits for us to read."""


@dataclass(frozen=True, slots=True)
class Object:
    """``type`` is ``commit``, ``tree``, ``blob`` or ``tag``; ``size`` in bytes; ``data`` where it was asked for."""

    id: str
    type: str
    size: int
    data: bytes = b""


class Batch:
    """Thread-safe. ``extra``: variables for git. The child ends with `close`, this object, or the interpreter."""

    def __init__(self, path: Path, extra: Mapping[str, str]) -> None:
        self._path = path
        self._extra = extra
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._finalizer: weakref.finalize[[], Batch] | None = None

    @property
    def running(self) -> bool:
        return self._child is not None

    def info(self, names: Sequence[str]) -> list[Object | None]:
        """What each of these names (gitrevisions(7)) is; None for what does not exist or is ambiguous."""
        return self._ask("info", names)

    def contents(self, ids: Sequence[str]) -> list[Object | None]:
        """The objects of these ids, with their data; None for what does not exist."""
        return self._ask("contents", ids)

    def close(self) -> None:
        """End the child. The next question starts another."""
        with self._lock:
            self._end()

    def rest(self) -> bool:
        """`close`, unless somebody is asking: then False."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._end()
        finally:
            self._lock.release()
        return True

    def _ask(self, verb: str, names: Sequence[str]) -> list[Object | None]:
        """Raises UnreachableError ``git-unreachable`` for a child that stands still, else as `binary.run`."""
        lines = [f"{verb} {name}\n".encode() for name in names]
        with self._lock:
            for _ in range(2):
                try:
                    child = self._child or self._start()
                    return [answer for chunk in _chunks(lines) for answer in child.ask(chunk)]
                except (_Ended, FileNotFoundError, NotADirectoryError, BrokenPipeError):
                    self._end()
                except BaseException:
                    # The next question must not read the rest of this answer.
                    self._end()
                    raise
        # A process of its own says why.
        variables = {**binary.place(self._path), **self._extra}
        binary.run(_WORDS, folder=self._path, stdin=b"".join(lines), extra=variables)
        raise InputError("git-failed", "git cat-file ended without an answer", where=str(self._path))

    def _start(self) -> _Child:
        child = self._child = _Child(self._path, {**binary.environment(), **binary.place(self._path), **self._extra})
        self._finalizer = weakref.finalize(self, child.end)
        _limit(self)
        return child

    def _end(self) -> None:
        self._child = None
        if self._finalizer is not None:
            self._finalizer()


class _Ended(Exception):
    pass


class _Child:
    """The process and what of its answers is not read yet."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            binary.command(_WORDS),
            cwd=path,
            env=environment,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101 - started with pipes
        self._in, self._out = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._read = bytearray()

    def ask(self, lines: Sequence[bytes]) -> list[Object | None]:
        self._in.write(b"".join(lines))
        return [self._answer(with_data=line.startswith(b"contents ")) for line in lines]

    def _answer(self, *, with_data: bool) -> Object | None:
        while (end := self._read.find(b"\n")) < 0:
            self._more()
        words = self._take(end + 1).decode(errors="replace").split()
        if words[-1] in ("missing", "ambiguous"):
            return None
        object_id, kind, size = words
        return Object(object_id, kind, int(size), self._take(int(size) + 1)[:-1] if with_data else b"")

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        taken = bytes(self._read[:size])
        del self._read[:size]
        return taken

    def _more(self) -> None:
        if not self._poll.poll(binary.LOCAL_TIMEOUT * 1000):
            message = f"git cat-file took longer than {binary.LOCAL_TIMEOUT:g} s"
            raise UnreachableError("git-unreachable", message)
        piece = os.read(self._out.fileno(), 1 << 20)
        if not piece:
            raise _Ended
        self._read += piece

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()


def _chunks(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Lines that fit into `_PIPE_BYTES` together."""
    chunk: list[bytes] = []
    for line in lines:
        if chunk and sum(map(len, chunk)) + len(line) > _PIPE_BYTES:
            yield chunk
            chunk = []
        chunk.append(line)
    if chunk:
        yield chunk


_guard = threading.Lock()
_running: list[weakref.ref[Batch]] = []
"""The oldest first."""


def _limit(started: Batch) -> None:
    """Count ``started``, and let the oldest rest when there are too many; not those that are busy."""
    with _guard:
        others = [item for item in _running if (batch := item()) and batch.running and batch is not started]
        excess = len(others) + 1 - MAX_CHILDREN
        for item in others[: max(0, excess)]:
            if (batch := item()) is None or batch.rest():
                others.remove(item)
        _running[:] = [*others, weakref.ref(started)]
