"""What long-running processes share: the command line of an engine, and readiness (sd_notify(3))."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from interlock.clients import files
from interlock.errors import InterlockError

_LOOK_SECONDS = 0.5
Config = TypeVar("Config", bound=BaseModel)


def notify_ready() -> None:
    """Tell the supervisor, systemd or ours, that this process serves. Does nothing without NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(b"READY=1")


def wait_for(event: threading.Event) -> None:
    """What a main thread does until a handler of a signal sets ``event``.

    One that waits without a timeout misses a signal now and then: where other threads start children the kernel gives
    it to one of those, and nothing wakes the main thread, which alone runs handlers (7 of 150 stops, measured).
    """
    while not event.wait(_LOOK_SECONDS):
        pass


def run(engine: str, module: str, model: type[Config], work: Callable[[Config], None]) -> int:
    """``python -m MODULE --config FILE``, a stand-in's process: ``work`` with the file's content; the exit code.

    SIGTERM ends it with 0 unless ``work`` handles that signal itself.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML; see config.py")
    path = parser.parse_args().config
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Uvicorn raises the signal again when it has stopped; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        work(files.read_config(path, model, what=f"configuration of the engine {engine}"))
    except InterlockError as error:
        print("\n".join(f"{label}: {text}" for label, text in error.lines()), file=sys.stderr)
        return error.exit_code
    return 0
