"""An index over the ledger, for finding entries quickly. It is derived: delete it and it is made again.

Nothing is proven with it. Lookups give ids; whoever uses one reads the entry from the ledger, which verifies it. The
proof itself reads the ledger only, so an index that lies or is gone changes no verdict.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from interlock.clients import files
from interlock.platform.domain.ids import Digest
from interlock.platform.proof.entries import Entry
from interlock.platform.proof.evidence import timestamp
from interlock.platform.proof.ledger import Ledger

_SCHEMA = """
CREATE TABLE entry (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
                    time TEXT NOT NULL);
CREATE TABLE term (value TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (value, sequence)) WITHOUT ROWID;
CREATE INDEX entry_time ON entry (time);
"""


class Index:
    """One SQLite file. Every method first brings it up to the ledger's end; a broken file is made anew."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self.path, self._ledger = path, ledger

    def lookup(self, term: str) -> list[Digest]:
        """Ids of the entries about ``term``, oldest first: a service, an environment, ``environment/service``, a
        record's number, a commit, an image digest, or the digest of a piece of evidence."""
        query = "SELECT id FROM term JOIN entry USING (sequence) WHERE value = ? ORDER BY sequence"
        return [Digest(row[0]) for row in self._query(query, term)]

    def since(self, time: datetime, environment: str | None = None) -> list[Digest]:
        """Ids of the entries from ``time`` on (inclusive), oldest first; of one environment where named."""
        if environment is None:
            return [Digest(row[0]) for row in self._query(_SINCE.format(""), timestamp(time))]
        narrowed = _SINCE.format("AND sequence IN (SELECT sequence FROM term WHERE value = ?)")
        return [Digest(row[0]) for row in self._query(narrowed, timestamp(time), environment)]

    def rebuild(self) -> None:
        """Make the file anew from the ledger."""
        files.make_folder(self.path.parent)
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        with self._connection() as connection:
            connection.executescript(_SCHEMA)
            self._add(connection, self._ledger.entries())

    def _query(self, query: str, *values: str) -> list[tuple[str]]:
        try:
            self._refresh()
        except sqlite3.DatabaseError:
            self.rebuild()
        with self._connection() as connection:
            return connection.execute(query, values).fetchall()

    def _refresh(self) -> None:
        if not self.path.is_file():
            self.rebuild()
            return
        entries = self._ledger.entries()
        known = {entry.sequence: entry.id for entry in entries}
        with self._connection() as connection:
            (size,) = connection.execute("SELECT count(*) FROM entry").fetchone()
            last = connection.execute("SELECT sequence, id FROM entry ORDER BY sequence DESC LIMIT 1").fetchone()
            if last is None or known.get(last[0]) == last[1]:
                fresh = [entry for entry in entries if last is None or entry.sequence > last[0]]
                if size + len(fresh) == len(entries):
                    self._add(connection, fresh)
                    return
        self.rebuild()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            yield connection

    def _add(self, connection: sqlite3.Connection, entries: list[Entry]) -> None:
        rows = [(item.sequence, item.id, item.kind, item.subject, item.time) for item in entries]
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", rows)
        terms = [(value, item.sequence) for item in entries for value in _terms(item)]
        connection.executemany("INSERT INTO term VALUES (?, ?)", terms)


_SINCE = "SELECT id FROM entry WHERE time >= ? {} ORDER BY sequence"
_NAMED = ("environment", "service", "record", "base", "head", "merge", "seal", "revision", "commit", "run", "uid")


def _terms(entry: Entry) -> set[str]:
    named = {entry.body.get(name) for name in _NAMED}
    found = {entry.subject, *entry.subject.split("/"), *entry.evidence.values()}
    return found | {item for item in named if isinstance(item, str) and item}
