"""Keeps the engines running: one child process each, restarted when it dies, stopped together.

Readiness is the systemd notify protocol (sd_notify(3)): a child sends ``READY=1`` to the datagram socket named
in its NOTIFY_SOCKET. A child dies with the supervisor, however that ends (PR_SET_PDEATHSIG, prctl(2)).
The state is published in one JSON file, written so that a reader sees the old or the new one. SIGHUP makes the
supervisor read ``paused.json``, the names of engines that are to stand still.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal

from interlock.clients import files

State = Literal["waiting", "starting", "ready", "restarting", "paused", "stopped"]

BACKOFF_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
STABLE_SECONDS = 30.0
STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One engine: ``module`` is run with ``python -m`` once everything in ``after`` has been ready."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(slots=True)
class Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    channel: socket.socket | None = None
    state: State = "waiting"
    was_ready: bool = False
    restarts: int = 0
    started: float = 0.0
    due: float = 0.0
    patience: float | None = None
    """Told to stop: when it is killed if it has not."""


@dataclass(frozen=True, slots=True)
class Published:
    """What `read_state` returns: the supervisor's pid and each engine's pid, state and restarts."""

    pid: int
    engines: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def ready(self) -> bool:
        return bool(self.engines) and all(engine["state"] == "ready" for engine in self.engines.values())


class Supervisor:
    """Runs programs until SIGTERM or SIGINT. ``run_folder`` holds the state file, ``log_folder`` one log a program."""

    def __init__(
        self, programs: Sequence[Program], *, run_folder: Path, log_folder: Path, stop_seconds: float = STOP_SECONDS
    ) -> None:
        """``stop_seconds``: what is told to stop and has not by then is killed."""
        self._children = {program.name: Child(program) for program in programs}
        self._state_file = run_folder / "state.json"
        self._paused_file = run_folder / "paused.json"
        self._paused: frozenset[str] = frozenset()
        self._reload = True
        self._logs = log_folder
        self._stop_seconds = stop_seconds
        self._selector = selectors.DefaultSelector()
        self._stopping = False

    def run(self) -> None:
        wake_read, wake_write = socket.socketpair()
        wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, self._hang_up)
        self._selector.register(wake_read, selectors.EVENT_READ, None)
        while not self._stopping:
            if self._reload:
                self._read_paused()
            self._start_what_is_due()
            for key, _ in self._selector.select(self._until_next()):
                if key.data is None:
                    wake_read.recv(4096)
                else:
                    self._notified(key.data)
            self._kill_what_stays()
            self._reap()
        self._terminate()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, _signal: int, _frame: FrameType | None) -> None:
        self._reload = True

    def _read_paused(self) -> None:
        self._reload = False
        self._paused = frozenset(read_paused(self._paused_file.parent))
        for name, child in self._children.items():
            if name in self._paused and child.state != "paused":
                child.state = "paused"
                if child.process is not None:
                    child.process.terminate()
                    child.patience = time.monotonic() + self._stop_seconds
            elif name not in self._paused and child.state == "paused":
                child.state, child.due, child.restarts = "restarting", 0.0, 0
        self._publish()

    def _until_next(self) -> float | None:
        """Seconds until the next start or kill."""
        children = self._children.values()
        due = [child.due for child in children if child.state == "restarting" and child.process is None]
        due += [child.patience for child in children if child.patience is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _kill_what_stays(self) -> None:
        for child in self._children.values():
            if child.process is not None and child.patience is not None and child.patience <= time.monotonic():
                child.process.kill()
                child.patience = None

    def _start_what_is_due(self) -> None:
        changed = False
        for child in self._children.values():
            ready = all(self._children[name].was_ready for name in child.program.after)
            due = child.state == "restarting" and child.due <= time.monotonic() and child.process is None
            if due or (child.state == "waiting" and ready):
                self._start(child)
                changed = True
        if changed:
            self._publish()

    def _start(self, child: Child) -> None:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"@interlock-{os.getpid()}-{child.program.name}-{child.restarts}"
        channel.bind("\0" + address[1:])
        self._selector.register(channel, selectors.EVENT_READ, child)
        with (self._logs / f"{child.program.name}.log").open("ab") as log:
            child.process = subprocess.Popen(
                [sys.executable, "-m", child.program.module, *child.program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment() | {"NOTIFY_SOCKET": address},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        child.channel, child.state, child.started = channel, "starting", time.monotonic()

    def _notified(self, child: Child) -> None:
        if child.channel is not None and b"READY=1" in child.channel.recv(4096).splitlines():
            child.state, child.was_ready = "ready", True
            self._publish()

    def _reap(self) -> None:
        for child in self._children.values():
            if child.process is None or child.process.poll() is None:
                continue
            if time.monotonic() - child.started > STABLE_SECONDS:
                child.restarts = 0
            if child.state != "paused":
                wait = BACKOFF_SECONDS[min(child.restarts, len(BACKOFF_SECONDS) - 1)]
                child.restarts += 1
                child.state, child.due = "restarting", time.monotonic() + wait
            self._close(child)
            self._publish()

    def _close(self, child: Child) -> None:
        child.process = child.patience = None
        if child.channel is not None:
            self._selector.unregister(child.channel)
            child.channel.close()
            child.channel = None

    def _terminate(self) -> None:
        """Stop in reverse order of dependence is not needed: every engine survives the loss of any other."""
        running = [child.process for child in self._children.values() if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self._stop_seconds
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for child in self._children.values():
            child.state = "stopped"
            self._close(child)
        self._publish()

    def _publish(self) -> None:
        engines = {
            name: {
                "pid": child.process.pid if child.process else None,
                "state": child.state,
                "restarts": child.restarts,
            }
            for name, child in self._children.items()
        }
        published = Published(pid=os.getpid(), engines=engines)
        files.write_durably(self._state_file, json.dumps(asdict(published), indent=1))


def read_state(run_folder: Path) -> Published | None:
    """The published state of a supervisor that is alive, or None."""
    try:
        published = Published(**json.loads((run_folder / "state.json").read_text()))
    except FileNotFoundError:
        return None
    return published if _is_supervisor(published.pid) else None


def read_paused(run_folder: Path) -> list[str]:
    """Names of the engines that are to stand still."""
    try:
        return [str(name) for name in json.loads((run_folder / "paused.json").read_text())]
    except FileNotFoundError:
        return []


def _is_supervisor(pid: int) -> bool:
    """Whether ``pid`` is one: a pid that was reused by another program is not."""
    try:
        return b"interlock.local\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """What an engine needs of our environment, and nothing else: no token of the user's shell reaches it."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "INTERLOCK_REAL_CLIENTS", "INTERLOCK_RESYNC")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
