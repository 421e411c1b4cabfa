"""Keeps a plain process: whatever it starts, however detached, ends with it, and with the engine.

``keeper ARGUMENTS STATUS GATE -- COMMAND...``. Orphans become this process's children (PR_SET_CHILD_SUBREAPER), so that
it finds every one of them again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

from interlock.local.sandbox.inside import kernel, root, waiting


def main() -> None:
    split = sys.argv.index("--")
    arguments, status, gate = (int(word) for word in sys.argv[1:split])
    words = root.read(arguments)
    os.write(status, json.dumps({"child-pid": os.getpid()}).encode())
    os.close(status)
    for descriptor in (gate, *words.held):
        os.set_inheritable(descriptor, False)
    kernel.adopt_orphans()
    waiting.pass_gate(gate)
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.chdir(words.working_dir)
        except OSError as error:
            waiting.fail(f"sandbox: {error}")
        waiting.become(sys.argv[split + 1 :], words.environment)
    sys.exit(waiting.keep(child, gate, _end_all))


def _end_all() -> None:
    """Kill every descendant. Each that dies hands its children to this process, until there are none."""
    while True:
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    found, pending = [], [os.getpid()]
    while pending:
        parent = pending.pop()
        below = [pid for pid, of in parents.items() if of == parent]
        found += below
        pending += below
    return found
