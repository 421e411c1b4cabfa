"""A sandbox about to be started: its arguments, what it inherits, and the gate that holds its command back."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import RefusedError
from interlock.local.sandbox import inside

_GO = b"\n"
_MOST = 4096


@dataclass(slots=True)
class Launch:
    """How to start it. ``descriptors`` are inherited; as a context manager it closes them and all that it holds.

    ``status`` is the read end on which the sandbox names its first process. ``gate`` is the write end that `release`
    writes; unless bubblewrap makes it, the sandbox ends when that closes.
    """

    argv: list[str]
    environment: dict[str, str]
    descriptors: tuple[int, ...]
    working_dir: str | None
    status: int
    gate: int
    own_processes: bool
    """Whether killing the first process kills them all: it is the first of a pid namespace."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The command's environment."""
    folder: str = "/"
    """The command's working folder, as it sees it."""
    rewritten: Callable[[str], str] = str
    """A path or text of the view as the command sees it."""
    late: list[dict[str, Any]] = field(default_factory=list)
    """Mounts that belong inside shared volumes (see `inside.entering.place`)."""
    standing: int = -1
    """With ``late``: the full pipe that the sandbox reads when all else is mounted, and whose end it waits for."""

    def started(self) -> None:
        """The child has its copies."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()

    def first_process(self) -> int | None:
        """Process id, seen from here, of the sandbox's first process; None when it failed before it had one."""
        text = b""
        # Not up to the pipe's end: unshare(1) keeps its copy of it.
        while b"}" not in text and (data := os.read(self.status, _MOST)):
            text += data
        os.close(self.status)
        self.status = -1
        try:
            return int(json.loads(text)["child-pid"])
        except (ValueError, KeyError):
            return None

    def place(self, first: int) -> None:
        """Make the late mounts, once the rest stands. Raises RefusedError ``path-climbs``."""
        if self.standing < 0:
            return
        poll = select.poll()
        poll.register(self.standing, select.POLLOUT)
        if poll.poll()[0][1] & select.POLLERR:
            return  # It has ended; what it says is in its output.
        try:
            done = subprocess.run(
                inside.program("entering", "place", str(first), json.dumps(self.late)),
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        finally:
            os.close(self.standing)
            self.standing = -1
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise RefusedError("path-climbs", "cannot mount inside a shared volume", got=said)

    def release(self) -> None:
        """Let the command start."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.gate, _GO)

    def kill(self, first: int | None, process: int) -> None:
        """Kill every process of the sandbox; ``process`` is the one that was started, and ends when they have."""
        if self.own_processes:
            # Killing the first process ends the namespace: the kernel kills every other before that has ended.
            with contextlib.suppress(ProcessLookupError):
                os.kill(first if first is not None else process, signal.SIGKILL)
        else:
            self.close_gate()

    def close_gate(self) -> None:
        if self.gate >= 0:
            os.close(self.gate)
            self.gate = -1

    def __enter__(self) -> Launch:
        return self

    def __exit__(self, *_: object) -> None:
        self.started()
        self.close_gate()
        for descriptor in (self.status, self.standing):
            if descriptor >= 0:
                os.close(descriptor)
        self.status = self.standing = -1


def memory(content: bytes) -> int:
    """A readable descriptor of ``content``, in memory."""
    descriptor = os.memfd_create("interlock", os.MFD_CLOEXEC)
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def full_pipe() -> tuple[int, int]:
    """A pipe that holds as much as it can: its writer is told when somebody reads it."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"\n" * size)
    return reader, writer


def deathless_pipe() -> tuple[int, int]:
    """A pipe whose reader never sees an end.

    bubblewrap takes the end of its --block-fd for a release: an engine that dies would start the command that it has
    held back. The reader's descriptor is open for writing too, and so is a writer as long as it reads.
    """
    reader, writer = os.pipe()
    both = os.open(f"/proc/self/fd/{reader}", os.O_RDWR | os.O_CLOEXEC)
    os.close(reader)
    return both, writer
