"""The forge's database: one SQLite file, written durably (WAL, synchronous=FULL)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN ('user', 'org')),
  login TEXT NOT NULL UNIQUE, full_name TEXT NOT NULL, email TEXT NOT NULL, admin INTEGER NOT NULL DEFAULT 0,
  password TEXT NOT NULL DEFAULT '', visibility TEXT NOT NULL DEFAULT 'private', created_at TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS accounts_email ON accounts (email) WHERE kind = 'user';
CREATE TABLE IF NOT EXISTS tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES accounts, name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE, last_eight TEXT NOT NULL, scopes TEXT NOT NULL, created_at TEXT NOT NULL,
  UNIQUE (account, name));
CREATE TABLE IF NOT EXISTS keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES accounts,
  kind TEXT NOT NULL CHECK (kind IN ('ssh', 'openpgp')), title TEXT NOT NULL, content TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS teams (
  id INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL REFERENCES accounts, name TEXT NOT NULL,
  permission TEXT NOT NULL, all_repositories INTEGER NOT NULL, UNIQUE (org, name));
CREATE TABLE IF NOT EXISTS members (
  team INTEGER NOT NULL REFERENCES teams, account INTEGER NOT NULL REFERENCES accounts, PRIMARY KEY (team, account));
CREATE TABLE IF NOT EXISTS repositories (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL REFERENCES accounts, name TEXT NOT NULL,
  description TEXT NOT NULL, private INTEGER NOT NULL, default_branch TEXT NOT NULL,
  next_number INTEGER NOT NULL DEFAULT 1, created_at TEXT NOT NULL, UNIQUE (owner, name));
CREATE TABLE IF NOT EXISTS team_repositories (
  team INTEGER NOT NULL REFERENCES teams, repository INTEGER NOT NULL REFERENCES repositories,
  PRIMARY KEY (team, repository));
CREATE TABLE IF NOT EXISTS collaborators (
  repository INTEGER NOT NULL REFERENCES repositories, account INTEGER NOT NULL REFERENCES accounts,
  permission TEXT NOT NULL, PRIMARY KEY (repository, account));
CREATE TABLE IF NOT EXISTS protections (
  id INTEGER PRIMARY KEY AUTOINCREMENT, repository INTEGER NOT NULL REFERENCES repositories, rule_name TEXT NOT NULL,
  rule TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (repository, rule_name));
CREATE TABLE IF NOT EXISTS pulls (
  id INTEGER PRIMARY KEY AUTOINCREMENT, repository INTEGER NOT NULL REFERENCES repositories, number INTEGER NOT NULL,
  author INTEGER NOT NULL REFERENCES accounts, title TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
  head_ref TEXT NOT NULL, head_sha TEXT NOT NULL, base_ref TEXT NOT NULL, merge_base TEXT NOT NULL,
  merged INTEGER NOT NULL DEFAULT 0, merge_commit TEXT, merged_by INTEGER REFERENCES accounts, merged_at TEXT,
  closed_at TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (repository, number));
CREATE TABLE IF NOT EXISTS reviews (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pull INTEGER NOT NULL REFERENCES pulls,
  author INTEGER NOT NULL REFERENCES accounts, state TEXT NOT NULL, body TEXT NOT NULL, commit_id TEXT NOT NULL,
  stale INTEGER NOT NULL, official INTEGER NOT NULL, dismissed INTEGER NOT NULL DEFAULT 0,
  submitted_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS reviews_pull ON reviews (pull);
CREATE TABLE IF NOT EXISTS comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pull INTEGER NOT NULL REFERENCES pulls,
  author INTEGER NOT NULL REFERENCES accounts, body TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS statuses (
  id INTEGER PRIMARY KEY AUTOINCREMENT, repository INTEGER NOT NULL REFERENCES repositories, sha TEXT NOT NULL,
  context TEXT NOT NULL, state TEXT NOT NULL, description TEXT NOT NULL, target_url TEXT NOT NULL,
  creator INTEGER NOT NULL REFERENCES accounts, created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS statuses_sha ON statuses (repository, sha);
CREATE TABLE IF NOT EXISTS hooks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER REFERENCES accounts, repository INTEGER REFERENCES repositories,
  url TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL, active INTEGER NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, CHECK ((org IS NULL) <> (repository IS NULL)));
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,
  hook INTEGER NOT NULL REFERENCES hooks ON DELETE CASCADE, event TEXT NOT NULL, event_type TEXT NOT NULL,
  body BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, due REAL NOT NULL,
  outcome TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (outcome, due);
CREATE TABLE IF NOT EXISTS intents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, repository INTEGER NOT NULL REFERENCES repositories,
  actor INTEGER NOT NULL REFERENCES accounts, ref TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,
  pull INTEGER REFERENCES pulls);
"""


class Store:
    """One connection behind one lock. ``transaction`` nests: the outermost commits."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.row_factory = sqlite3.Row
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is on disk afterwards, or nothing of it is."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> int:
        """Execute a change; the id of the inserted row, if any."""
        with self._lock:
            return self._connection.execute(sql, values).lastrowid or 0

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()
