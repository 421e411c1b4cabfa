"""Startup and readiness of a sidecar, probed as the kubelet does (k8s.io/kubernetes/pkg/kubelet/prober).

A probe of a command runs beside the sidecar, one of an address connects from inside its Pod. Between probes the wait is
for whatever comes first: the next period, the sidecar's end, a stop, the time limit.
"""

from __future__ import annotations

import http.client
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from interlock.errors import InputError
from interlock.formats.tekton.task import HttpAction, Probe
from interlock.local.sandbox.process import Stop

Ending = Literal["ready", "ended", "stopped", "timeout"]
_OK = range(200, 400)
_LOOPBACK = "127.0.0.1"


class Probed(Protocol):
    """As `process.Process`."""

    def connect(self, host: str, port: int, seconds: float) -> socket.socket: ...

    def exec(self, command: Sequence[str], seconds: float) -> int | None: ...

    def kill(self) -> None: ...

    def on_end(self, call: Callable[[], None]) -> None: ...


def wait(
    process: Probed,
    *,
    startup: Probe | None,
    readiness: Probe | None,
    ports: Sequence[Mapping[str, Any]],
    stop: Stop,
    seconds: float | None,
    settling: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Ending:
    """Wait until the sidecar is ready, and say what came first.

    Without probes it is ready after ``settling`` seconds. A startup probe that fails too often kills the sidecar, which
    never restarts here: ``ended``. Readiness may fail for as long as it likes. ``ports`` resolve the names of ports.
    Raises InputError ``probe-invalid`` for a port that has no number and no name.
    """
    with _Waiter(process, stop, seconds, clock) as waiter:
        if startup is None and readiness is None:
            return waiter.pause(settling) or "ready"
        for probe, started in ((startup, True), (readiness, False)):
            if probe is None:
                continue
            ending = _probed(process, probe, ports, waiter, fails=started)
            if ending != "ready":
                return ending
        return waiter.ended() or "ready"


@dataclass
class _Count:
    successes: int = 0
    failures: int = 0

    def add(self, good: bool) -> None:
        self.successes, self.failures = (self.successes + 1, 0) if good else (0, self.failures + 1)


def _probed(
    process: Probed, probe: Probe, ports: Sequence[Mapping[str, Any]], waiter: _Waiter, *, fails: bool
) -> Ending:
    """``fails``: after ``failureThreshold`` failures in a row the sidecar is killed."""
    count = _Count()
    check = _check(process, probe, ports)
    ending = waiter.pause(float(probe.initial_delay_seconds))
    while ending is None:
        started = waiter.now()
        count.add(check())
        if count.successes >= max(1, probe.success_threshold):
            return "ready"
        if fails and count.failures >= max(1, probe.failure_threshold):
            process.kill()
            return "ended"
        ending = waiter.pause(max(0.0, started + max(1, probe.period_seconds) - waiter.now()))
    return ending


def _check(process: Probed, probe: Probe, ports: Sequence[Mapping[str, Any]]) -> Callable[[], bool]:
    seconds = float(max(1, probe.timeout_seconds))
    if probe.exec is not None:
        command = list(probe.exec.command or [])
        return lambda: process.exec(command, seconds) == 0
    if probe.http_get is not None:
        action = probe.http_get
        port = _port(action.port, ports)
        return lambda: _http(process, action, port, seconds)
    if probe.tcp_socket is not None:
        host, port = probe.tcp_socket.host or _LOOPBACK, _port(probe.tcp_socket.port, ports)
        return lambda: _tcp(process, host, port, seconds)
    return lambda: True


def _port(port: int | str, ports: Sequence[Mapping[str, Any]]) -> int:
    """A port's number; a name is looked up among the container's ports (pkg/probe ResolveContainerPort)."""
    if str(port).isdigit():
        return int(port)
    for item in ports:
        if item.get("name") == port:
            return int(item["containerPort"])
    raise InputError("probe-invalid", f"couldn't find port: {port!r}", got=port)


def _tcp(process: Probed, host: str, port: int, seconds: float) -> bool:
    try:
        process.connect(host, port, seconds).close()
    except OSError:
        return False
    return True


def _http(process: Probed, action: HttpAction, port: int, seconds: float) -> bool:
    """A status from 200 to 399; certificates are not verified (pkg/probe/http)."""
    headers = {header.name: header.value for header in action.http_headers or []}
    headers = {"User-Agent": "kube-probe/1.35", "Accept": "*/*"} | headers
    connection = http.client.HTTPConnection(action.host or _LOOPBACK, port, timeout=seconds)
    try:
        stream = process.connect(action.host or _LOOPBACK, port, seconds)
        if action.scheme.upper() == "HTTPS":
            context = ssl._create_unverified_context()  # noqa: S323 - as the kubelet does
            stream = context.wrap_socket(stream)
        connection.sock = stream
        connection.request("GET", "/" + action.path.lstrip("/"), headers=headers)
        return connection.getresponse().status in _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class _Waiter:
    """Waits for the end of a process, a stop or a time, whichever comes first."""

    def __init__(self, process: Probed, stop: Stop, seconds: float | None, clock: Callable[[], float]) -> None:
        self.now = clock
        self._deadline = None if seconds is None else clock() + seconds
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        self._stop = stop
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._end, selectors.EVENT_READ, "ended")
        self._selector.register(stop.descriptor, selectors.EVENT_READ, "stopped")
        self._open = True
        process.on_end(self._ended)

    def _ended(self) -> None:
        with self._lock:
            if self._open:
                os.eventfd_write(self._end, 1)

    def ended(self) -> Ending | None:
        """What has come already."""
        return self.pause(0.0)

    def pause(self, seconds: float) -> Ending | None:
        """None when ``seconds`` have passed and nothing has come."""
        left = None if self._deadline is None else self._deadline - self.now()
        events = self._selector.select(seconds if left is None else max(0.0, min(seconds, left)))
        found = {key.data for key, _ in events}
        if "stopped" in found:
            return "stopped"
        if "ended" in found:
            return "ended"
        return "timeout" if left is not None and left <= seconds else None

    def __enter__(self) -> _Waiter:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
        self._selector.close()
        os.close(self._end)
