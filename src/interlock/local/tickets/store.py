"""The tables in SQLite, every change with its history in one transaction (``synchronous=FULL``)."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from interlock.local.tickets.accounts import User
from interlock.local.tickets.query import Sql
from interlock.local.tickets.rules import Effect
from interlock.local.tickets.schema import APPROVAL, AUDIT, CHANGE_REQUEST, TABLES, TIME, USER, Table

Row = dict[str, str]


class Store:
    """All methods may be called from any thread; writes run one after the other inside `transaction`."""

    def __init__(self, folder: Path, users: Iterable[User]) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            folder / "tickets.db", check_same_thread=False, isolation_level=None, timeout=10
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _schema())
        with self.transaction():
            self._connection.execute("DELETE FROM sys_user")
            for user in users:
                name = user.full_name or user.name
                row = {"sys_id": user.sys_id, "user_name": user.name, "name": name, "email": user.email}
                self._insert(USER, row | {"active": "true"})

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def select(self, table: Table, sql: Sql, *, limit: int, offset: int) -> tuple[list[Row], int]:
        """Rows, and how many there are in all."""
        with self._lock:
            counted = self._connection.execute(f"SELECT count(*) FROM {table.name} WHERE {sql.where}", sql.values)  # noqa: S608 - names from the schema, values as parameters
            total = int(counted.fetchone()[0])
            query = f"SELECT * FROM {table.name} WHERE {sql.where} ORDER BY {sql.order} LIMIT ? OFFSET ?"  # noqa: S608 - as above
            rows = self._connection.execute(query, (*sql.values, limit, offset)).fetchall()
        return [dict(row) for row in rows], total

    def get(self, table: Table, sys_id: str) -> Row | None:
        with self._lock:
            row = self._connection.execute(f"SELECT * FROM {table.name} WHERE sys_id = ?", (sys_id,)).fetchone()  # noqa: S608 - a name from the schema
        return None if row is None else dict(row)

    # Inside of a transaction

    def open_record(self, values: Mapping[str, str], user: User, now: datetime, *, first_number: int) -> str:
        """A new change record; its sys_id."""
        self._connection.execute("INSERT OR IGNORE INTO counter VALUES ('CHG', ?)", (first_number,))
        number = self._connection.execute(
            "UPDATE counter SET next = next + 1 WHERE name = 'CHG' RETURNING next - 1"
        ).fetchone()[0]
        sys_id = secrets.token_hex(16)
        row = {**CHANGE_REQUEST.defaults, **values, "sys_id": sys_id, "number": f"CHG{number:07d}"}
        if row.get("work_notes"):
            row["work_notes"] = _note("", row["work_notes"], user, now)
        self._insert(CHANGE_REQUEST, row | _stamps(user, now))
        return sys_id

    def apply(self, record: Row, effect: Effect, user: User, now: datetime) -> None:
        """Change a record, ask approvers, settle open questions."""
        values = dict(effect.values)
        if "work_notes" in values:
            values["work_notes"] = _note(record["work_notes"], values["work_notes"], user, now)
        self.update(CHANGE_REQUEST, record, values, user, now)
        for approver in effect.ask:
            row = {"sys_id": secrets.token_hex(16), "sysapproval": record["sys_id"], "approver": approver}
            self._insert(APPROVAL, row | {"state": "requested"} | _stamps(user, now))
        if effect.open_approvals is not None:
            query = "SELECT * FROM sysapproval_approver WHERE sysapproval = ? AND state = 'requested'"
            for row in self._connection.execute(query, (record["sys_id"],)).fetchall():
                self.update(APPROVAL, dict(row), {"state": effect.open_approvals}, user, now)

    def update(self, table: Table, row: Row, values: Mapping[str, str], user: User, now: datetime) -> None:
        """Set values; what differs goes into the history, and ``sys_mod_count`` counts it as one change."""
        changed = {name: value for name, value in values.items() if row[name] != value}
        if not changed:
            return
        checkpoint = str(int(row["sys_mod_count"]) + 1)
        time = now.strftime(TIME)
        stamps = {"sys_mod_count": checkpoint, "sys_updated_on": time, "sys_updated_by": user.name}
        assignments = ", ".join(f"{name} = ?" for name in (*changed, *stamps))
        self._connection.execute(
            f"UPDATE {table.name} SET {assignments} WHERE sys_id = ?",  # noqa: S608 - names from the schema
            (*changed.values(), *stamps.values(), row["sys_id"]),
        )
        for name, value in changed.items():
            self._insert(
                AUDIT,
                {
                    "sys_id": secrets.token_hex(16),
                    "tablename": table.name,
                    "documentkey": row["sys_id"],
                    "fieldname": name,
                    "oldvalue": row[name],
                    "newvalue": value,
                    "user": user.name,
                    "sys_created_on": time,
                    "record_checkpoint": checkpoint,
                },
            )

    def _insert(self, table: Table, row: Mapping[str, str]) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names from the schema


def _schema() -> str:
    def column(name: str) -> str:
        return f"{name} TEXT NOT NULL DEFAULT ''" + (" UNIQUE" if name in ("sys_id", "number") else "")

    tables = [
        f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(column(name) for name in table.fields)});"
        for table in TABLES.values()
    ]
    return "\n".join(
        [
            *tables,
            "CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL);",
            "CREATE INDEX IF NOT EXISTS audit_by_document ON sys_audit (documentkey);",
            "CREATE INDEX IF NOT EXISTS approval_by_record ON sysapproval_approver (sysapproval);",
        ]
    )


def _stamps(user: User, now: datetime) -> Row:
    time = now.strftime(TIME)
    return {
        "sys_created_on": time,
        "sys_created_by": user.name,
        "sys_updated_on": time,
        "sys_updated_by": user.name,
        "sys_mod_count": "0",
    }


def _note(journal: str, text: str, user: User, now: datetime) -> str:
    """A journal field keeps every entry, the newest first."""
    return f"{now.strftime(TIME)} - {user.name} (Work notes)\n{text}\n\n{journal}"
