"""What the controller's rounds found, for those who only look: CLI, comments, later portal and telemetry.

A view of the world and never a source: nothing is merged, sealed or proven by what stands here. It can be deleted at
any time; the next rounds write it again. One process writes; readers need nothing of it (SQLite in WAL mode).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from interlock.clients.context import Context
from interlock.errors import UnreachableError
from interlock.platform.domain.verdict import Basis, Finding, Verdict

VERSION = 1
_TABLES = """
CREATE TABLE pulls (repository TEXT, number INTEGER, open INTEGER NOT NULL, head TEXT NOT NULL, verdict TEXT NOT NULL,
                    first_seen TEXT NOT NULL, said TEXT NOT NULL, PRIMARY KEY (repository, number));
CREATE INDEX open_pulls ON pulls (repository) WHERE open;
CREATE TABLE outcomes (loop TEXT, key TEXT, said TEXT NOT NULL, PRIMARY KEY (loop, key));
"""

Missing = frozenset[tuple[str, str]]
"""What stands in the way of a delivery: (check, reason)."""


def changed(before: Collection[tuple[str, str]] | None, now: Collection[tuple[str, str]]) -> bool:
    """Whether people are to be told: what is missing is not what was told of this head. None: nothing was told of it.

    Details do not count: they may change from round to round, and a comment that is one of many is read by nobody.
    """
    return before is None or set(before) != set(now)


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull request as it was last judged."""

    repository: str
    """``owner/name``."""
    number: int
    head: str
    base: str
    title: str
    environment: str
    first_seen: datetime
    kind: str | None = None
    service: str | None = None
    record: str | None = None
    """The change record that its title names."""
    restores: bool = False
    verdict: Verdict = Verdict.UNKNOWN
    findings: tuple[Finding, ...] = ()
    bases: tuple[Basis, ...] = ()
    """Those that the environment accepts."""
    judged_at: datetime | None = None
    open: bool = True
    world: str = ""
    """Digest of what it was judged on, as far as that is known without reading: see ``controller.loops.judge``."""

    @property
    def standing(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.findings if not item.accepted(self.bases))

    @property
    def missing(self) -> Missing:
        return frozenset((str(item.id), str(item.reason)) for item in self.standing)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a build or a sync ended that was looked at last."""

    loop: str
    key: str
    outcome: str
    detail: str
    at: datetime


_PULL, _OUTCOME = TypeAdapter(Pull), TypeAdapter(Outcome)


def path_of(context: Context) -> Path:
    """Beside the index: both are made anew from what is kept elsewhere."""
    return context.stores.index.parent / "readmodel.db"


class Reader:
    """Looks, while the controller writes. Thread-safe: each question is a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pull(self, repository: str, number: int) -> Pull | None:
        found = self._rows("SELECT said FROM pulls WHERE repository = ? AND number = ?", repository, number)
        return next(map(_PULL.validate_json, found), None)

    def open_pulls(self, repository: str | None = None) -> list[Pull]:
        """By repository and number; of every repository without one."""
        where, values = ("AND repository = ?", (repository,)) if repository else ("", ())
        sql = f"SELECT said FROM pulls WHERE open {where} ORDER BY repository, number"  # noqa: S608 - one of two texts
        return list(map(_PULL.validate_json, self._rows(sql, *values)))

    def outcomes(self, loop: str) -> list[Outcome]:
        found = self._rows("SELECT said FROM outcomes WHERE loop = ? ORDER BY key", loop)
        return list(map(_OUTCOME.validate_json, found))

    def _rows(self, sql: str, *values: object) -> list[str]:
        """Raises UnreachableError ``readmodel-missing`` where there is none that this version can read."""
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                if database.execute("PRAGMA user_version").fetchone() != (VERSION,):
                    raise sqlite3.DatabaseError("of another version")
                return [said for (said,) in database.execute(sql, values)]
        except sqlite3.Error as error:
            raise UnreachableError("readmodel-missing", f"no read model: {error}", where=str(self._path)) from error


class ReadModel(Reader):
    """The one writer's: the controller's."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = self._open()
        except sqlite3.Error:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._database = self._open()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def put(self, pull: Pull) -> None:
        """As judged now; when it was first seen stays."""
        with self._writing() as database:
            row = database.execute(
                "SELECT first_seen FROM pulls WHERE repository = ? AND number = ?", (pull.repository, pull.number)
            ).fetchone()
            kept = replace(pull, first_seen=datetime.fromisoformat(row[0])) if row else pull
            values = (kept.repository, kept.number, kept.open, kept.head, kept.verdict.value)
            said = _PULL.dump_json(kept).decode()
            database.execute(
                "REPLACE INTO pulls VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, kept.first_seen.isoformat(), said)
            )

    def gone(self, repository: str, number: int) -> None:
        """It is not open any more."""
        found = self.pull(repository, number)
        if found is not None and found.open:
            self.put(replace(found, open=False))

    def finished(self, outcome: Outcome) -> None:
        said = _OUTCOME.dump_json(outcome).decode()
        with self._writing() as database:
            database.execute("REPLACE INTO outcomes VALUES (?, ?, ?)", (outcome.loop, outcome.key, said))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database:
            yield self._database

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError("of another version")
            if version == 0:
                with database:
                    database.executescript(f"{_TABLES} PRAGMA user_version = {VERSION};")
            database.execute("SELECT count(*) FROM pulls").fetchone()
        except sqlite3.Error:
            database.close()
            raise
        return database
