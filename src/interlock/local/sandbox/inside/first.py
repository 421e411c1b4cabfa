"""The first process of an ``unshare`` sandbox: makes its root, waits at the gate, becomes the keeper of the command.

``first ARGUMENTS STATUS GATE -- COMMAND...``, three descriptors, under ``unshare --user --map-user --keep-caps --mount
--pid --fork``. It ends, and everything in the sandbox with it, when the gate's other end closes.
"""

from __future__ import annotations

import json
import os
import sys

from interlock.local.sandbox.inside import entering, kernel, network, root, waiting


def main() -> None:
    split = sys.argv.index("--")
    arguments, status, gate = (int(word) for word in sys.argv[1:split])
    command = sys.argv[split + 1 :]
    try:
        words = root.read(arguments)
        os.write(status, json.dumps({"child-pid": int(os.readlink("/proc/self"))}).encode())  # noqa: PTH115
        os.close(status)
        for descriptor in (gate, *words.held):
            os.set_inheritable(descriptor, False)
        processes = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        limit = os.open("/proc/sys/user/max_user_namespaces", os.O_WRONLY | os.O_CLOEXEC)
        if words.hostname:
            network.prepare(words.hostname)
        root.Root(words.operations).make()
        for source, base, inside, folder in words.places:
            entering.place(source, base, inside, folder=folder == "1")
        os.chdir(words.working_dir)
        if not words.nested:
            os.write(limit, b"1")
        os.close(limit)
    except (OSError, ValueError) as error:
        sys.exit(f"sandbox: {error}")
    waiting.pass_gate(gate)
    child = os.fork()
    if child == 0:
        _become(command, words, processes)
    os.close(processes)
    sys.exit(waiting.keep(child, gate))


def _become(command: list[str], words: root.Words, processes: int) -> None:
    try:
        os.setsid()
        if not words.nested:
            # The machine's own /proc, held since before the root changed: the sandbox's is read-only.
            user = os.geteuid()
            kernel.unshare(kernel.NEWUSER)
            kernel.map_user(os.open("self", os.O_PATH | os.O_DIRECTORY, dir_fd=processes), user, user)
        kernel.drop_privileges()
        waiting.become(command, words.environment)
    except OSError as error:
        waiting.fail(f"sandbox: {error}")
