"""The programs of this machine that stand in for an image's, and where a sandbox sees them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

MACHINE: Final = "/.machine"
"""Where the machine's own program folders are mounted in a root that has others at their place."""

HIDDEN: Final = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_SHARED: Final = ("lib", "lib64", "libexec", "share", "include")
_CONFIGURATION: Final = {"mvn": ("maven",), "java": ("java-*-openjdk",), "perl": ("perl",)}
_READ = 1 << 20


@dataclass
class Machine:
    """``python`` is the prefix of the interpreter that ``python3`` means; ``search``: folders, first wins."""

    search: tuple[Path, ...]
    python: Path
    _digests: dict[tuple[str, int, int], str] = field(default_factory=dict)

    @classmethod
    def this(cls, path: str) -> Machine:
        """This machine; ``path`` is the engine's own $PATH, of which only folders below /usr count: a sandbox has no
        others."""
        listed = [Path(folder) for folder in path.split(":") if folder.startswith(("/usr/", "/bin", "/sbin"))]
        usual = [Path(folder) for folder in (*HIDDEN, "/usr/local/go/bin", "/bin", "/sbin")]
        return cls(tuple(dict.fromkeys([*listed, *usual])), Path(sys.base_prefix))

    def find(self, name: str) -> Path | None:
        """The program ``name``, links followed; None where this machine lacks it."""
        folders = [self.python / "bin", *self.search] if name.startswith(("python", "pip", "pydoc", "idle")) else []
        aliases: tuple[str, ...] = {
            "python": ("python3",),
            "pip": ("pip3",),
            "nodejs": ("node",),
            "gtar": ("tar",),
        }.get(name, ())
        for candidate in (name, *aliases):
            for folder in folders or self.search:
                path = folder / candidate
                if path.is_file() and os.access(path, os.X_OK):
                    return path.resolve()
        return None

    @cached_property
    def busybox(self) -> Path | None:
        """A statically linked BusyBox or any other; None without."""
        return self.find("busybox")

    @cached_property
    def applets(self) -> frozenset[str]:
        """What that BusyBox can be called as."""
        if self.busybox is None:
            return frozenset()
        command = [str(self.busybox), "--list"]
        done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=20, check=False)
        return frozenset(done.stdout.split())

    @cached_property
    def standalone(self) -> bool:
        """Whether its shell runs applets of its own before it looks at $PATH (CONFIG_FEATURE_SH_STANDALONE)."""
        if self.busybox is None:
            return False
        command = [str(self.busybox), "sh", "-c", "ls / >/dev/null"]
        done = subprocess.run(command, env={"PATH": "/nowhere"}, capture_output=True, timeout=20, check=False)
        return done.returncode == 0

    def digest(self, path: Path) -> str:
        """SHA-256 of a program, remembered while the file stays as it is."""
        about = path.stat()
        key = (str(path), about.st_size, about.st_mtime_ns)
        if key not in self._digests:
            state = hashlib.sha256()
            with path.open("rb") as file:
                while data := file.read(_READ):
                    state.update(data)
            self._digests[key] = f"sha256:{state.hexdigest()}"
        return self._digests[key]


def inside(path: Path) -> str:
    """``path`` of this machine, links followed, as a sandbox with other program folders sees it."""
    hidden = any(path.is_relative_to(folder) for folder in HIDDEN)
    return f"{MACHINE}{path}" if hidden else str(path)


def configuration(programs: Collection[str]) -> list[str]:
    """bubblewrap's arguments for what Debian's packages of ``programs`` keep in /etc."""
    patterns = [pattern for name, found in _CONFIGURATION.items() if name in programs for pattern in found]
    paths = sorted({str(path) for pattern in patterns for path in Path("/etc").glob(pattern)})
    return [word for path in paths for word in ("--ro-bind", path, path)]


def mounts(folders: Mapping[str, Path]) -> list[str]:
    """bubblewrap's arguments for ``folders`` (path inside -> folder here) over the machine's, which move to `MACHINE`.

    A program there still finds what it looks for beside its folder (``../lib``).
    """
    arguments: list[str] = []
    for path in HIDDEN:
        if Path(path).is_dir() and not Path(path).is_symlink():
            arguments += ["--ro-bind", path, f"{MACHINE}{path}"]
    for name in _SHARED:
        if Path("/usr", name).exists():
            arguments += ["--symlink", f"/usr/{name}", f"{MACHINE}/usr/{name}"]
    for path, folder in folders.items():
        if path in HIDDEN and not Path(path).is_dir():
            continue
        arguments += ["--ro-bind", str(folder), path]
    return arguments
