"""The part of the machine that every step sees, read-only: system folders, the Python environment, the toolbox.

Computed once when the engine starts. Nothing of anybody's home, of the engine's data folder or of other processes is in
it: /etc holds six small files of ours and the certificates.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
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
_CERTIFICATES = (
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/usr/share/ca-certificates",
)
_LINKS = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")


@dataclass(frozen=True, slots=True)
class System:
    """``arguments``: bubblewrap's mounts; ``path``: $PATH inside; ``toolbox``: the executable outside."""

    arguments: tuple[str, ...]
    path: str
    toolbox: Path


def build(folder: Path, data: Path, *, toolbox: Path | None = None) -> System:
    """Write the synthesized files below ``folder`` and list the mounts; ``data`` is hidden wherever one shows it."""
    etc = folder / "etc"
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
    for name in _ETC:
        arguments += ["--ro-bind", str(etc / name), f"/etc/{name}"]
    for path in (*_CERTIFICATES, *_LINKS):
        arguments += ["--ro-bind-try", path, path]
    roots = _python_roots(toolbox)
    for root in roots:
        arguments += ["--ro-bind", str(root), str(root)]
    for root in [Path("/usr"), *roots]:
        if data.resolve().is_relative_to(root.resolve()):
            arguments += ["--tmpfs", str(data.resolve())]
    return System(tuple(arguments), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", executable)


def _local(bin_folder: Path, executable: Path) -> list[str]:
    """/usr/local with ``interlock-toolbox`` in its bin; the machine's own programs stay reachable there."""
    bin_folder.mkdir(parents=True, exist_ok=True)
    wanted = {} if executable.parent == bin_folder else {"interlock-toolbox": str(executable)}
    own = Path("/usr/local/bin")
    if own.is_dir():
        names = {item.name for item in own.iterdir()} - {"interlock-toolbox"}
        wanted |= {name: f"/usr/local/.host-bin/{name}" for name in sorted(names)}
    for item in bin_folder.iterdir():
        if item.is_symlink() and str(item.readlink()) != wanted.get(item.name):
            item.unlink()
    for name, target in wanted.items():
        if not (bin_folder / name).is_symlink():
            (bin_folder / name).symlink_to(target)
    arguments = ["--tmpfs", "/usr/local", "--ro-bind", str(bin_folder), "/usr/local/bin"]
    for path in sorted(Path("/usr/local").iterdir()):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.name == "bin":
            arguments += ["--ro-bind", str(path), "/usr/local/.host-bin"]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    return [*arguments, "--remount-ro", "/usr/local"]


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
