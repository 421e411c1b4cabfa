"""One step's view of the machine: what it runs, and what it sees at which path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from interlock.local.sandbox.limits import Limits
from interlock.local.sandbox.pod import Pod

TMP = "/tmp"  # noqa: S108 - a path inside
SCRIPTS = "/tekton/scripts/"


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
