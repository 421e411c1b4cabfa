"""Processes that outlived the engine that started them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path


def kill_holders(path: Path) -> None:
    """Kill every other process that holds the file open.

    A sandbox dies with its engine, unless the engine was killed before the sandbox had asked the kernel for that.
    """
    wanted = path.stat()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        process = int(folder.parent.name)
        if process != os.getpid() and _holds(folder, wanted):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _holds(folder: Path, wanted: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(folder):
            with contextlib.suppress(OSError):
                if os.path.samestat(descriptor.stat(), wanted):
                    return True
    return False


def end(program: str) -> None:
    """Kill the first processes of sandboxes of ``program`` (its path) whose keeper is gone, and wait for their end.

    bubblewrap's first process dies with its parent only once its command runs: before that it waits at a gate that
    nobody opens any more. One that is kept has a process of the same program as its parent.
    """
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            if _program(folder) == program and _first(folder) and _program(folder.parent / _parent(folder)) != program:
                _kill(int(folder.name))


def _program(folder: Path) -> str:
    return (folder / "cmdline").read_bytes().split(b"\0")[0].decode("utf-8", "surrogateescape")


def _first(folder: Path) -> bool:
    """Whether it is the first process of a pid namespace below ours (proc(5) status, NSpid)."""
    lines = (folder / "status").read_text().splitlines()
    numbers = next(line for line in lines if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"


def _parent(folder: Path) -> str:
    return (folder / "stat").read_text().rpartition(")")[2].split()[1]


def _kill(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)
