"""A root file system from bubblewrap's words: the part of bwrap(1) that `mounts` and roots use.

Runs with all capabilities in a user namespace of its own, as bubblewrap does, and in bubblewrap's order: a temporary
root with the machine's at ``/oldroot``, the mounts below ``/newroot``, then the old root goes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from interlock.local.sandbox.inside import kernel

_OLD, _NEW = "/oldroot", "/newroot"
_OPERANDS = {
    **dict.fromkeys(("--bind", "--ro-bind", "--dev-bind", "--bind-try", "--ro-bind-try", "--dev-bind-try"), 2),
    **dict.fromkeys(("--bind-fd", "--ro-bind-fd", "--file", "--ro-bind-data", "--symlink", "--setenv", "--chmod"), 2),
    **dict.fromkeys(("--tmpfs", "--dir", "--proc", "--dev", "--remount-ro", "--perms", "--chdir", "--hostname"), 1),
    **dict.fromkeys(("--overlay-src", "--tmp-overlay", "--ro-overlay", "--size", "--hold"), 1),
    "--place": 4,
    "--nested": 0,
}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass
class Words:
    """What was asked for, beside the mounts."""

    operations: list[tuple[str, list[str]]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    working_dir: str = "/"
    hostname: str = ""
    nested: bool = False
    places: list[list[str]] = field(default_factory=list)
    held: list[int] = field(default_factory=list)


def read(descriptor: int) -> Words:
    """The words that a descriptor holds, each ended by NUL. Raises ValueError for one that is unknown."""
    with os.fdopen(descriptor, "rb") as file:
        words = file.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
    found, at = Words(), 0
    while at < len(words):
        word = words[at]
        if word not in _OPERANDS:
            raise ValueError(f"not a word of a root: {word}")
        operands = words[at + 1 : at + 1 + _OPERANDS[word]]
        at += 1 + _OPERANDS[word]
        if word == "--setenv":
            found.environment[operands[0]] = operands[1]
        elif word == "--chdir":
            found.working_dir = operands[0]
        elif word == "--hostname":
            found.hostname = operands[0]
        elif word == "--nested":
            found.nested = True
        elif word == "--place":
            found.places.append(operands)
        elif word == "--hold":
            found.held.append(int(operands[0]))
        else:
            found.operations.append((word, operands))
    return found


class Root:
    """Made by `make`; afterwards it is the root of this process."""

    def __init__(self, operations: Sequence[tuple[str, list[str]]]) -> None:
        self._operations = [(word, self._resolved(word, operands)) for word, operands in operations]
        self._perms: int | None = None
        self._lower: list[str] = []
        self._overlays = 0

    @staticmethod
    def _resolved(word: str, operands: list[str]) -> list[str]:
        """Links in a source are the machine's, and mean nothing once the root has changed."""
        if "bind" in word and not word.endswith(("-fd", "-data")):
            return [os.path.realpath(operands[0]), operands[1]]
        if word == "--overlay-src":
            return [os.path.realpath(operands[0])]
        return operands

    def make(self) -> None:
        kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.NOSUID | kernel.NODEV, "mode=0755")  # noqa: S108
        for name in (_OLD, _NEW):
            os.mkdir(f"/tmp{name}", 0o755)  # noqa: S108, PTH102
        new = f"/tmp{_NEW}"  # noqa: S108
        kernel.mount(new, new, None, kernel.BIND | kernel.REC)
        kernel.pivot("/tmp", f"/tmp{_OLD}")  # noqa: S108
        os.chdir("/")
        for word, operands in self._operations:
            self._do(word, operands)
        kernel.unmount(_OLD)
        os.chdir(_NEW)
        kernel.pivot(".", ".")
        kernel.unmount(".")
        os.chdir("/")

    def _do(self, word: str, operands: list[str]) -> None:
        if word == "--perms":
            self._perms = int(operands[0], 8)
            return
        if word == "--size":
            return
        if word == "--overlay-src":
            self._lower.append(_OLD + operands[0])
            return
        perms, self._perms = self._perms, None
        target = _NEW + operands[-1]
        if word == "--symlink":
            self._parents(target)
            if not os.path.islink(target):  # noqa: PTH114
                os.symlink(operands[0], target)  # noqa: PTH211
        elif word == "--dir":
            os.makedirs(target, 0o755, exist_ok=True)  # noqa: PTH103
            if perms is not None:
                os.chmod(target, perms)  # noqa: PTH101
        elif word == "--chmod":
            os.chmod(target, int(operands[0], 8))  # noqa: PTH101
        elif word in ("--file", "--ro-bind-data"):
            self._file(int(operands[0]), target, perms)
        elif word == "--remount-ro":
            kernel.set_attributes(target, kernel.ATTR_READ_ONLY, recursive=False)
        elif word in ("--tmp-overlay", "--ro-overlay"):
            self._overlay(target, writable=word == "--tmp-overlay")
        elif word in ("--tmpfs", "--proc", "--dev"):
            os.makedirs(target, 0o755, exist_ok=True)  # noqa: PTH103
            getattr(self, "_" + word[2:])(target)
        elif word.endswith("-fd"):
            self._bind_descriptor(word, int(operands[0]), target)
        else:
            self._bind(word, _OLD + operands[0], target)

    @staticmethod
    def _parents(target: str) -> None:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)  # noqa: PTH103, PTH120

    def _bind(self, word: str, source: str, target: str) -> None:
        if word.endswith("-try") and not os.path.exists(source):  # noqa: PTH110
            return
        if os.path.isdir(source):  # noqa: PTH112
            os.makedirs(target, 0o755, exist_ok=True)  # noqa: PTH103
        elif not os.path.exists(target):  # noqa: PTH110
            self._parents(target)
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o444))
        kernel.mount(source, target, None, kernel.BIND | kernel.REC)
        attributes = kernel.ATTR_NOSUID
        attributes |= kernel.ATTR_READ_ONLY if word.startswith("--ro") else 0
        attributes |= 0 if word.startswith("--dev") else kernel.ATTR_NODEV
        kernel.set_attributes(target, attributes, recursive=True)

    def _bind_descriptor(self, word: str, descriptor: int, target: str) -> None:
        # Where the folder is now; that it is the very folder is seen once it is mounted, where nobody swaps it.
        # The descriptor is of the machine's own mounts, whose paths are seen from its root.
        source = _OLD + os.readlink(f"{_OLD}/proc/self/fd/{descriptor}")  # noqa: PTH115
        self._bind(word.removesuffix("-fd"), source, target)
        mounted, held = os.stat(target), os.fstat(descriptor)  # noqa: PTH116
        if (mounted.st_dev, mounted.st_ino) != (held.st_dev, held.st_ino):
            raise OSError(f"another folder took the place of {target.removeprefix(_NEW)}")

    def _file(self, descriptor: int, target: str, perms: int | None) -> None:
        self._parents(target)
        with os.fdopen(descriptor, "rb") as source, open(target, "xb") as made:  # noqa: PTH123
            made.write(source.read())
        os.chmod(target, 0o444 if perms is None else perms)  # noqa: PTH101

    def _tmpfs(self, target: str) -> None:
        kernel.mount("tmpfs", target, "tmpfs", kernel.NOSUID | kernel.NODEV, "mode=0755")

    def _proc(self, target: str) -> None:
        kernel.mount("proc", target, "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)

    def _dev(self, target: str) -> None:
        self._tmpfs(target)
        for name in _DEVICES:
            self._bind("--dev-bind", f"{_OLD}/dev/{name}", f"{target}/{name}")
        for name, link in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("core", "kcore")):
            os.symlink(f"/proc/{'self/' if name != 'core' else ''}{link}", f"{target}/{name}")  # noqa: PTH211
        for name in ("pts", "shm"):
            os.mkdir(f"{target}/{name}", 0o755)  # noqa: PTH102
        kernel.mount("devpts", f"{target}/pts", "devpts", kernel.NOSUID | kernel.NOEXEC, "newinstance,ptmxmode=0666")
        os.symlink("pts/ptmx", f"{target}/ptmx")  # noqa: PTH211

    def _overlay(self, target: str, *, writable: bool) -> None:
        """``--overlay-src`` lists the lowest layer first; overlayfs wants the highest first."""
        os.makedirs(target, 0o755, exist_ok=True)  # noqa: PTH103
        lower = ":".join(_escaped(path) for path in reversed(self._lower))
        options = f"lowerdir={lower},userxattr"
        if writable:
            self._overlays += 1
            layer = f"/overlay-{self._overlays}"
            os.makedirs(f"{layer}/upper")  # noqa: PTH103
            os.makedirs(f"{layer}/work")  # noqa: PTH103
            options = f"upperdir={layer}/upper,workdir={layer}/work,{options}"
        self._lower = []
        kernel.mount("overlay", target, "overlay", 0, options)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
