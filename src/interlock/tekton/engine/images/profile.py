"""From a profile of the image table to a root: private program folders that hold what the image has, and no more."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interlock.local.sandbox.system import UID, System
from interlock.tekton.engine.images.tools import HIDDEN, Machine, configuration, inside, mounts
from interlock.tekton.spec.images import Profile

_LINKED: Final = {"/bin": "usr/bin", "/sbin": "usr/sbin"}
_LAUNCHERS: Final = {
    # What the entrypoint scripts of the official images do, in our words.
    "prefix": '#!/bin/sh\ncase "${{1-}}" in -*) set -- {program} "$@" ;; esac\nexec "$@"\n',
    "prefix-unless-command": (
        '#!/bin/sh\ncase "${{1-}}" in -*) set -- {program} "$@" ;; *)\n'
        'if ! command -v "${{1-}}" >/dev/null 2>&1 || {{ [ -f "$1" ] && ! [ -x "$1" ]; }}; then\n'
        'set -- {program} "$@"; fi ;; esac\nexec "$@"\n'
    ),
    "exec": '#!/bin/sh\nexec "$@"\n',
}


@dataclass(frozen=True)
class Built:
    """A profile here. ``programs``: name -> the file that runs; ``missing``: what nothing here stands for."""

    arguments: tuple[str, ...]
    programs: Mapping[str, Path]
    missing: frozenset[str]
    foreign: frozenset[str]
    """Applets of the image that run as programs of this machine, for want of a BusyBox that has them."""
    notes: tuple[str, ...]
    enforced: bool
    """Whether /bin/sh speaks the image's dialect."""


def build(profile: Profile, system: System, machine: Machine, store: Path) -> Built:
    """Make, or find again below ``store``, the program folders and files of ``profile``."""
    programs: dict[str, Path] = {}
    links: dict[str, dict[str, str]] = {folder: {} for folder in (*HIDDEN, *profile.programs)}
    foreign: list[str] = []
    missing: set[str] = set()
    for folder, names in profile.programs.items():
        for name in sorted(names):
            if f"{folder}/{name}" in profile.launchers:
                continue
            found = _program(profile, machine, name)
            if found is None:
                missing.add(name)
                continue
            if name in profile.applets and found != machine.busybox:
                foreign.append(name)
            programs[name] = found
            links[folder][name] = inside(found)
    # A name that is missing in one folder is not missing when another has it.
    missing -= set(programs)
    for path, does in profile.launchers.items():
        kind, _, program = does.partition(":")
        if kind == "program":
            found = machine.find(program)
            folder, _, name = path.rpartition("/")
            if found is not None:
                programs[name] = found
                links.setdefault(folder, {})[name] = inside(found)
    stored = _stored(profile, links, store)
    etc = {path.removeprefix("/etc/"): text for path, (text, _) in _files(profile).items() if path.startswith("/etc/")}
    system = system.with_etc(stored / "etc", etc)
    arguments = [*_unlinked(system.arguments, profile), *mounts({path: stored / _flat(path) for path in links})]
    for path in _files(profile):
        if not path.startswith("/etc/"):
            arguments += ["--ro-bind", str(stored / "files" / _flat(path)), path]
    arguments += _configuration(programs, system.etc)
    if profile.working_dir.startswith("/usr/src/") and Path("/usr/src").is_dir():
        arguments += ["--tmpfs", "/usr/src"]
    if profile.working_dir:
        arguments += ["--dir", profile.working_dir]
    notes, enforced = _notes(profile, machine)
    return Built(tuple(arguments), programs, frozenset(missing), frozenset(foreign), notes, enforced)


