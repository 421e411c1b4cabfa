"""What each repository holds: blobs, manifests (with their bytes), tags, referrers. One SQLite file.

A manifest with its tag and its place among the referrers is one transaction. ``synchronous=FULL``: when a write returns
it is on disk (sqlite.org/pragma.html). Reads have their own connection and are not held up by a write's fsync.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.formats.oci import Descriptor

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blob (
  repository TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blob_by_digest ON blob (digest);
CREATE TABLE IF NOT EXISTS manifest (
  repository TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, artifact_type TEXT, subject TEXT,
  annotations TEXT NOT NULL, data BLOB NOT NULL, pushed_at TEXT NOT NULL, PRIMARY KEY (repository, digest)
);
CREATE INDEX IF NOT EXISTS manifest_by_subject ON manifest (repository, subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE IF NOT EXISTS tag (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, updated_at TEXT NOT NULL,
  PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    data: bytes = field(repr=False)


class TagIsFixed(Exception):
    """An immutable tag points to another digest."""


class Index:
    """All methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._write = _connect(path)
        self._write.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _SCHEMA)
        self._read = _connect(path)
        self._read_lock = threading.Lock()

    def close(self) -> None:
        self._read.close()
        self._write.close()

    # Reading

    def blob_size(self, repository: str, digest: str) -> int | None:
        row = self._one("SELECT size FROM blob WHERE repository = ? AND digest = ?", repository, digest)
        return None if row is None else int(row[0])

    def missing_blobs(self, repository: str, digests: set[str]) -> list[str]:
        return sorted(item for item in digests if self.blob_size(repository, item) is None)

    def manifest(self, repository: str, reference: str) -> Stored | None:
        """By digest, or by tag."""
        if ":" not in reference:
            row = self._one("SELECT digest FROM tag WHERE repository = ? AND tag = ?", repository, reference)
            if row is None:
                return None
            reference = row[0]
        row = self._one(
            "SELECT digest, media_type, data FROM manifest WHERE repository = ? AND digest = ?", repository, reference
        )
        return None if row is None else Stored(*row)

    def knows(self, repository: str) -> bool:
        """Whether anything was ever pushed there."""
        query = "SELECT 1 FROM {} WHERE repository = ? LIMIT 1"
        return any(self._one(query.format(table), repository) for table in ("manifest", "blob"))

    def tags(self, repository: str, after: str, limit: int) -> list[str]:
        query = "SELECT tag FROM tag WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?"
        return [row[0] for row in self._all(query, repository, after, limit)]

    def referrers(
        self, repository: str, subject: str, artifact_type: str | None, after: str, limit: int
    ) -> list[Descriptor]:
        query = (
            "SELECT media_type, digest, length(data), annotations, artifact_type FROM manifest "
            "WHERE repository = ? AND subject = ? AND digest > ? AND (? IS NULL OR artifact_type = ?) "
            "ORDER BY digest LIMIT ?"
        )
        rows = self._all(query, repository, subject, after, artifact_type, artifact_type, limit)
        return [
            Descriptor(media_type, digest, size, annotations=json.loads(annotations), artifact_type=kind)
            for media_type, digest, size, annotations, kind in rows
        ]

    # Writing

    def add_blob(self, repository: str, digest: str, size: int) -> None:
        with self._transaction() as write:
            write.execute("INSERT OR REPLACE INTO blob VALUES (?, ?, ?)", (repository, digest, size))

    def add_manifest(
        self,
        repository: str,
        stored: Stored,
        *,
        tag: str | None,
        artifact_type: str | None,
        subject: str | None,
        annotations: dict[str, str],
        fixed: bool,
        now: datetime,
    ) -> None:
        """Raises `TagIsFixed` when ``fixed`` and the tag points elsewhere."""
        time = now.isoformat()
        with self._transaction() as write:
            if tag is not None:
                query = "SELECT digest FROM tag WHERE repository = ? AND tag = ?"
                old = write.execute(query, (repository, tag)).fetchone()
                if fixed and old is not None and old[0] != stored.digest:
                    raise TagIsFixed(old[0])
                write.execute("INSERT OR REPLACE INTO tag VALUES (?, ?, ?, ?)", (repository, tag, stored.digest, time))
            write.execute(
                "INSERT INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type",
                (
                    repository,
                    stored.digest,
                    stored.media_type,
                    artifact_type,
                    subject,
                    json.dumps(annotations),
                    stored.data,
                    time,
                ),
            )

    def remove_manifest(self, repository: str, digest: str) -> bool:
        """The manifest and every tag that points to it."""
        with self._transaction() as write:
            write.execute("DELETE FROM tag WHERE repository = ? AND digest = ?", (repository, digest))
            query = "DELETE FROM manifest WHERE repository = ? AND digest = ?"
            return write.execute(query, (repository, digest)).rowcount > 0

    def remove_tag(self, repository: str, tag: str) -> bool:
        with self._transaction() as write:
            query = "DELETE FROM tag WHERE repository = ? AND tag = ?"
            return write.execute(query, (repository, tag)).rowcount > 0

    def remove_blob(self, repository: str, digest: str) -> tuple[bool, bool]:
        """Whether it was there, and whether no other repository has it."""
        with self._transaction() as write:
            query = "DELETE FROM blob WHERE repository = ? AND digest = ?"
            removed = write.execute(query, (repository, digest)).rowcount > 0
            return removed, write.execute("SELECT 1 FROM blob WHERE digest = ? LIMIT 1", (digest,)).fetchone() is None

    def orphaned(self, digest: str) -> bool:
        """Whether no repository has this blob."""
        return self._one("SELECT 1 FROM blob WHERE digest = ? LIMIT 1", digest) is None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._write.execute("BEGIN IMMEDIATE")
            try:
                yield self._write
            except BaseException:
                self._write.rollback()
                raise
            self._write.commit()

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._read_lock:
            row: tuple[Any, ...] | None = self._read.execute(query, values).fetchone()
            return row

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._read_lock:
            return self._read.execute(query, values).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
