"""A view by unshare(1) of util-linux: the namespaces are its, root and keeping are `inside.first`'s."""

from __future__ import annotations

import os

from interlock.local.sandbox import inside, mounts, programs
from interlock.local.sandbox.launch import Launch, memory
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.system import UID
from interlock.local.sandbox.view import View


def launch(isolation: Isolation, view: View, lock: int | None, /) -> Launch:
    unshare = programs.find("unshare")
    made = mounts.of(view, isolation.system)
    pod = view.network_of
    shared = () if pod is not None else ("--net", "--ipc", "--uts")
    words = list(made.arguments)
    if pod is None:
        words += ["--hostname", view.hostname]
    for item in made.late:
        words += ["--place", item["from"], item["base"], item["inside"], "1" if item["folder"] else "0"]
    words += ["--nested"] if isolation.nested else []
    words += [word for name, value in view.environment.items() for word in ("--setenv", name, value)]
    words += ["--chdir", view.working_dir]
    status, told = os.pipe()
    blocked, gate = os.pipe()
    inherited = [*made.descriptors, told, blocked]
    if lock is not None:
        words += ["--hold", str(lock)]
    listed = memory("\0".join(words).encode("utf-8", "surrogateescape") + b"\0")
    inherited.append(listed)
    argv = [
        *(unshare, "--user", f"--map-user={UID}", f"--map-group={UID}", "--keep-caps", "--mount", "--pid", *shared),
        *("--cgroup", "--fork", "--kill-child", "--"),
        *inside.program("first", str(listed), str(told), str(blocked), "--", *view.command),
    ]
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
    )