def _configuration(programs: Mapping[str, Path], etc: Path) -> list[str]:
    """What the programs need of the machine's /etc; ``etc``, which is bound there, gets the places for it."""
    arguments = configuration(programs)
    for source, target in zip(arguments[1::3], arguments[2::3], strict=True):
        place = etc / target.removeprefix("/etc/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.mkdir() if Path(source).is_dir() else place.touch()
    return arguments


def _program(profile: Profile, machine: Machine, name: str) -> Path | None:
    """What runs as ``name``; BusyBox, called by that name, where the image's is an applet of it."""
    if name in profile.applets and (name in machine.applets or name == "busybox"):
        return machine.busybox
    if name in ("sh", "ash"):
        wanted = {"ash": "busybox", "dash": "dash", "bash": "bash"}[profile.shell]
        found = machine.find(wanted)
        return found if found is not None else machine.find("bash")
    return machine.find(name)


def _notes(profile: Profile, machine: Machine) -> tuple[tuple[str, ...], bool]:
    notes = [f"not the image itself: table profile {profile.name}, programs of this machine"]
    shell = {"ash": machine.busybox, "dash": machine.find("dash"), "bash": machine.find("bash")}.get(profile.shell)
    enforced = profile.shell == "none" or shell is not None
    if not enforced:
        notes.append(f"shell dialect {profile.shell}: not enforced, bash in POSIX mode reads the scripts")
    elif profile.shell == "ash" and machine.standalone:
        notes.append("shell ash: this machine's BusyBox runs its own applets whatever $PATH holds")
    return tuple(notes), enforced


def _unlinked(arguments: tuple[str, ...], profile: Profile) -> list[str]:
    """The system's mounts; without the links /bin and /sbin for an image that has folders there."""
    if profile.merged:
        return list(arguments)
    kept: list[str] = []
    at = 0
    while at < len(arguments):
        if arguments[at] == "--symlink" and arguments[at + 2] in _LINKED:
            at += 3
        else:
            kept.append(arguments[at])
            at += 1
    return kept


def _files(profile: Profile) -> dict[str, tuple[str, int]]:
    """Path -> text and mode of the files that are ours."""
    shell = "/bin/bash" if profile.shell == "bash" else "/bin/sh"
    users = f"root:x:0:0:root:/root:{shell}\nnonroot:x:{UID}:{UID}:nonroot:/tekton/home:{shell}\n"
    found = {"/etc/passwd": (users, 0o644)}
    if profile.os_release:
        lines = [f'{key}="{value}"' for key, value in profile.os_release.items()]
        found["/etc/os-release"] = ("\n".join(lines) + "\n", 0o644)
    found |= {path: (text, 0o644) for path, text in profile.files.items()}
    for path, does in profile.launchers.items():
        kind, _, program = does.partition(":")
        if kind != "program" and path.count("/") == 1:
            found[path] = (_LAUNCHERS[kind].format(program=program), 0o755)
    return found


def _stored(profile: Profile, links: Mapping[str, Mapping[str, str]], store: Path) -> Path:
    """The folders on disk, made whole or not at all, named by what they hold."""
    files = _files(profile)
    launchers = {
        path: _LAUNCHERS[does.partition(":")[0]].format(program=does.partition(":")[2])
        for path, does in profile.launchers.items()
        if not does.startswith("program:") and path.count("/") > 1
    }
    content = json.dumps([profile.digest, links, files, launchers], sort_keys=True)
    target = store / f"{profile.name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    if target.is_dir():
        return target
    store.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=store, prefix=".new-"))
    try:
        scratch.chmod(0o755)
        for folder, names in links.items():
            made = scratch / _flat(folder)
            made.mkdir()
            for name, to in names.items():
                (made / name).symlink_to(to)
        (scratch / "files").mkdir()
        for path, (text, mode) in files.items():
            _write(scratch / "files" / _flat(path), text, mode)
        for path, text in launchers.items():
            folder, _, name = path.rpartition("/")
            _write(scratch / _flat(profile.folder(folder)) / name, text, 0o755)
        # Another thread or engine may have been faster: its folder holds the same.
        with contextlib.suppress(OSError):
            scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    path.chmod(mode)


def _flat(path: str) -> str:
    return path.strip("/").replace("/", "-")
