"""Cgroups for steps, version 1 or 2, where this process may make them below its own.

Each group's name carries the engine that made it, so that the next engine removes those of one that was killed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interlock.local.sandbox.limits import Limits, Shared

_PREFIX = "interlock-"
_KEEPERS = 16
_LIMIT: Mapping[tuple[int, Shared], tuple[str, ...]] = {
    (1, "memory"): ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    (1, "pids"): ("pids.max",),
    (2, "memory"): ("memory.max",),
    (2, "pids"): ("pids.max",),
}
_KINDS: tuple[Shared, ...] = ("memory", "pids")
_numbers = itertools.count()


@dataclass
class Group:
    """The folders of one step's group, removed by `close`; what the kernel does not let go yet is put into ``left``."""

    folders: Mapping[Shared, Path]
    version: int
    left: list[Path] = field(default_factory=list)

    def add(self, pid: int) -> None:
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the group for its memory."""
        folder = self.folders.get("memory")
        if folder is None:
            return False
        with contextlib.suppress(OSError):
            text = (folder / ("memory.oom_control" if self.version == 1 else "memory.events")).read_text()
            return any(line.split()[0] == "oom_kill" and line.split()[1] != "0" for line in text.splitlines())
        return False

    def close(self) -> None:
        for folder in set(self.folders.values()):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                self.left.append(folder)


@dataclass(frozen=True, slots=True)
class Cgroups:
    """``parents``: kind of limit -> folder below which groups can be made."""

    parents: Mapping[Shared, Path] = field(default_factory=dict)
    version: int = 1
    _threads: threading.local = field(default_factory=threading.local, compare=False)
    _held: list[Path] = field(default_factory=list, compare=False)

    @classmethod
    def here(cls, *, mounts: str | None = None, own: str | None = None) -> Cgroups:
        """What this process may use (/proc/self/mountinfo, /proc/self/cgroup); groups of dead engines are removed."""
        mounts = Path("/proc/self/mountinfo").read_text() if mounts is None else mounts
        own = Path("/proc/self/cgroup").read_text() if own is None else own
        for version in (1, 2):
            parents = _version_1(mounts, own) if version == 1 else _version_2(mounts, own)
            found = cls({kind: path for kind, path in parents.items() if os.access(path, os.W_OK)}, version)
            if found.parents:
                found.sweep()
                return found
        return cls()

    def make(self, limits: Limits) -> Group | None:
        """A group with those limits; None when there is none to hold, or no way."""
        wanted = {kind: value for kind, value in limits.grouped().items() if kind in self.parents}
        if not wanted:
            return None
        name = self._name()
        group = Group({kind: self.parents[kind] / name for kind in wanted}, self.version, self._held)
        try:
            for kind, folder in group.folders.items():
                folder.mkdir(exist_ok=True)
                for file in _LIMIT[self.version, kind]:
                    with contextlib.suppress(FileNotFoundError):
                        (folder / file).write_text(str(wanted[kind]))
        except OSError:
            group.close()
            return None
        return group

    def bound_thread(self, processes: int) -> bool:
        """Whether what the calling thread starts from now on, all together, is at most so many processes.

        A group for each thread (cgroup-v1/cgroups.rst: ``tasks``), which it joins once: to move a process into a group
        of its own waits for the whole machine (11 ms measured), more than a sandbox takes to start.
        """
        if self.version != 1 or "pids" not in self.parents:
            return False
        if not hasattr(self._threads, "group"):
            folder = self.parents["pids"] / self._name()
            try:
                folder.mkdir()
                # The thread itself and what keeps a sandbox from outside count too.
                (folder / "pids.max").write_text(str(processes + _KEEPERS))
                (folder / "tasks").write_text(str(threading.get_native_id()))
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                return False
            self._threads.group = folder
            self._held.append(folder)
        return True

    def close(self) -> None:
        """Remove the threads' groups; threads that live on leave them."""
        held, self._held[:] = list(self._held), []
        for folder in held:
            for thread in _tasks(folder):
                with contextlib.suppress(OSError):
                    (folder.parent / "tasks").write_text(thread)
            Group({"pids": folder}, self.version, self._held).close()
            if getattr(self._threads, "group", None) == folder:
                del self._threads.group

    @staticmethod
    def _name() -> str:
        return f"{_PREFIX}{os.getpid()}-{_started(os.getpid())}-{next(_numbers)}"

    def sweep(self) -> None:
        """Remove the groups of engines that are gone, with whatever still runs in them."""
        for parent in set(self.parents.values()):
            for folder in parent.glob(f"{_PREFIX}*"):
                pid, _, rest = folder.name.removeprefix(_PREFIX).partition("-")
                if pid.isdigit() and _started(int(pid)) != rest.partition("-")[0]:
                    _end(folder)


def _tasks(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / "tasks").read_text().split()
    return []


def _end(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in map(int, (folder / "cgroup.procs").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                try:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    select.select([descriptor], [], [])
                finally:
                    os.close(descriptor)
        folder.rmdir()


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty if there is none (proc(5) stat, field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _version_1(mounts: str, own: str) -> dict[Shared, Path]:
    paths = {name: line.split(":", 2)[2] for line in own.splitlines() for name in line.split(":", 2)[1].split(",")}
    found: dict[Shared, Path] = {}
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split()[:3]
        for wanted in _KINDS:
            if kind == "cgroup" and wanted in options.split(",") and wanted in paths:
                found[wanted] = _below(fields, paths[wanted])
    return found


def _version_2(mounts: str, own: str) -> dict[Shared, Path]:
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        if path is None or rest.split()[0] != "cgroup2":
            continue
        folder = _below(fields, path)
        control = folder / "cgroup.subtree_control"
        with contextlib.suppress(OSError):
            if not {"memory", "pids"} <= set(control.read_text().split()):
                # Allowed where the folder holds no process itself, or is the root: else only what is on already.
                with contextlib.suppress(OSError):
                    control.write_text("+memory +pids")
            active = control.read_text().split()
            return {kind: folder for kind in _KINDS if kind in active}
    return {}


def _below(fields: str, path: str) -> Path:
    """The folder of cgroup ``path`` at a mount, of which field 4 is the root (proc(5) mountinfo)."""
    root, point = fields.split()[3:5]
    return Path(point, path.removeprefix(root).lstrip("/"))
