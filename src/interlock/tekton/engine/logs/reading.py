"""Reading a container's log as the kubelet does (pkg/kubelet/kuberuntime/logs): a part of it, and what is added."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from interlock.errors import InputError
from interlock.tekton.engine.logs import BOARD, Board, Times

_CHUNK = 64 * 1024
_LONGEST_LINE = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Options:
    """PodLogOptions (core/v1); ``since`` is nanoseconds since 1970."""

    follow: bool = False
    tail: int | None = None
    limit: int | None = None
    since: int | None = None
    timestamps: bool = False
    previous: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str], now: datetime) -> Options:
        """The query of a request. Raises InputError ``log-options`` in the words of core/validation."""
        since = _since(query, now)
        return cls(
            follow=_flag(query, "follow"),
            tail=_number(query, "tailLines", least=0),
            limit=_number(query, "limitBytes", least=1),
            since=None if since is None else (since - _EPOCH) // timedelta(microseconds=1) * 1000,
            timestamps=_flag(query, "timestamps"),
            previous=_flag(query, "previous"),
        )


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1", "t")


def _number(query: Mapping[str, str], name: str, *, least: int) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < least:
        raise InputError("log-options", f'{name}: Invalid value: "{text}": must be greater than or equal to {least}')
    return int(text)


def _since(query: Mapping[str, str], now: datetime) -> datetime | None:
    seconds, moment = _number(query, "sinceSeconds", least=1), query.get("sinceTime", "")
    if seconds is not None and moment:
        raise InputError("log-options", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    if not moment:
        return None
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        raise InputError("log-options", f'sinceTime: Invalid value: "{moment}": must be RFC 3339') from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read(
    path: Path, options: Options, gone: Callable[[int], bool], *, board: Board = BOARD
) -> Generator[bytes, None, None]:
    """The chunks of a log; with ``follow`` until its container has ended.

    ``gone`` waits until the descriptor that it is given is readable; True means that the reader has left. A log that
    is not there (yet) is empty.
    """
    reading = _Reading(path, options)
    left = options.limit
    try:
        for chunk in _chunks(reading, options, gone, board):
            part = chunk if left is None else chunk[:left]
            if part:
                yield part
            if left is not None:
                left -= len(part)
                if not left:
                    return
    finally:
        reading.close()


def _chunks(reading: _Reading, options: Options, gone: Callable[[int], bool], board: Board) -> Iterator[bytes]:
    if not options.follow:
        yield from reading.more()
        yield reading.rest()
        return
    with board.following(reading.path) as descriptor:
        while True:
            # Asked first: what is read afterwards is all there is.
            growing = board.growing(reading.path)
            yield from reading.more()
            if not growing:
                yield reading.rest()
                return
            if gone(descriptor):
                return
            _drain(descriptor)


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.eventfd_read(descriptor)


class _Reading:
    """A position in a log that may still have no file."""

    def __init__(self, path: Path, options: Options) -> None:
        self.path = path
        self._options = options
        self._times = Times(path)
        self._file: BinaryIO | None = None
        self._position = 0
        self._line = b""
        """The start of a line whose end has not been written, where lines are given their time."""
        self._shown = -1, b""
        """The time shown last: the lines of one write share it."""

    def more(self) -> Iterator[bytes]:
        """Everything that was written since the last call."""
        if self._file is None:
            try:
                self._file = self.path.open("rb")
            except FileNotFoundError:
                return
            self._times.refresh()
            self._position = self._start(self._file)
        self._file.seek(self._position)
        while data := self._file.read(_CHUNK):
            self._position += len(data)
            yield self._stamped(data) if self._options.timestamps else data

    def rest(self) -> bytes:
        """The last line, if it was never ended."""
        line, self._line = self._line, b""
        return self._prefix(self._position - len(line)) + line if line else b""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _stamped(self, data: bytes) -> bytes:
        self._times.refresh()
        start = self._position - len(data) - len(self._line)
        *whole, self._line = (self._line + data).split(b"\n")
        parts = []
        for line in whole:
            parts.append(self._prefix(start) + line + b"\n")
            start += len(line) + 1
        if len(self._line) > _LONGEST_LINE:
            parts.append(self._prefix(start) + self._line + b"\n")
            self._line = b""
        return b"".join(parts)

    def _prefix(self, offset: int) -> bytes:
        when = self._times.of(offset)
        if when != self._shown[0]:
            seconds, nanoseconds = divmod(when, 10**9)
            moment = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
            self._shown = when, f"{moment}.{nanoseconds:09d}Z ".encode()
        return self._shown[1]

    def _start(self, file: BinaryIO) -> int:
        start = 0
        size = file.seek(0, 2)
        if self._options.since is not None:
            found = self._times.since(self._options.since)
            start = size if found is None else _line_start(file, found, size)
        if self._options.tail is not None:
            start = max(start, _tail(file, size, self._options.tail))
        return start


def _line_start(file: BinaryIO, offset: int, size: int) -> int:
    """The first line that begins at ``offset`` or later."""
    if offset == 0:
        return 0
    position = offset - 1
    file.seek(position)
    while data := file.read(_CHUNK):
        at = data.find(b"\n")
        if at >= 0:
            return position + at + 1
        position += len(data)
    return size


def _tail(file: BinaryIO, size: int, lines: int) -> int:
    """Where the last ``lines`` lines begin; a last one without its end counts."""
    if lines == 0:
        return size
    position, found = size, 0
    while position > 0:
        begin = max(0, position - _CHUNK)
        file.seek(begin)
        data = file.read(position - begin)
        at = len(data)
        while (at := data.rfind(b"\n", 0, at)) >= 0:
            # The newline that ends the log begins no line.
            if begin + at + 1 < size:
                found += 1
                if found == lines:
                    return begin + at + 1
        position = begin
    return 0


def waiting_on(connection: int) -> Callable[[int], bool]:
    """``gone`` of a reader at the other end of a socket: it sends nothing more, so what can be read is its end."""
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLHUP)

    def gone(descriptor: int) -> bool:
        poll.register(descriptor, select.POLLIN)
        try:
            return any(ready == connection for ready, _ in poll.poll())
        finally:
            poll.unregister(descriptor)

    return gone
