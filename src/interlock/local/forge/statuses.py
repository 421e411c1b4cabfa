"""Commit statuses: append-only; the newest of a context counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from interlock.errors import InputError
from interlock.local.forge import records
from interlock.local.forge.records import Account, Repo, Status
from interlock.local.forge.store import Store

STATES = ("pending", "success", "error", "failure", "warning")
_WORST_FIRST = ("error", "failure", "warning", "pending", "success")


class Statuses:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def add(
        self, repo: Repo, sha: str, creator: Account, *, state: str, context: str, description: str, target_url: str
    ) -> Status:
        if state not in STATES:
            raise InputError("status-invalid", "not a state", got=state[:20], expected=", ".join(STATES))
        if not context.strip() or len(context) > 255 or len(description) > 4096 or len(target_url) > 2000:
            raise InputError("status-invalid", "a status needs a context, and texts of bounded length")
        if target_url and not target_url.startswith(("http://", "https://")):
            raise InputError("status-invalid", "not an http(s) URL", got=target_url[:100])
        sql = """INSERT INTO statuses (repository, sha, context, state, description, target_url, creator, created_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
        values = (repo.id, sha, context, state, description, target_url, creator.id, records.stamp(self._now()))
        with self._store.transaction():
            row = self._store.one("SELECT * FROM statuses WHERE id = ?", self._store.run(sql, *values))
            assert row is not None  # noqa: S101 - inserted above
            return records.read(Status, row)

    def all(self, repo: Repo, sha: str) -> list[Status]:
        """Newest first."""
        rows = self._store.all("SELECT * FROM statuses WHERE repository = ? AND sha = ? ORDER BY id DESC", repo.id, sha)
        return [records.read(Status, row) for row in rows]


def combined(states: list[str]) -> str:
    """The worst state; ``pending`` when there is none, as Gitea's combined status."""
    return next((state for state in _WORST_FIRST if state in states), "pending")
