"""Webhooks: which there are, and what is put into the outbox when something happens.

Event names, headers and payloads are Gitea's (``modules/webhook/type.go``, ``modules/structs/hook.go``). A subscription
to ``pull_request`` or ``pull_request_review`` covers the events below it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from interlock.errors import InputError, NotFoundError
from interlock.local.forge import records
from interlock.local.forge.records import Hook, Repo
from interlock.local.forge.store import Store

# event type -> (X-Gitea-Event, subscriptions that cover it)
EVENTS: dict[str, tuple[str, frozenset[str]]] = {
    "push": ("push", frozenset({"push"})),
    "status": ("status", frozenset({"status"})),
    "pull_request": ("pull_request", frozenset({"pull_request"})),
    "pull_request_sync": ("pull_request", frozenset({"pull_request", "pull_request_sync"})),
    "pull_request_comment": ("issue_comment", frozenset({"pull_request", "pull_request_comment", "issue_comment"})),
    "pull_request_review_approved": (
        "pull_request_approved",
        frozenset({"pull_request", "pull_request_review", "pull_request_review_approved"}),
    ),
    "pull_request_review_rejected": (
        "pull_request_rejected",
        frozenset({"pull_request", "pull_request_review", "pull_request_review_rejected"}),
    ),
    "pull_request_review_comment": (
        "pull_request_comment",
        frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"}),
    ),
}
SUBSCRIPTIONS = frozenset().union(*(covering for _, covering in EVENTS.values()))


class Hooks:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def create(
        self, *, org: int | None, repository: int | None, url: str, secret: str, events: list[str], active: bool
    ) -> Hook:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or len(url) > 2000:
            raise InputError("hook-url-invalid", "not a URL for a webhook", got=url[:100])
        unknown = sorted(set(events) - SUBSCRIPTIONS)
        if unknown:
            raise InputError("hook-event-unknown", "not an event", got=", ".join(unknown)[:200])
        now = records.stamp(self._now())
        sql = """INSERT INTO hooks (org, repository, url, secret, events, active, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
        values = (org, repository, url, secret, json.dumps(events or ["push"]), active, now, now)
        with self._store.transaction():
            return self._get(self._store.run(sql, *values))

    def all(self, *, org: int | None, repository: int | None) -> list[Hook]:
        rows = self._store.all("SELECT * FROM hooks WHERE org IS ? AND repository IS ? ORDER BY id", org, repository)
        return [records.read(Hook, row) for row in rows]

    def delete(self, hook: int, *, org: int | None, repository: int | None) -> None:
        if hook not in {found.id for found in self.all(org=org, repository=repository)}:
            raise NotFoundError("hook-unknown", "no such webhook")
        self._store.run("DELETE FROM hooks WHERE id = ?", hook)

    def emit(self, repo: Repo, event_type: str, payload: Mapping[str, Any]) -> None:
        """Put a delivery into the outbox for every hook that wants it; part of the caller's transaction."""
        event, covering = EVENTS[event_type]
        body = json.dumps(payload, indent=2).encode()
        at = self._now().timestamp()
        hooks = self.all(org=repo.owner, repository=None) + self.all(org=None, repository=repo.id)
        for hook in hooks:
            if hook.active and covering & set(json.loads(hook.events)):
                sql = """INSERT INTO deliveries (uuid, hook, event, event_type, body, created, due)
                         VALUES (?, ?, ?, ?, ?, ?, ?)"""
                self._store.run(sql, str(uuid.uuid4()), hook.id, event, event_type, body, at, at)

    def _get(self, hook: int) -> Hook:
        row = self._store.one("SELECT * FROM hooks WHERE id = ?", hook)
        if row is None:
            raise NotFoundError("hook-unknown", "no such webhook")
        return records.read(Hook, row)
