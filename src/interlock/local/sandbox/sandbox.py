"""One step's view of the machine, and the level of isolation at which this machine can give it.

Three levels, the strongest that works or the one that the configuration names:

- ``bubblewrap`` (bwrap(1)): own user, pid, mount, ipc, uts and network namespaces, no capabilities, a new session, and
  death with the engine;
- ``unshare`` (unshare(1) of util-linux, with `inside` as its first process): the same namespaces and mounts;
- ``none``, path rewriting: a plain process with the paths in its command, script and environment replaced.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from interlock.errors import UnsupportedError
from interlock.local.sandbox import orphans
from interlock.local.sandbox.cgroups import Cgroups
from interlock.local.sandbox.limits import PROCESSES, Limits
from interlock.local.sandbox.namespaces import Helper
from interlock.local.sandbox.pod import Pod
from interlock.local.sandbox.programs import bubblewrap, find
from interlock.local.sandbox.system import System

if TYPE_CHECKING:
    from interlock.local.sandbox.launch import Launch

Level = Literal["bubblewrap", "unshare", "none"]
Choice = Literal["auto", "bubblewrap", "unshare", "rewriting"]
TMP = "/tmp"  # noqa: S108 - a path inside
SCRIPTS = "/tekton/scripts/"

_NOT_ENFORCED: Mapping[Level, tuple[str, ...]] = {
    "bubblewrap": (),
    "unshare": (),
    "none": (
        "file system: a step may read and write what the engine's user may",
        "read-only mounts",
        "isolation of steps' workspaces and files",
        "network",
        "processes: a step sees those of the machine",
        "paths that a program builds itself or reads from a file",
    ),
}
_PROBE_SECONDS = 20


class RootFileSystem(Protocol):
    """The root that steps of one image see: mounts in bubblewrap's words (`images.Root`)."""

    @property
    def arguments(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Bind:
    """A host path, or the folder ``sub_path`` below it, at a path inside.

    ``shared``: other runs may write there now; what is mounted inside of it is placed without following a link.
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
    modes: Mapping[str, int] = field(default_factory=dict)
    """Of files that have another one."""

    def mode_of(self, name: str) -> int:
        return self.modes.get(name, self.mode)


@dataclass(frozen=True, slots=True)
class View:
    """What one step sees and runs.

    ``root`` replaces the machine's own system folders. ``network_of`` is the Pod whose network it shares; without one
    it has a network of its own, which leads nowhere.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    binds: Sequence[Bind]
    trees: Sequence[Tree] = ()
    working_dir: str = "/"
    hostname: str = "step"
    root: RootFileSystem | None = None
    limits: Limits = field(default_factory=Limits)
    network_of: Pod | None = None

    @property
    def mounts(self) -> list[Bind | Tree]:
        return [*self.binds, *self.trees]


@dataclass(frozen=True, slots=True)
class Isolation:
    """How steps are isolated on this machine. ``nested`` is whether steps may make user namespaces of their own."""

    level: Level
    system: System
    nested: bool = False
    cgroups: Cgroups = field(default_factory=Cgroups, compare=False)
    helper: Helper = field(default_factory=Helper, compare=False)

    def close(self) -> None:
        """End what was started for Pods, and remove the cgroups of threads."""
        self.helper.close()
        self.cgroups.close()

    def bounded(self, limits: Limits) -> Limits:
        """The limits that are still to be set for a process that this thread starts now."""
        by_thread = limits.processes == PROCESSES and os.geteuid() == 0 and self.cgroups.bound_thread(PROCESSES)
        # For every other user an rlimit does it, where it counts the sandbox alone.
        by_rlimit = limits.processes == PROCESSES and os.geteuid() != 0
        return replace(limits, processes=None) if by_thread else replace(limits, grouped_processes=not by_rlimit)

    @property
    def not_enforced(self) -> tuple[str, ...]:
        """What this level cannot keep a step from, in words for the status and the log."""
        user = ("user namespaces of a step's own",) if self.nested else ()
        own = self.level != "none"
        limits = Limits().not_enforced(self.cgroups.parents, own_processes=own, root=os.geteuid() == 0)
        return (*_NOT_ENFORCED[self.level], *user, *limits)

    def launch(self, view: View, *, lock: int | None = None, held: bool = False) -> Launch:
        """``lock`` is a descriptor that stays open until every process of the sandbox is gone.

        ``held``: the command starts with `Launch.release`, and not at once.
        """
        launch = launchers()[self.level](self, view, lock)
        if not held:
            launch.release()
        return launch


__all__ = ["Bind", "Isolation", "Level", "Limits", "Pod", "Tree", "View", "bubblewrap", "find", "probe"]


def launchers() -> Mapping[Level, _Launcher]:
    """What starts a view at each level; they know of views, and views nothing of them."""
    from interlock.local.sandbox import bubblewrap, rewriting, unshare

    return {"bubblewrap": bubblewrap.launch, "unshare": unshare.launch, "none": rewriting.launch}


class _Launcher(Protocol):
    def __call__(self, isolation: Isolation, view: View, lock: int | None, /) -> Launch: ...


def probe(system: System, *, allow_weaker: bool, choice: Choice = "auto") -> Isolation:
    """The strongest level that works on this machine, or ``choice``.

    Without ``allow_weaker`` only those with namespaces of a step's own: ``unshare`` keeps steps apart as bubblewrap
    does, and rules for environments tell them apart by name. What an engine that was killed left of its sandboxes is
    ended first. Raises UnsupportedError ``no-sandbox`` when none of them works, with what each said.
    """
    levels: dict[Choice, tuple[Level, ...]] = {
        "auto": ("bubblewrap", "unshare"),
        "bubblewrap": ("bubblewrap",),
        "unshare": ("unshare",),
        "rewriting": (),
    }
    orphans.end(bubblewrap())
    problems = []
    for level in levels[choice]:
        for nested in (False, True):
            isolation = Isolation(level, system, nested)
            problem = _problem(isolation)
            if problem is None:
                return replace(isolation, cgroups=Cgroups.here())
        problems.append(f"{level}: {problem}")
    if allow_weaker and choice in ("auto", "rewriting"):
        return Isolation("none", system, cgroups=Cgroups.here())
    raise UnsupportedError(
        "no-sandbox",
        "neither bubblewrap nor unshare can make a sandbox on this machine"
        if choice == "auto"
        else f"isolation by {choice} is not possible",
        got="; ".join(problems) or "allow_weaker_isolation is not set",
        todo="allow unprivileged user namespaces, or set allow_weaker_isolation: true and accept what runs then say",
    )


def _problem(isolation: Isolation) -> str | None:
    """Why a step cannot be started so; None when it can."""
    try:
        with isolation.launch(View(command=["/usr/bin/true"], environment={}, binds=[])) as launch:
            done = subprocess.run(
                launch.argv,
                env=launch.environment,
                pass_fds=launch.descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PROBE_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip() or str(done.returncode)
