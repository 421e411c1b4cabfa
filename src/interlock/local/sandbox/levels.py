"""How steps are isolated on a machine, at one of three levels:

- ``bubblewrap`` (bwrap(1)): own user, pid, mount, ipc, uts and network namespaces, no capabilities, a new session, and
  death with the engine;
- ``unshare`` (unshare(1) of util-linux, with `inside` as its first process): the same namespaces and mounts;
- ``none``, path rewriting: a plain process with the paths in its command, script and environment replaced.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from interlock.local.sandbox.cgroups import Cgroups
from interlock.local.sandbox.limits import PROCESSES, Limits
from interlock.local.sandbox.namespaces import Helper
from interlock.local.sandbox.system import System

Level = Literal["bubblewrap", "unshare", "none"]
Choice = Literal["auto", "bubblewrap", "unshare", "rewriting"]

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
