"""The part of the machine that every step sees, read-only: system folders, the Python environment, the toolbox.

Computed once when the engine starts. Nothing of anybody's home, of the engine's data folder or of other processes is in
it: /etc holds six small files of ours, and copies of the loader's and the certificates'.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import interlock
from interlock.clients import files

UID = 65532
"""The user inside: "nonroot", as distroless images name it."""

_MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = {
    "passwd": f"root:x:0:0:root:/root:/bin/sh\nnonroot:x:{UID}:{UID}:nonroot:/tekton/home:/bin/sh\n",
    "group": f"root:x:0:\nnonroot:x:{UID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
    "gitconfig": "",
}
_COPIED = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
)
"""Taken over when the engine starts: each mount costs every step a quarter of a millisecond, and beside some of these
lie private keys (/etc/pki/tls/private), which an engine that runs as root must not show."""
_HOST_LOCAL = "/run/interlock/usr-local"


@dataclass(frozen=True, slots=True)
class System:
    """``arguments``: bubblewrap's mounts; ``path``: $PATH inside; ``toolbox``: the executable outside."""

    arguments: tuple[str, ...]
    path: str
    toolbox: Path
    etc: Path = Path("/nonexistent")
    """The folder bound at /etc."""

    def with_etc(self, folder: Path, held: Mapping[str, str]) -> System:
        """The same machine with other files in /etc (name -> text), held in ``folder``, which is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.etc, folder, symlinks=True)
        for name, text in held.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        own, other = str(self.etc), str(folder)
        return replace(self, arguments=tuple(other if word == own else word for word in self.arguments), etc=folder)


def build(folder: Path, data: Path, *, toolbox: Path | None = None) -> System:
    """Write the synthesized files below ``folder`` and list the mounts; ``data`` is hidden wherever one shows it."""
    etc = folder / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    for name, text in _ETC.items():
        files.write_durably(etc / name, text)
    bin_folder = folder / "usr-local-bin"
    executable = toolbox or _toolbox(bin_folder)
    arguments = ["--ro-bind", "/usr", "/usr"]
    for path in _MERGED:
        if Path(path).is_symlink():
            arguments += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            arguments += ["--ro-bind", path, path]
    arguments += _local(bin_folder, executable)
    _copy(etc)
    arguments += ["--ro-bind", str(etc), "/etc"]
    roots = _python_roots(toolbox)
    for root in roots:
        arguments += ["--ro-bind", str(root), str(root)]
    for root in [Path("/usr"), *roots]:
        if data.resolve().is_relative_to(root.resolve()):
            arguments += ["--tmpfs", str(data.resolve())]
    return System(tuple(arguments), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", executable, etc)


def _copy(etc: Path) -> None:
    """What `_COPIED` names, links as links, anew only where the machine's own has changed."""
    for path in map(Path, _COPIED):
        target = etc / path.relative_to("/etc")
        mark = target.with_name(f".{target.name}.of")
        if not path.exists():
            continue
        made = str(path.stat().st_mtime_ns)
        if mark.is_file() and mark.read_text() == made and target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, copy_function=_copied)
        else:
            _copied(str(path), str(target))
        mark.write_text(made)


def _copied(source: str, target: str) -> None:
    """The content alone; a file that this user cannot read is left out, as the step could not read it either."""
    with contextlib.suppress(PermissionError):
        shutil.copyfile(source, target)


def _local(bin_folder: Path, executable: Path) -> list[str]:
    """``interlock-toolbox`` in /usr/local/bin; the machine's own programs stay reachable there.

    The folder holds links to where the machine's /usr/local is seen once more: two mounts, and relative links of it
    (``npm``) still lead where they did.
    """
    bin_folder.mkdir(parents=True, exist_ok=True)
    wanted = {} if executable.parent == bin_folder else {"interlock-toolbox": str(executable)}
    own = Path("/usr/local/bin")
    if own.is_dir():
        names = {item.name for item in own.iterdir()} - {"interlock-toolbox"}
        wanted |= {name: f"{_HOST_LOCAL}/bin/{name}" for name in sorted(names)}
    for item in bin_folder.iterdir():
        if item.is_symlink() and str(item.readlink()) != wanted.get(item.name):
            item.unlink()
    for name, target in wanted.items():
        if not (bin_folder / name).is_symlink():
            (bin_folder / name).symlink_to(target)
    bound = ["--ro-bind", str(bin_folder), "/usr/local/bin"]
    if not own.is_dir():
        return ["--tmpfs", "/usr/local", *bound, "--remount-ro", "/usr/local"]
    return ["--ro-bind", "/usr/local", _HOST_LOCAL, *bound]


def _toolbox(bin_folder: Path) -> Path:
    """A launcher for this installation's toolbox, which does not depend on console scripts being installed."""
    launcher = bin_folder / "interlock-toolbox"
    text = f"#!{sys.executable} -I\nimport sys\nfrom interlock.platform.toolbox import main\nsys.exit(main())\n"
    files.write_durably(launcher, text, mode=0o755)
    return launcher


def _python_roots(toolbox: Path | None) -> list[Path]:
    """Folders and files that this Python and the toolbox need, outermost only."""
    wanted = [Path(sys.prefix), Path(sys.base_prefix), Path(interlock.__file__).parent]
    if toolbox is not None:
        wanted.append(toolbox)
    hop = Path(sys.executable)
    while hop.is_symlink():
        wanted.append(hop)
        hop = hop.parent / hop.readlink()
    wanted.append(Path(os.path.normpath(hop)))
    wanted += [path.resolve() for path in wanted]
    covered = [Path("/usr")]
    for path in sorted(set(wanted), key=lambda item: len(item.parts)):
        if not any(path.is_relative_to(root) for root in covered):
            covered.append(path)
    return covered[1:]
