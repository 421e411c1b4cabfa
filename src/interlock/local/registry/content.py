"""Bytes on disk: finished blobs by digest, and uploads in progress as plain files.

    blobs/<algorithm>/<first two digits>/<hex>       complete, verified, fsynced; shared by all repositories
    uploads/<id>.<repository's hash>                 its length is the offset: nothing else is remembered of an upload

An upload therefore survives a restart, and after a kill its status tells truly how much has arrived.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from interlock.clients import files

_UPLOAD = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Content:
    """The two folders. Knows nothing of repositories' contents: see `interlock.local.registry.index`."""

    def __init__(self, folder: Path) -> None:
        self._blobs, self._uploads = folder / "blobs", folder / "uploads"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._uploads.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the bytes with this digest are, or would be."""
        algorithm, _, value = digest.partition(":")
        return self._blobs / algorithm / value[:2] / value

    def begin(self, repository: str) -> str:
        """A new, empty upload; its id."""
        upload = secrets.token_hex(16)
        self._path(repository, upload).touch(mode=0o600, exist_ok=False)
        return upload

    def upload(self, repository: str, upload: str) -> Path | None:
        """The file of an upload of this repository; None when there is none."""
        if not _UPLOAD.fullmatch(upload):
            return None
        path = self._path(repository, upload)
        return path if path.is_file() else None

    def keep(self, upload: Path, digest: str) -> None:
        """Make an upload, whose bytes have this digest, a blob. After this returns it survives a power loss.

        Bytes that were there under this digest are replaced: pushing again heals a damaged file.
        """
        target = self.path(digest)
        with upload.open("rb") as file:
            os.fsync(file.fileno())
        for folder in (target.parent.parent, target.parent):
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                files.sync_folder(folder.parent)
        upload.replace(target)
        files.sync_folder(target.parent)

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """Every blob on disk."""
        for path in self._blobs.glob("*/*/*"):
            yield f"{path.parent.parent.name}:{path.name}"

    def expire(self, older_than: float) -> None:
        """Give up uploads last written before this time (seconds since the epoch)."""
        for path in self._uploads.iterdir():
            try:
                if path.stat().st_mtime < older_than:
                    path.unlink()
            except FileNotFoundError:
                continue

    def _path(self, repository: str, upload: str) -> Path:
        return self._uploads / f"{upload}.{hashlib.sha256(repository.encode()).hexdigest()[:32]}"


def file_digest(path: Path, algorithm: str) -> str:
    """``algorithm:hex`` of a file."""
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
