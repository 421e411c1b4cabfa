"""An engine that the test kills and starts again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from interlock.tekton.engine import memory

from .remote import Server

ROOT = Path(__file__).parents[4]


class Zygote:
    """The process that forks engines."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", f"{__package__}.zygote"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def fork(self, config: dict[str, Any], socket: Path) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(json.dumps({"config": config, "socket": str(socket)}) + "\n")
            stdin.flush()
            return int(stdout.readline())

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait()


class Mortal:
    """One engine on one cluster. Everything of it lies in ``folder``."""

    def __init__(self, zygote: Zygote, folder: Path, **options: Any) -> None:
        folder.mkdir()
        self.data = folder / "data"
        self.cluster = memory.Cluster()
        self.client = self.cluster.client()
        self._zygote = zygote
        self._socket = folder / "api"
        self._server = Server(self.cluster, self._socket)
        self._config = {"server": "http://unused", "data": str(self.data), **options}
        self._process = 0
        self.start()

    def start(self) -> None:
        self._process = self._zygote.fork(self._config, self._socket)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal the engine and wait until it is gone."""
        descriptor = os.pidfd_open(self._process)
        try:
            signal.pidfd_send_signal(descriptor, number)
            assert select.select([descriptor], [], [], 30)[0], "the engine does not end"
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """End the engine as an operator does, and the cluster with it."""
        self.end(signal.SIGTERM)
        self._server.close()
