"""A step's or sidecar's process: started, its output masked into a log, ended by itself, a limit or a stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.local.sandbox import inside, limits, starting
from interlock.local.sandbox.cgroups import Group
from interlock.local.sandbox.launch import Launch, memory
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.pod import Pod
from interlock.local.sandbox.pump import Pump
from interlock.local.sandbox.streams import NO_COPIES, Log, Mask, Output, Sink, Streams, open_copy
from interlock.local.sandbox.view import View

Ending = Literal["exited", "timeout", "stopped"]
Reason = Literal["Completed", "Error", "OOMKilled"]
_PIPE = 256 * 1024
_KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the process ended; ``exit_code`` is 128 + N for signal N, ``reason`` the kubelet's word."""

    ending: Ending
    exit_code: int
    reason: Reason = "Error"


class Stop:
    """A request to stop, from another thread; wakes whoever waits on `descriptor`. ``reason`` is for messages."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.reason: str | None = None
        self._lock = threading.Lock()
        self._closed = False

    def set(self, reason: str) -> None:
        """Once it is closed nobody waits any more: its descriptor may be something else's by then."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
                if not self._closed:
                    os.eventfd_write(self.descriptor, 1)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            os.close(self.descriptor)


class Process:
    """One that runs. Its end is seen by whoever serves its ``handlers``: `run`, or a Pump."""

    def __init__(
        self, popen: subprocess.Popen[bytes], launch: Launch, outputs: Sequence[Output], pod: Pod | None
    ) -> None:
        self._pod = pod
        self._popen = popen
        self._launch = launch
        self._outputs = outputs
        self._watched = [os.pidfd_open(popen.pid)]
        self._group: Group | None = None
        self._first: int | None = None
        self._environment = -1
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._on_end: list[Callable[[], None]] = []
        self.ending: Ending = "exited"
        self.outcome: Outcome | None = None
        self.handlers: dict[int, Callable[[], bool]] = {item.descriptor: item.ready for item in outputs}
        """Descriptor -> what to call when it is readable; False when there is no more."""
        self.handlers[self._watched[0]] = lambda: False

    @property
    def pid(self) -> int:
        """The first process of the sandbox, seen from here."""
        return self._popen.pid if self._first is None else self._first

    def kill(self, ending: Ending = "stopped") -> None:
        """Kill it and all that it started. Its end is still to be waited for."""
        with self._lock:
            if self.outcome is None:
                self.ending = ending
                self._launch.kill(self._first, self._popen.pid)

    def poll(self) -> Outcome | None:
        """How it ended, if it has."""
        return self.outcome

    def wait(self, stop: Stop | None = None) -> Outcome:
        """How it ends. When ``stop`` is set before that, it is killed."""
        if stop is not None:
            self._kill_at(stop)
        self._done.wait()
        assert self.outcome is not None  # noqa: S101 - set before `_done`
        return self.outcome

    def _kill_at(self, stop: Stop) -> None:
        ended = os.eventfd(0, os.EFD_CLOEXEC)
        called = threading.Event()

        def call() -> None:
            os.eventfd_write(ended, 1)
            called.set()

        self.on_end(call)
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(stop.descriptor, selectors.EVENT_READ)
            if all(key.fd != ended for key, _ in selector.select()):
                self.kill()
        called.wait()
        os.close(ended)

    def on_end(self, call: Callable[[], None]) -> None:
        """``call`` when it has ended, or now if it has; in the thread that serves it."""
        with self._lock:
            if self.outcome is None:
                self._on_end.append(call)
                return
        call()

    def enter(self, command: Sequence[str]) -> list[str]:
        """An argument list that runs ``command`` beside it: its namespaces, user, environment and working folder.

        It holds as long as the process runs, for any process of this user; no value is in it.
        """
        with self._lock:
            if self._environment < 0:
                text = "".join(f"{name}={value}\0" for name, value in self._launch.variables.items())
                self._environment = memory(text.encode("utf-8", "surrogateescape"))
        pid = self.pid if self._launch.own_processes else 0
        source = f"/proc/{os.getpid()}/fd/{self._environment}"
        rewritten = [self._launch.rewritten(part) for part in command]
        return inside.program("entering", "exec", str(pid), source, self._launch.folder, "--", *rewritten)

    def exec(self, command: Sequence[str], seconds: float) -> int | None:
        """Exit code of ``command`` beside it; None when that has not ended in time, and was killed."""
        if self.outcome is not None:
            return _KILLED
        child = subprocess.Popen(
            self.enter(command),
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ended = os.pidfd_open(child.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(ended, selectors.EVENT_READ)
                in_time = bool(selector.select(seconds))
        finally:
            os.close(ended)
        if not in_time:
            child.kill()
        code = child.wait()
        if not in_time:
            return None
        return code if code >= 0 else 128 - code

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection from inside its Pod. Raises OSError."""
        if self._pod is None:
            raise ConnectionRefusedError("it has no network that another could reach")
        return self._pod.connect(host, port, seconds)

    def finish(self) -> None:
        """Every handler has said that there is no more: reap it, and let go of all that it held."""
        code = self._popen.wait()
        problem = next((item.problem for item in self._outputs if item.problem is not None), None)
        for output in self._outputs:
            output.close()
        for descriptor in self._watched:
            os.close(descriptor)
        code = code if code >= 0 else 128 - code
        if self.ending != "exited" and code:
            code = _KILLED  # unshare(1) has a word of its own for it.
        reason: Reason = "Completed" if code == 0 else "Error"
        if self._group is not None:
            if code and self._group.out_of_memory():
                code, reason = _KILLED, "OOMKilled"
            self._group.close()
        if problem is not None and code == 0:
            # Upstream's entrypoint fails the step too when a copy of its output cannot be written.
            code, reason = 1, "Error"
        with self._lock:
            self.outcome = Outcome(self.ending, code, reason)
            self._launch.__exit__()
            if self._environment >= 0:
                os.close(self._environment)
            calls, self._on_end = self._on_end, []
        self._done.set()
        for call in calls:
            call()

    def stand(self, isolation: Isolation, wanted: limits.Limits, released: Callable[[], None] | None) -> None:
        """Limits, late mounts, ``released``; then its command starts. Kills it when one of them raises."""
        try:
            self._first = self._launch.first_process()
            if self._first is not None:
                self._watch(self._first)
                self._limit(self._first, isolation, wanted)
                self._launch.place(self._first)
            if released is not None:
                released()
            self._launch.release()
            if self._launch.own_processes and isolation.level == "bubblewrap":
                self._launch.close_gate()
        except BaseException:
            self.kill()
            raise

    def _watch(self, first: int) -> None:
        """Wait for the first process too: bubblewrap itself ends as soon as it knows the command's exit code, while
        the kernel is still killing what is left in the pid namespace; the first process ends after all of them."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(first)
            self._watched.append(descriptor)
            self.handlers[descriptor] = lambda: False

    def _limit(self, first: int, isolation: Isolation, wanted: limits.Limits) -> None:
        self._group = isolation.cgroups.make(wanted)
        grouped = self._group.folders if self._group is not None else {}
        with contextlib.suppress(ProcessLookupError):
            if self._group is not None:
                self._group.add(first)
            limits.apply(first, wanted.rlimits(grouped, own_processes=isolation.level != "none", root=not os.geteuid()))


def start(
    isolation: Isolation,
    view: View,
    log: Sink,
    masker: Mask,
    *,
    pump: Pump | None,
    lock: int | None = None,
    streams: Streams = NO_COPIES,
    released: Callable[[], None] | None = None,
) -> Process:
    """Start ``view``; ``pump`` serves it, or with None the caller does, by `serve`.

    ``released`` is called after the sandbox has its process and before the step's command starts, so that what must be
    durable before that is written while the sandbox is set up. The calling thread must live as long as the process:
    bubblewrap's dies with it.

    Raises OSError when it cannot be started at all; RefusedError and UnsupportedError for paths.
    """
    copies: dict[str, int | None] = {"stdout": None, "stderr": None}
    with contextlib.ExitStack() as undo:
        for name, path in (("stdout", streams.stdout), ("stderr", streams.stderr)):
            if path:
                copies[name] = descriptor = open_copy(view, path)
                undo.callback(os.close, descriptor)
        bounded = isolation.bounded(view.limits)
        launch = undo.enter_context(starting.launch(isolation, view, lock=lock, held=True))
        apart = any(copy is not None for copy in copies.values())
        popen = subprocess.Popen(
            launch.argv,
            env=launch.environment,
            cwd=launch.working_dir,
            pass_fds=(*launch.descriptors, *(() if lock is None else (lock,))),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            start_new_session=True,
        )
        undo.pop_all()
    launch.started()
    file = Log(log, view.limits.output_bytes)
    outputs = []
    for pipe, copy in ((popen.stdout, copies["stdout"]), (popen.stderr, copies["stderr"])):
        if pipe is not None:
            with contextlib.suppress(OSError):  # More than a user may have in pipes is a matter of speed alone.
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
            descriptor = os.dup(pipe.fileno())
            pipe.close()
            outputs.append(Output(descriptor, file, masker.fresh() if apart else masker, copy))
    process = Process(popen, launch, outputs, view.network_of)
    try:
        process.stand(isolation, bounded, released)
    except BaseException:
        serve(process)
        raise
    if pump is not None:
        pump.add(process)
    return process


def serve(
    process: Process,
    *,
    stop: Stop | None = None,
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Serve ``process`` in this thread until it ends, killing it after ``seconds`` or when ``stop`` is set."""
    deadline = None if seconds is None else clock() + seconds
    with selectors.DefaultSelector() as selector:
        for descriptor, handler in process.handlers.items():
            selector.register(descriptor, selectors.EVENT_READ, handler)
        left = len(process.handlers)
        if stop is not None:
            selector.register(stop.descriptor, selectors.EVENT_READ, None)
        while left:
            events = selector.select(None if deadline is None else max(0.0, deadline - clock()))
            if deadline is not None and clock() >= deadline:
                deadline = None
                process.kill("timeout")
            for key, _ in events:
                if key.data is None:
                    selector.unregister(key.fd)
                    deadline = None
                    process.kill("stopped")
                elif not key.data():
                    selector.unregister(key.fd)
                    left -= 1
    process.finish()
    assert process.outcome is not None  # noqa: S101 - what `finish` sets
    return process.outcome


def run(
    isolation: Isolation,
    view: View,
    log: Sink,
    masker: Mask,
    *,
    stop: Stop,
    seconds: float | None,
    lock: int | None = None,
    streams: Streams = NO_COPIES,
    released: Callable[[], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run ``view`` until it ends, ``seconds`` have passed (None: no limit), or ``stop`` is set.

    When it returns no process of the step is left. The rest is as in `start`.
    """
    process = start(isolation, view, log, masker, pump=None, lock=lock, streams=streams, released=released)
    return serve(process, stop=stop, seconds=seconds, clock=clock)
