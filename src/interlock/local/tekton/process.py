"""One step's process: started, its output masked into the log, ended by itself, a limit or a cancellation."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from interlock.local.tekton import sandbox
from interlock.local.tekton.masking import Masker

Ending = Literal["exited", "timeout", "stopped"]
_CHUNK = 64 * 1024
_MARKER = "INTERLOCK_RUN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the process ended; ``exit_code`` is 128 + N for signal N."""

    ending: Ending
    exit_code: int
    reason: str = "Error"


@dataclass(frozen=True, slots=True)
class Streams:
    stdout: str = ""
    stderr: str = ""


class Process:
    pid: int

    def wait(self, stop: Stop | None = None) -> Outcome: ...
    def poll(self) -> Outcome | None: ...
    def kill(self) -> None: ...
    def enter(self, command: list[str]) -> list[str]: ...


def start(*args: object, **options: object) -> Process:
    raise NotImplementedError


class Stop:
    """A request to stop, from another thread; wakes whoever waits on `descriptor`. ``reason`` is for messages."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.reason: str | None = None

    def set(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
            os.eventfd_write(self.descriptor, 1)

    def close(self) -> None:
        os.close(self.descriptor)


def run(
    isolation: sandbox.Isolation,
    view: sandbox.View,
    log: BinaryIO,
    masker: Masker,
    *,
    stop: Stop,
    seconds: float | None,
    marker: str,
    lock: int | None = None,
    released: Callable[[], None] = lambda: None,
    streams: Streams | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run ``view`` until it ends, ``seconds`` have passed (None: no limit), or ``stop`` is set.

    ``marker`` names the run: without a pid namespace, processes that left the group are found again by it.

    When it returns no process of the step is left. Raises OSError when the process cannot be started at all.
    """
    launch = isolation.launch(view, lock=lock)
    released()
    environment = dict(launch.environment)
    if launch.status is None:
        environment[_MARKER] = marker
    try:
        process = subprocess.Popen(
            launch.argv,
            env=environment,
            cwd=launch.working_dir,
            pass_fds=(*launch.descriptors, *(() if lock is None else (lock,))),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finally:
        for descriptor in launch.descriptors:
            os.close(descriptor)
    assert process.stdout is not None  # noqa: S101 - asked for above
    first = sandbox.first_process(launch.status) if launch.status is not None else None

    def kill() -> None:
        if launch.status is None:
            _kill_group(process.pid, marker)
        else:
            # Killing the first process ends the namespace; bubblewrap then reaps it and follows, so that its own end
            # means that nothing is left.
            with contextlib.suppress(ProcessLookupError):
                os.kill(first if first is not None else process.pid, signal.SIGKILL)

    deadline = None if seconds is None else clock() + seconds
    ending: Ending = "exited"
    exited = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, "output")
            selector.register(stop.descriptor, selectors.EVENT_READ, "stop")
            selector.register(exited, selectors.EVENT_READ, "exited")
            open_output, alive = True, True
            while open_output or alive:
                wait = None if deadline is None else max(0.0, deadline - clock())
                events = selector.select(wait)
                if not events and deadline is not None and clock() >= deadline:
                    ending, deadline = "timeout", None
                    kill()
                for key, _ in events:
                    if key.data == "output":
                        data = os.read(process.stdout.fileno(), _CHUNK)
                        log.write(masker.feed(data))
                        if not data:
                            selector.unregister(process.stdout)
                            open_output = False
                    elif key.data == "exited":
                        selector.unregister(exited)
                        alive = False
                        if launch.status is None:
                            _kill_group(process.pid, marker)
                    else:
                        selector.unregister(stop.descriptor)
                        ending, deadline = "stopped", None
                        kill()
    finally:
        os.close(exited)
        process.stdout.close()
        code = process.wait()
        log.write(masker.flush())
        log.flush()
    return Outcome(ending, code if code >= 0 else 128 - code)


def _kill_group(group: int, marker: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    kill_marked(marker)


def kill_marked(marker: str) -> None:
    """Kill every process whose environment carries the marker of a run: what is left of it without a pid namespace."""
    wanted = f"{_MARKER}={marker}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGKILL)
