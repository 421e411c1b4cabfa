"""Processes that outlived the engine that started them."""

from __future__ import annotations

import contextlib
import os
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
