"""The engine's end of `inside.pods`, the program that makes namespaces."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.local.sandbox import inside

_MOST = 64 * 1024
_DESCRIPTORS = 128


class Helper:
    """The program `inside.pods`, started at the first request and ended by `close`. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> list[int]:
        """Descriptors that it answers with. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs, self._lock:
                message = json.dumps(request).encode()
                socket.send_fds(self._running(), [message], [*descriptors, theirs.fileno()])
            answer, found, _, _ = socket.recv_fds(ours, _MOST, _DESCRIPTORS)
        if not answer:
            raise OSError("the program that makes namespaces ended")
        error = json.loads(answer)
        if error:
            raise OSError(error["errno"], error["error"])
        return found

    def _running(self) -> socket.socket:
        if self._requests is None:
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    inside.program("pods", str(theirs.fileno())),
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
        return self._requests

    def close(self) -> None:
        with self._lock:
            if self._requests is not None and self._process is not None:
                self._requests.close()
                self._process.wait()
            self._requests = self._process = None
