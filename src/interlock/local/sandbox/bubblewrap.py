"""A view in bubblewrap (bwrap(1)).

The environment and every path go through ``--args``, a descriptor, so that nothing of them is in a process list, and
bubblewrap itself runs with an empty environment: a step's LD_PRELOAD is the step's alone.
"""

from __future__ import annotations

import os

from interlock.local.sandbox import mounts, programs
from interlock.local.sandbox.launch import Launch, deathless_pipe, full_pipe, memory
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.system import UID
from interlock.local.sandbox.view import View


def launch(isolation: Isolation, view: View, lock: int | None, /) -> Launch:
    made = mounts.of(view, isolation.system)
    pod = view.network_of
    shared = () if pod is not None else ("--unshare-ipc", "--unshare-uts", "--unshare-net", "--hostname", view.hostname)
    arguments = [
        *("--unshare-user", "--unshare-pid", *shared, "--unshare-cgroup-try", "--uid", str(UID), "--gid", str(UID)),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *(() if isolation.nested else ("--disable-userns",)),
        *made.arguments,
    ]
    for name, value in view.environment.items():
        arguments += ["--setenv", name, value]
    arguments += ["--chdir", view.working_dir]
    standing = -1
    if made.late:
        # While it reads this file it stands but for the late mounts, its new root still below /newroot.
        reader, standing = full_pipe()
        made.descriptors.append(reader)
        arguments += ["--file", str(reader), f"{mounts.STAGED}/.standing"]
        for item in made.late:
            item |= {"from": f"/newroot{item['from']}", "base": f"/newroot{item['base']}"}
    status, told = os.pipe()
    blocked, gate = deathless_pipe()
    listed = memory("\0".join(arguments).encode() + b"\0")
    argv = [programs.bubblewrap(), "--args", str(listed), "--info-fd", str(told), "--block-fd", str(blocked)]
    if lock is not None:
        argv += ["--sync-fd", str(lock)]
    argv += ["--", *view.command]
    inherited = [*made.descriptors, told, blocked, listed]
    if pod is not None:
        entry, entered = pod.entry()
        argv = [*entry, *argv]
        inherited += entered
    return Launch(
        argv,
        {},
        tuple(inherited),
        "/",
        status,
        gate,
        own_processes=True,
        variables=view.environment,
        folder=view.working_dir,
        late=made.late,
        standing=standing,
    )
