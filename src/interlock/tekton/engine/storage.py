"""The engine's folders: claims that outlive runs, a working folder for each TaskRun, logs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from interlock.clients import files
from interlock.errors import InputError, InternalError

_NAME = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")


@dataclass(frozen=True, slots=True)
class Storage:
    """Everything is below ``root``, which only the engine's user may enter."""

    root: Path

    def prepare(self) -> None:
        for name in ("system", "net", "runs", "volumes", "logs", "pods"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)

    def run(self, namespace: str, uid: str) -> Path:
        """Working folder of one TaskRun."""
        return self.root / "runs" / checked(namespace) / checked(uid)

    def runs(self) -> Iterator[tuple[str, str, Path]]:
        """(namespace, uid, folder) of every TaskRun that has one."""
        for folder in sorted((self.root / "runs").glob("*/*")):
            yield folder.parent.name, folder.name, folder

    def log(self, namespace: str, task_run: str, step: str) -> Path:
        return self.root / "logs" / checked(namespace) / checked(task_run) / f"{checked(step)}.log"

    def claim(self, namespace: str, name: str, *, owner_uid: str = "") -> Path:
        """Folder of a claim, made on first use. With an owner it goes when the owner goes (`drop`)."""
        folder = self.root / "volumes" / checked(namespace) / checked(name)
        if not folder.is_dir():
            # Two TaskRuns may come here at once.
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
            if owner_uid:
                files.write_durably(folder.with_name(f".{name}.owner"), json.dumps({"uid": owner_uid}))
        return folder

    def snapshot(self, namespace: str, task_run: str, claim: str) -> Path:
        """Where the state of a claim before a TaskRun is kept."""
        return self.root / "snapshots" / checked(namespace) / checked(task_run) / checked(claim)

    def keep(self, namespace: str, task_run: str, claim: str) -> None:
        """Take a snapshot of a claim, as cheaply as the file system can."""
        target = self.snapshot(namespace, task_run, claim)
        if not target.exists():
            scratch = target.with_name(f".{target.name}")
            remove(scratch)
            scratch.parent.mkdir(parents=True, exist_ok=True)
            copy(self.claim(namespace, claim), scratch)
            scratch.rename(target)

    def forget_snapshots(self, namespace: str, task_run: str) -> None:
        remove(self.root / "snapshots" / checked(namespace) / checked(task_run))

    def owners(self) -> set[tuple[str, str]]:
        """(namespace, uid) of every run that owns a claim."""
        notes = (self.root / "volumes").glob("*/.*.owner")
        return {(note.parent.name, uid) for note in notes if (uid := _owner(note)) is not None}

    def drop(self, namespace: str, owner_uid: str) -> None:
        """Remove the claims of a run that was deleted. Others may be removing theirs, or the same ones."""
        for note in (self.root / "volumes" / checked(namespace)).glob(".*.owner"):
            if _owner(note) == owner_uid:
                remove(note.with_name(note.name[1 : -len(".owner")]))
                note.unlink(missing_ok=True)


def _owner(note: Path) -> str | None:
    """Whose claim it is; None for one that is gone meanwhile."""
    try:
        return str(json.loads(note.read_text()).get("uid"))
    except FileNotFoundError:
        return None


def checked(name: str) -> str:
    """A name that is one path component. Raises InputError ``name-invalid``."""
    if not _NAME.match(name):
        raise InputError("name-invalid", "not a name", got=name, expected="letters, digits, '-', '_' and '.'")
    return name


def remove(folder: Path) -> None:
    """Delete a folder, even where a step took away its own permissions. Links are removed, never followed."""
    for parent, names, _ in os.walk(folder):
        for name in names:
            below = Path(parent, name)
            if not below.is_symlink():
                with contextlib.suppress(OSError):
                    below.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """A folder with all below it, links as links, sharing blocks where the file system can (cp --reflink).

    Raises InternalError ``copy-failed``.
    """
    target.mkdir(parents=True, exist_ok=True)
    command = ["cp", "-a", "--reflink=auto", "--", f"{source}/.", str(target)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise InternalError("copy-failed", "a folder cannot be copied", got=said, where=str(source))


def read_regular(path: Path, limit: int) -> bytes | None:
    """At most ``limit`` bytes of a plain file that a step wrote; None if it is missing, a link, a pipe or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
