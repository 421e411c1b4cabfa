"""Content and index together: the few writes that touch both, in an order that a kill at any moment cannot harm."""

from __future__ import annotations

import threading
from pathlib import Path

from interlock.formats.oci.digest import parse_digest
from interlock.local.registry.content import Content, file_digest
from interlock.local.registry.index import Index
from interlock.local.registry.problem import digest_invalid


class Store:
    """Bytes first, then the row that makes them visible; the row first when removing. Left-over bytes without a row
    (killed in between) are swept away at the next start.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.content = Content(folder)
        self.index = Index(folder / "index.db")
        self._lock = threading.Lock()
        for digest in list(self.content.digests()):
            if self.index.orphaned(digest):
                self.content.remove(digest)

    def close(self) -> None:
        self.index.close()

    def finish(self, repository: str, upload: Path, digest: str) -> None:
        """Verify an upload and make it a blob of the repository; a wrong digest removes it. Raises `Problem`."""
        actual = file_digest(upload, parse_digest(digest).partition(":")[0])
        if actual != digest:
            upload.unlink()
            raise digest_invalid(f"the bytes have digest {actual}, not {digest}")
        size = upload.stat().st_size
        with self._lock:
            self.content.keep(upload, digest)
            self.index.add_blob(repository, digest, size)

    def mount(self, source: str, repository: str, digest: str) -> bool:
        """Give the repository a blob that ``source`` has. False when it has not."""
        with self._lock:
            size = self.index.blob_size(source, digest)
            if size is None or not self.content.path(digest).is_file():
                return False
            self.index.add_blob(repository, digest, size)
            return True

    def remove_blob(self, repository: str, digest: str) -> bool:
        """Take a blob from the repository; its bytes go with the last repository that has it."""
        with self._lock:
            removed, last = self.index.remove_blob(repository, digest)
            if removed and last:
                self.content.remove(digest)
            return removed
