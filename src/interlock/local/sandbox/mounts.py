"""A view's mounts, in bubblewrap's words: what bwrap(1) reads from ``--args``, and `inside` too."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.local.sandbox import beneath
from interlock.local.sandbox.launch import memory
from interlock.local.sandbox.system import System
from interlock.local.sandbox.view import TMP, Bind, Tree, View

STAGED = "/tekton/.mounts"
"""Where mounts wait that belong inside a shared volume."""


@dataclass
class Mounts:
    """``arguments`` name ``descriptors``, which the sandbox inherits. ``late`` see `inside.place`."""

    arguments: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)

    def add(self, mount: Bind | Tree, target: str) -> None:
        if isinstance(mount, Tree):
            self._tree(mount, target)
        elif mount.sub_path:
            self.descriptors.append(beneath.folder(mount.source, mount.sub_path))
            kind = "--ro-bind-fd" if mount.read_only else "--bind-fd"
            self.arguments += [kind, str(self.descriptors[-1]), target]
        else:
            self.arguments += ["--ro-bind" if mount.read_only else "--bind", str(mount.source), target]

    def _tree(self, tree: Tree, target: str) -> None:
        if not tree.files:
            self.arguments += ["--perms", "0555", "--dir", target]
            return
        self.arguments += ["--tmpfs", target]
        for name, content in tree.files.items():
            self.descriptors.append(memory(content))
            self.arguments += [
                "--perms",
                f"{tree.mode_of(name):04o}",
                "--file",
                str(self.descriptors[-1]),
                f"{target}/{name}",
            ]


def of(view: View, system: System) -> Mounts:
    """The mounts of ``view``, outer ones first.

    Raises RefusedError ``path-climbs`` for a link where a volume's own mount point should be.
    """
    made = Mounts()
    try:
        _build(made, view, system)
    except BaseException:
        for descriptor in made.descriptors:
            os.close(descriptor)
        raise
    return made


def _build(made: Mounts, view: View, system: System) -> None:
    base = system.arguments if view.root is None else view.root.arguments
    base = opened(base, [mount.target for mount in view.mounts])
    first = [str(bind.source) for bind in view.binds if bind.target == TMP]
    own = ["--bind", first[0], TMP] if first else ["--dir", TMP]
    # The Python environment may itself be below /tmp: the private one must not hide it. A whole root would.
    made.arguments += [*base, *own] if "/" in base else [*own, *base]
    made.arguments += ["--dev", "/dev", "--dir", f"/var{TMP}", "--dir", "/run", *_proc()]
    ordered = sorted((mount for mount in view.mounts if mount.target != TMP), key=lambda item: item.target.count("/"))
    late: list[Bind | Tree] = []
    for mount in ordered:
        outer = _around(mount, ordered)
        if outer is not None and (outer in late or (isinstance(outer, Bind) and outer.shared)):
            late.append(mount)
            staged = f"{STAGED}/{len(made.late)}"
            made.add(mount, staged)
            inside = mount.target.removeprefix(outer.target + "/")
            made.late.append({"from": staged, "base": outer.target, "inside": inside, "folder": _folder(mount)})
            continue
        if isinstance(outer, Bind):
            # Made by us, so that no link of a step decides where bubblewrap makes it.
            inside = mount.target.removeprefix(outer.target + "/")
            beneath.place(outer.source, f"{outer.sub_path}/{inside}".lstrip("/"), directory=_folder(mount))
        made.add(mount, mount.target)
    for tree in ordered:
        if isinstance(tree, Tree) and tree.files and tree not in late:
            made.arguments += ["--remount-ro", tree.target]


def opened(arguments: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    """A root's mounts with room for ``targets``: a read-only folder that lacks one is bound by its entries."""
    made: list[str] = []
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word == "--ro-bind":
            made += _entries(Path(arguments[at + 1]), arguments[at + 2], targets)
            at += 3
        else:
            made.append(word)
            at += 1
    return tuple(made)


def _entries(source: Path, target: str, targets: Sequence[str]) -> list[str]:
    below = [item.removeprefix(target + "/") for item in targets if item.startswith(target + "/")]
    if not below or not source.is_dir() or all((source / item).exists() for item in below):
        return ["--ro-bind", str(source), target]
    made: list[str] = []
    for entry in source.iterdir():
        name = f"{target}/{entry.name}"
        if entry.is_symlink():
            made += ["--symlink", str(entry.readlink()), name]
        elif entry.is_dir() or entry.is_file():
            made += _entries(entry, name, [item for item in targets if item != name])
    return made


def _around(mount: Bind | Tree, mounts: list[Bind | Tree]) -> Bind | Tree | None:
    """The innermost mount that ``mount`` lies in."""
    around = [item for item in mounts if item is not mount and mount.target.startswith(item.target + "/")]
    return max(around, key=lambda item: len(item.target), default=None)


def _folder(mount: Bind | Tree) -> bool:
    return isinstance(mount, Tree) or bool(mount.sub_path) or mount.source.is_dir()


# What runtimes mask in /proc (opencontainers/runc libcontainer/SPEC.md), where the machine has it.
_MASKED = ("acpi", "asound", "kcore", "keys", "kmsg", "latency_stats", "sched_debug", "scsi", "slabinfo", "timer_list")


@functools.cache
def _proc() -> tuple[str, ...]:
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
        elif path.exists() and os.access(path, os.R_OK):
            arguments += ["--ro-bind", "/dev/null", str(path)]
    return (*arguments, "--remount-ro", "/proc")
