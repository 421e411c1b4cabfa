"""Waiting for a command, and the end of everything with the engine's end of a pipe."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

_KILLED = 128 + signal.SIGKILL


def pass_gate(gate: int) -> None:
    """Return when the engine lets the command start; end when it is gone."""
    if not os.read(gate, 1):
        os._exit(_KILLED)


def keep(child: int, gate: int, ended: Callable[[], None] = lambda: None) -> int:
    """Exit status of ``child`` (128 + N for signal N), reaping whatever else ends here; then ``ended`` is called.

    When the gate's other end closes: ``ended``, and the status of a kill.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    poll.register(gate, select.POLLIN)
    while True:
        status = _reaped(child)
        if status is not None:
            ended()
            return status
        for descriptor, _ in poll.poll():
            if descriptor == gate and not os.read(gate, 1):
                ended()
                return _KILLED
            if descriptor == reader:
                os.read(reader, 4096)


def _reaped(child: int) -> int | None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return _KILLED
        if pid == 0:
            return None
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run ``command`` in place of this process, which inherits nothing but the standard streams."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, 1 << 16)
    try:
        os.execvpe(command[0], list(command), dict(environment))  # noqa: S606 - becoming the command is the purpose
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}", 127 if isinstance(error, FileNotFoundError) else 126)


def fail(message: str, code: int = 1) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    os._exit(code)
