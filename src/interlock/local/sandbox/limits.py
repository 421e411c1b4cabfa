"""What a step may use up of CPU time, memory, processes, files and output; by cgroup where one can be made."""

from __future__ import annotations

import resource
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

PROCESSES = 4096
"""Unless a step says otherwise: what keeps a fork bomb from the machine (a kubelet's usual podPidsLimit)."""
OUTPUT = 1 << 30
"""Bytes of log that a step may write; what follows is read and not kept."""

Shared = Literal["memory", "pids"]
"""What a cgroup can limit for all processes of a step together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit. CPU seconds and file bytes hold for each process; memory and processes for the step."""

    cpu_seconds: int | None = None
    memory_bytes: int | None = None
    processes: int | None = PROCESSES
    file_bytes: int | None = None
    output_bytes: int = OUTPUT
    grouped_processes: bool = True
    """Whether a cgroup should limit the processes where an rlimit could."""

    def grouped(self) -> dict[Shared, int]:
        """What a cgroup should limit."""
        wanted: dict[Shared, int | None] = {"memory": self.memory_bytes}
        wanted["pids"] = self.processes if self.grouped_processes else None
        return {kind: value for kind, value in wanted.items() if value is not None}

    def rlimits(self, grouped: Collection[Shared], *, own_processes: bool, root: bool) -> dict[int, int]:
        """Resource -> limit, without what a cgroup limits already.

        Memory as RLIMIT_DATA, so that address space that is only reserved (JVM, Go, Node) does not count. Processes are
        counted for each user and user namespace (Linux 5.14): without one of its own (``own_processes``) a step would
        share the limit with everything that the engine's user runs, and root has none (fork(2)).
        """
        wanted = {
            resource.RLIMIT_CPU: self.cpu_seconds,
            resource.RLIMIT_FSIZE: self.file_bytes,
            resource.RLIMIT_DATA: self.memory_bytes if "memory" not in grouped else None,
            resource.RLIMIT_NPROC: self.processes if "pids" not in grouped and own_processes and not root else None,
        }
        return {kind: value for kind, value in wanted.items() if value is not None}

    def not_enforced(self, grouped: Collection[Shared], *, own_processes: bool, root: bool) -> tuple[str, ...]:
        """What of these limits cannot be held."""
        found = []
        if self.memory_bytes is not None and "memory" not in grouped:
            found.append("limit of memory for a step as a whole: each of its processes is limited")
        if self.processes is not None and "pids" not in grouped and (root or not own_processes):
            found.append("limit of processes")
        return tuple(found)


def apply(pid: int, rlimits: dict[int, int]) -> None:
    """Set limits of a process that has not yet started anything. Raises OSError."""
    for kind, value in rlimits.items():
        hard = resource.prlimit(pid, kind)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.prlimit(pid, kind, (bounded, bounded))
