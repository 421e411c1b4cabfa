"""Makes the namespaces that the steps and sidecars of a TaskRun share, on request; one such program serves an engine.

It is small and has one thread, so that it can fork in no time and make user namespaces, which the engine cannot.
``pods SOCKET``: each message is JSON with descriptors; the last of them is where the answer goes. It ends with the
engine's end of the socket.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

from interlock.local.sandbox.inside import kernel, network

_KINDS = {"user": kernel.NEWUSER, "net": kernel.NEWNET, "ipc": kernel.NEWIPC, "uts": kernel.NEWUTS}
_MOST = 64 * 1024
_DESCRIPTORS = 8


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, _MOST, _DESCRIPTORS)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _answer(json.loads(message), descriptors)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _answer(request: dict[str, Any], descriptors: list[int]) -> None:
    answers = socket.socket(fileno=descriptors[-1])
    try:
        made = _make(request) if request["do"] == "make" else [_connect(request, descriptors[:-1])]
        socket.send_fds(answers, [b"{}"], made)
    except OSError as error:
        answers.send(json.dumps({"errno": error.errno, "error": error.strerror or str(error)}).encode())


def _make(request: dict[str, Any]) -> list[int]:
    """Descriptors of the namespaces, and of a listening socket for each port."""
    kernel.unshare(kernel.NEWUSER | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS)
    kernel.map_user(os.open("/proc/self", os.O_PATH | os.O_DIRECTORY), 0)
    network.prepare(request["hostname"])
    spaces = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in _KINDS]
    return [*spaces, *(network.listen(port).detach() for port in request["ports"])]


def _connect(request: dict[str, Any], spaces: list[int]) -> int:
    """A connection made inside."""
    for descriptor, kind in zip(spaces, (kernel.NEWUSER, kernel.NEWNET), strict=True):
        kernel.enter(descriptor, kind)
    return socket.create_connection((request["host"], request["port"]), request["seconds"]).detach()
