"""Forks engines: started once with everything imported, so that an engine is there in milliseconds.

Each line of stdin is a JSON object ``{"config": …, "socket": …}``; the answer is the new engine's process id.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine

from .remote import RemoteClient


def main() -> None:
    # Nobody waits for an engine that was killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            serve(order)
        print(process, flush=True)


def serve(order: dict[str, str]) -> None:
    """The engine, in the child; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A test that dies takes its engines with it (PR_SET_PDEATHSIG).
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    try:
        engine = Engine(Config.model_validate(order["config"]), RemoteClient(Path(order["socket"])))  # type: ignore[arg-type]
        signal.signal(signal.SIGTERM, lambda *_: engine.stop())
        engine.run()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
