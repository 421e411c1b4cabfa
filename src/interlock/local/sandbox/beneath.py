"""Paths below a folder that others may have filled with links: walked one name at a time, never through a link.

Steps own what lies in workspaces, and the engine may run as root: a link there must never decide where the engine
creates or mounts something.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from interlock.errors import RefusedError

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def folder(base: Path, path: str, *, create: bool = True) -> int:
    """An O_PATH descriptor of the folder ``path`` below ``base``, made if missing.

    Raises RefusedError ``path-climbs`` for ``..``, an absolute path, a link or a file on the way.
    """
    names = _names(path)
    descriptor = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o777, dir_fd=descriptor)
            below = os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except OSError as error:
        os.close(descriptor)
        raise RefusedError("path-climbs", "not a folder inside its volume", got=path, where=str(base)) from error
    return descriptor


def place(base: Path, path: str, *, directory: bool) -> None:
    """Make ``path`` below ``base`` a folder, or a file, to mount on. Raises RefusedError ``path-climbs``."""
    if directory:
        os.close(folder(base, path))
        return
    parent, _, name = path.rpartition("/")
    descriptor = folder(base, parent)
    try:
        os.close(os.open(name, os.O_CREAT | os.O_NOFOLLOW | os.O_RDONLY | os.O_CLOEXEC, 0o666, dir_fd=descriptor))
    except OSError as error:
        raise RefusedError("path-climbs", "not a file inside its volume", got=path, where=str(base)) from error
    finally:
        os.close(descriptor)


def _names(path: str) -> list[str]:
    if path.startswith("/"):
        raise RefusedError("path-climbs", "a path inside a volume must not be absolute", got=path)
    names = [name for name in path.split("/") if name not in ("", ".")]
    if ".." in names:
        raise RefusedError("path-climbs", "a path inside a volume must not contain '..'", got=path)
    return names


def read(base: Path, path: str, limit: int) -> bytes | None:
    """At most ``limit`` bytes of the plain file ``path`` below ``base``; None if it is missing or anything else."""
    parent, _, name = path.rpartition("/")
    try:
        descriptor = folder(base, parent, create=False)
    except (OSError, RefusedError):
        return None
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    with os.fdopen(opened, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(opened).st_mode) else None


def write(base: Path, path: str, content: bytes) -> None:
    """Make or replace the plain file ``path`` below ``base``. Raises RefusedError ``path-climbs``."""
    parent, _, name = path.rpartition("/")
    descriptor = folder(base, parent)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=descriptor)
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=descriptor)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
    except OSError as error:
        raise RefusedError("path-climbs", "not a file inside its volume", got=path, where=str(base)) from error
    finally:
        os.close(descriptor)
