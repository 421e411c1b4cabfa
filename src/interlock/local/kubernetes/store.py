"""The cluster's state: objects and their recent history in one SQLite file, with one revision counter.

Everything runs on one thread. A write happens inside `Store.transaction`, is durable when the block ends
(WAL, synchronous=FULL) and only then handed to the listeners; a block that raises, or that asks for it (dry run),
leaves no trace, revision included.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Object = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  revision INTEGER PRIMARY KEY, type TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  body TEXT NOT NULL, previous TEXT);
CREATE INDEX IF NOT EXISTS changes_of ON changes (resource, revision);
CREATE TABLE IF NOT EXISTS owners (
  uid TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (uid, resource, namespace, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owners_of ON owners (resource, namespace, name);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
"""
_HISTORY = 4000
"""Changes kept for watches that come back; older versions are Gone."""
_SLACK = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One write. ``previous`` is the object before it; after a deletion ``object`` is the last state."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    namespace: str
    name: str
    object: Object
    previous: Object | None


Listener = Callable[[Change], None]


class GoneError(Exception):
    """The history does not reach back to that revision."""


class Store:
    """See the module. ``resource`` is ``<group>/<plural>``; a cluster-scoped object has the namespace ``""``."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)  # it holds the Secrets
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        counters = dict(self._db.execute("SELECT name, value FROM counters").fetchall())
        self.revision: int = counters.get("revision", 1)
        self._compacted: int = counters.get("compacted", 0)
        self._staged: list[Change] | None = None
        self._listeners: list[Listener] = []

    def close(self) -> None:
        self._db.close()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after each committed change, in order. Returns the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @contextmanager
    def transaction(self, *, dry_run: bool = False) -> Iterator[None]:
        """All writes of the block, or none. A block inside a block belongs to the outer one."""
        if self._staged is not None:
            yield
            return
        before = self.revision
        self._staged = []
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            if dry_run:
                raise _RollbackError
            if self.revision != before:
                self._counter("revision", self.revision)
                self._compact()
            self._db.execute("COMMIT")
        except BaseException as error:
            self._db.execute("ROLLBACK")
            self.revision, self._staged = before, None
            if not isinstance(error, _RollbackError):
                raise
            return
        changes, self._staged = self._staged, None
        for change in changes:
            for listener in list(self._listeners):
                listener(change)

    def _counter(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, value))

    def _compact(self) -> None:
        if self.revision - self._compacted > _HISTORY + _SLACK:
            self.compact(self.revision - _HISTORY)

    def compact(self, revision: int) -> None:
        """Forget the history up to and including ``revision``."""
        self._compacted = revision
        self._counter("compacted", revision)
        self._db.execute("DELETE FROM changes WHERE revision <= ?", (revision,))

    # Reading

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        row = self._db.execute(
            "SELECT body FROM objects WHERE resource = ? AND namespace = ? AND name = ?", (resource, namespace, name)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def objects(self, resource: str, namespace: str | None = None) -> list[Object]:
        """Objects in order of namespace and name."""
        query = "SELECT body FROM objects WHERE resource = ?"
        arguments: tuple[str, ...] = (resource,)
        if namespace:
            query, arguments = query + " AND namespace = ?", (resource, namespace)
        rows = self._db.execute(query + " ORDER BY namespace, name", arguments)
        return [json.loads(body) for (body,) in rows]

    def objects_at(self, resource: str, namespace: str | None, revision: int) -> list[Object]:
        """The list as it was at ``revision``. Raises GoneError."""
        now = {_key(item): item for item in self.objects(resource, namespace)}
        for change in reversed(self.changes(resource, revision)):
            if namespace and change.namespace != namespace:
                continue
            if change.previous is None:
                now.pop((change.namespace, change.name), None)
            else:
                now[change.namespace, change.name] = change.previous
        return [now[key] for key in sorted(now)]

    def changes(self, resource: str, after: int) -> list[Change]:
        """Changes of a resource after revision ``after``. Raises GoneError when some of them are forgotten."""
        if after < self._compacted or after > self.revision:
            raise GoneError
        rows = self._db.execute(
            "SELECT revision, type, resource, namespace, name, body, previous FROM changes "
            "WHERE resource = ? AND revision > ? ORDER BY revision",
            (resource, after),
        )
        return [
            Change(
                revision, kind, resource, namespace, name, json.loads(body), json.loads(previous) if previous else None
            )
            for revision, kind, resource, namespace, name, body, previous in rows
        ]

    def owned_by(self, uid: str) -> list[tuple[str, str, str]]:
        """``(resource, namespace, name)`` of every object with an owner reference to ``uid``."""
        return self._db.execute("SELECT resource, namespace, name FROM owners WHERE uid = ?", (uid,)).fetchall()

    def owner_uids(self) -> list[str]:
        """Every uid that some owner reference names."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT uid FROM owners")]

    @property
    def oldest(self) -> int:
        """The oldest revision a watch can start from."""
        return self._compacted

    def resources(self) -> list[str]:
        """The resources that have objects."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT resource FROM objects")]

    # Writing, inside a transaction

    def put(self, resource: str, obj: Object) -> Object:
        """Create or replace; sets ``metadata.resourceVersion``."""
        namespace, name = _key(obj)
        previous = self.get(resource, namespace, name)
        stored = self._change("MODIFIED" if previous else "ADDED", resource, obj, previous)
        self._db.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (resource, namespace, name, json.dumps(stored))
        )
        self._own(resource, previous, stored)
        return stored

    def delete(self, resource: str, obj: Object) -> Object:
        """Remove; returns the last state, whose version is that of the deletion."""
        namespace, name = _key(obj)
        previous = self.get(resource, namespace, name)
        stored = self._change("DELETED", resource, obj, previous)
        self._db.execute(
            "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", (resource, namespace, name)
        )
        self._own(resource, previous, {"metadata": {"namespace": namespace, "name": name}})
        return stored

    def _own(self, resource: str, previous: Object | None, stored: Object) -> None:
        owners = _owners(stored)
        if previous is not None and _owners(previous) == owners:
            return
        where = (resource, *_key(stored))
        self._db.execute("DELETE FROM owners WHERE resource = ? AND namespace = ? AND name = ?", where)
        self._db.executemany("INSERT OR IGNORE INTO owners VALUES (?, ?, ?, ?)", [(uid, *where) for uid in owners])

    def _change(
        self, kind: Literal["ADDED", "MODIFIED", "DELETED"], resource: str, obj: Object, previous: Object | None
    ) -> Object:
        assert self._staged is not None, "a write outside of a transaction"  # noqa: S101
        self.revision += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        namespace, name = _key(obj)
        self._db.execute(
            "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self.revision,
                kind,
                resource,
                namespace,
                name,
                json.dumps(stored),
                json.dumps(previous) if previous else None,
            ),
        )
        self._staged.append(Change(self.revision, kind, resource, namespace, name, stored, previous))
        return stored

    # Audit lines that belong to a write: durable with it, then appended to the log

    def queue_line(self, line: str) -> int:
        """Keep ``line`` until `drop_lines`. Returns its id."""
        row = self._db.execute("INSERT INTO outbox (line) VALUES (?)", (line,))
        assert row.lastrowid is not None  # noqa: S101 - an insert has one
        return row.lastrowid

    def queued_lines(self) -> list[tuple[int, str]]:
        return self._db.execute("SELECT id, line FROM outbox ORDER BY id").fetchall()

    def drop_lines(self, up_to: int) -> None:
        self._db.execute("DELETE FROM outbox WHERE id <= ?", (up_to,))


class _RollbackError(Exception):
    pass


def _key(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _owners(obj: Object) -> list[str]:
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences") or []]
