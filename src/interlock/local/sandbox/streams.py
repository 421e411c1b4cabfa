"""A step's output: masked into its log up to a limit and, where the step asks for it, as it is into a file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Protocol

from interlock.errors import RefusedError, UnsupportedError
from interlock.local.sandbox import beneath
from interlock.local.sandbox.view import Bind, View

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Streams:
    """Paths, as the step sees them, to which its output is appended (``stdoutConfig``, ``stderrConfig``)."""

    stdout: str = ""
    stderr: str = ""


NO_COPIES = Streams()


class Sink(Protocol):
    """What takes a log's bytes: a file, or `logs.LogWriter`."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Mask(Protocol):
    """What takes secrets out of a stream: `feed` gives what may be shown now, `flush` the rest (`masking.Masker`)."""

    def feed(self, chunk: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...

    def fresh(self) -> Mask:
        """Another, for a second stream."""


class Log:
    """Where masked output goes; of more than ``limit`` bytes it says so and keeps no more."""

    def __init__(self, file: Sink, limit: int) -> None:
        self._file = file
        self._left = limit
        self._limit = limit

    def write(self, data: bytes) -> None:
        if not data or self._left < 0:
            return
        if len(data) > self._left:
            self._file.write(data[: self._left])
            self._file.write(f"\n[interlock.local] output beyond {self._limit} bytes is not kept\n".encode())
            self._left = -1
        else:
            self._file.write(data)
            self._left -= len(data)
        self._file.flush()


class Output:
    """One stream: ``descriptor`` is read by `ready` until it ends."""

    def __init__(self, descriptor: int, log: Log, masker: Mask, copy: int | None) -> None:
        self.descriptor = descriptor
        self._log = log
        self._masker = masker
        self._copy = copy
        self.problem: OSError | None = None
        """Why the log, or the copy, is not whole."""

    def ready(self) -> bool:
        """Take what is there; False at the end. What cannot be written is a problem, never a reason not to read."""
        data = os.read(self.descriptor, _CHUNK)
        self._to_log(self._masker.feed(data) if data else self._masker.flush())
        if self._copy is not None and data:
            self._to_copy(self._copy, data)
        return bool(data)

    def _to_log(self, data: bytes) -> None:
        try:
            self._log.write(data)
        except OSError as error:
            self.problem = self.problem or error

    def _to_copy(self, copy: int, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(copy, data) :]
        except OSError as error:
            self.problem = self.problem or error
            self._copy = None
            os.close(copy)
            self._to_log(f"[interlock.local] cannot write the copy of the output: {error.strerror}\n".encode())

    def close(self) -> None:
        os.close(self.descriptor)
        if self._copy is not None:
            os.close(self._copy)
            self._copy = None


def open_copy(view: View, path: str) -> int:
    """A descriptor that appends to the file at ``path`` inside; its folders are made (pkg/entrypoint/runner).

    Raises RefusedError ``path-climbs`` where a link leads anywhere, or something that is no plain file is there;
    UnsupportedError ``stream-outside-volumes`` where no writable volume is.
    """
    around = [mount for mount in view.mounts if path.startswith(mount.target + "/")]
    volume = max(around, key=lambda item: len(item.target), default=None)
    if not isinstance(volume, Bind) or volume.read_only:
        raise UnsupportedError(
            "stream-outside-volumes",
            f"the output can only be copied to a file in a volume, a workspace or /tekton/results: {path}",
            got=path,
        )
    inside = path.removeprefix(volume.target + "/")
    parent, _, name = f"{volume.sub_path}/{inside}".lstrip("/").rpartition("/")
    folder = beneath.folder(volume.source, parent)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    except OSError as error:
        raise RefusedError("path-climbs", "not a plain file inside its volume", got=path) from error
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RefusedError("path-climbs", "not a plain file inside its volume", got=path)
    return descriptor
