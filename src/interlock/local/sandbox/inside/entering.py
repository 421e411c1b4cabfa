"""A command, or a mount, in the namespaces of a sandbox that stands.

``entering exec PID ENVIRONMENT FOLDER -- COMMAND...`` runs the command beside process PID, 0 for one without namespaces
of its own. ENVIRONMENT is a file of NAME=VALUE, each ended by NUL;
``entering place PID JSON`` moves mounts to where they belong inside shared volumes (`place`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Sequence

from interlock.local.sandbox.inside import kernel, waiting

_GET_PARENT = 0xB702
"""ioctl_ns(2) NS_GET_PARENT: the user namespace around one."""
_KINDS = {
    "mnt": kernel.NEWNS,
    "net": kernel.NEWNET,
    "ipc": kernel.NEWIPC,
    "uts": kernel.NEWUTS,
    "cgroup": kernel.NEWCGROUP,
    "pid": kernel.NEWPID,
}
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def main() -> None:
    task, pid = sys.argv[1], int(sys.argv[2])
    try:
        if task == "place":
            enter(pid, ["mnt"])
            for item in json.loads(sys.argv[3]):
                place(item["from"], item["base"], item["inside"], folder=item["folder"])
            return
        split = sys.argv.index("--")
        environment, folder = sys.argv[3:split]
        variables = _variables(environment)
        if pid:
            enter(pid, list(_KINDS))
    except OSError as error:
        sys.exit(f"cannot enter process {pid}: {error}")
    child = os.fork()
    if child == 0:
        try:
            kernel.die_with_parent()
            os.chdir(folder)
            if pid:
                kernel.drop_privileges()
        except OSError as error:
            waiting.fail(f"sandbox: {error}")
        waiting.become(sys.argv[split + 1 :], variables)
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def _variables(path: str) -> dict[str, str]:
    with open(path, "rb") as file:  # noqa: PTH123
        pairs = file.read().decode("utf-8", "surrogateescape").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def enter(pid: int, kinds: Sequence[str]) -> None:
    """Those namespaces of ``pid`` that are not ours. Raises OSError.

    A sandbox's namespaces belong to the outer of two user namespaces and its command lives in the inner one: each user
    namespace on the way is entered in turn, and what it lets us enter with it. For its mounts alone the way ends there,
    with the right to change them; for all, it goes on to the command's own.
    """
    wanted = {}
    for name in kinds:
        descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        if not _same(descriptor, f"/proc/self/ns/{name}"):
            wanted[descriptor] = _KINDS[name]
    for user in _users(pid):
        if not wanted and len(kinds) < len(_KINDS):
            return
        kernel.enter(user, kernel.NEWUSER)
        for descriptor, kind in list(wanted.items()):
            with contextlib.suppress(PermissionError):
                kernel.enter(descriptor, kind)
                del wanted[descriptor]
    if wanted:
        raise PermissionError("some of its namespaces cannot be entered")


def _same(descriptor: int, path: str) -> bool:
    one, other = os.fstat(descriptor), os.stat(path)  # noqa: PTH116
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _users(pid: int) -> list[int]:
    """The user namespaces from ours, left out, to that of ``pid``."""
    found: list[int] = []
    descriptor = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    while not _same(descriptor, "/proc/self/ns/user"):
        found.insert(0, descriptor)
        descriptor = fcntl.ioctl(descriptor, _GET_PARENT)
    return found


def place(source: str, base: str, inside: str, *, folder: bool) -> None:
    """Move the mount at ``source`` to ``inside`` below the mount ``base``, made if missing. Raises OSError.

    Others write below ``base`` now. Every name on the way is opened by itself, never through a link, and the mount goes
    onto what was opened: whatever appears there meanwhile, it cannot lead it, or what is made for it, elsewhere.
    """
    descriptor = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    *parents, name = inside.split("/")
    for parent in [*parents, *([name] if folder else [])]:
        with contextlib.suppress(FileExistsError):
            os.mkdir(parent, 0o777, dir_fd=descriptor)
        below = os.open(parent, _FOLDER, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    if not folder:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o666, dir_fd=descriptor))
        below = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    kernel.move(source, descriptor)
    os.close(descriptor)
