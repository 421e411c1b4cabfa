"""The workspace folder that the tasks of one run share, and what is known of the commit in it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from interlock.errors import InputError, NotFoundError

STATE = ".interlock"
"""Folder in the workspace for what tasks leave each other; never part of the source."""
MAX_TOTAL = 512 * 1024 * 1024
MAX_FILES = 50_000


@dataclass(frozen=True, slots=True)
class Source:
    """The commit that was checked out."""

    url: str
    commit: str
    committed_at: str
    """ISO 8601; the time that stands in everything built from this commit, so that a rebuild gives the same bytes."""

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.committed_at).astimezone(UTC)


def write_source(folder: Path, source: Source) -> None:
    state = folder / STATE
    state.mkdir(exist_ok=True)
    (state / "source.json").write_text(json.dumps(asdict(source), sort_keys=True), encoding="utf-8")


def read_source(folder: Path) -> Source | None:
    """None when the workspace was not filled by ``git-clone``. Raises InputError ``source-state``."""
    file = folder / STATE / "source.json"
    if not file.is_file():
        return None
    try:
        return Source(**json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise InputError("source-state", "not what git-clone left", got=error, where=str(file)) from error


def require_folder(folder: Path) -> Path:
    """Raises NotFoundError ``source-missing``."""
    if not folder.is_dir():
        raise NotFoundError("source-missing", "no such folder", where=str(folder))
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file below, by path relative to it, without ``.git`` and what tasks left for each other.

    Raises InputError ``path-outside`` for a link that leads out of the folder, ``source-too-large``.
    """
    root = require_folder(folder).resolve()
    files: dict[str, bytes] = {}
    total = 0
    for place, folders, names in os.walk(root):
        for name in list(folders):
            if Path(place) == root and name in (".git", STATE):
                folders.remove(name)
            elif (Path(place) / name).is_symlink():
                _require_inside(root, Path(place) / name)
                folders.remove(name)
        for name in names:
            path = Path(place) / name
            _require_inside(root, path)
            if not path.is_file():
                continue
            total += path.stat().st_size
            if total > MAX_TOTAL or len(files) >= MAX_FILES:
                raise InputError("source-too-large", "the source is too large", expected=f"<= {MAX_TOTAL} bytes")
            files[path.relative_to(root).as_posix()] = path.read_bytes()
    return dict(sorted(files.items()))


def inside(folder: Path, path: str) -> Path:
    """``path`` below ``folder``. Raises InputError ``path-outside``."""
    root = folder.resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        raise InputError("path-outside", "a path that leaves the source", got=path, expected=f"below {folder}")
    return found


def _require_inside(root: Path, path: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise InputError("path-outside", "a link that leaves the source", got=path.relative_to(root).as_posix())
