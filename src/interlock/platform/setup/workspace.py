"""Reading a folder on disk as an ACE workspace: a hostile tree until proven otherwise."""

from __future__ import annotations

from pathlib import Path

from interlock.errors import InputError, NotFoundError

MAX_FILES = 20_000
MAX_BYTES = 256 * 1024 * 1024
_LEFT_OUT = {".git", ".metadata"}
"""Version control's and the Toolkit's own folders."""


def read(folder: Path) -> dict[str, bytes]:
    """Path relative to ``folder`` -> bytes.

    Raises NotFoundError ``workspace-missing``; InputError ``workspace-link`` for a link (it could lead outside of the
    folder) and ``workspace-size``.
    """
    if not folder.is_dir():
        raise NotFoundError("workspace-missing", "no such folder", where=str(folder))
    files: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if relative.parts[0] in _LEFT_OUT:
            continue
        if path.is_symlink():
            raise InputError(
                "workspace-link", "a link in the workspace", where=str(path), todo="replace it by its target"
            )
        if path.is_file():
            size += path.stat().st_size
            if len(files) >= MAX_FILES or size > MAX_BYTES:
                raise InputError(
                    "workspace-size",
                    "the workspace is too large",
                    got=f"more than {len(files)} files or {size} bytes",
                    expected=f"<= {MAX_FILES} files and {MAX_BYTES} bytes",
                    where=str(folder),
                )
            files[relative.as_posix()] = path.read_bytes()
    return files
