"""The forge without HTTP: everything wired together over one data folder."""

from __future__ import annotations

import fcntl
import logging
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from interlock.clients import files
from interlock.errors import ConflictError, InputError
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.config import Config
from interlock.local.forge.hooks import Hooks
from interlock.local.forge.journal import Journal
from interlock.local.forge.merges import Merges
from interlock.local.forge.outbox import Outbox
from interlock.local.forge.present import Presenter
from interlock.local.forge.pulls import Pulls
from interlock.local.forge.push import PushRules
from interlock.local.forge.records import Account, Pull, Repo, Status
from interlock.local.forge.repositories import Repositories
from interlock.local.forge.statuses import Statuses
from interlock.local.forge.store import Store
from interlock.local.forge.trust import Signatures, load_key

log = logging.getLogger("interlock.forge")


class Forge:
    """Opening one recovers what a kill left behind; ``close`` it. One process for one data folder."""

    def __init__(self, config: Config, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.config = config
        self.now = now
        for folder in (config.data, config.data / "repositories"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._claim = _claim(config.data)
        self.incoming = config.data / "incoming"
        shutil.rmtree(self.incoming, ignore_errors=True)  # requests that a kill cut off
        self.incoming.mkdir(mode=0o700)
        self.store = Store(config.data / "forge.db")
        (config.data / "forge.db").chmod(0o600)
        self.accounts = Accounts(self.store, now)
        self.repositories = Repositories(self.store, config.data / "repositories", now)
        host = urlsplit(config.root_url).hostname or "localhost"
        self.signatures = Signatures(self.accounts, load_key(config.signing_key, config.data, host))
        self.hooks = Hooks(self.store, now)
        self.outbox = Outbox(
            self.store, hosts=config.webhook_hosts, retry_seconds=config.webhook_retry_seconds, now=now
        )
        self.present = Presenter(config.root_url, self.accounts, self.repositories, self.signatures)
        self.statuses = Statuses(self.store, now)
        self.pulls = Pulls(self.store, self.accounts, self.repositories, self.announce_pull, now)
        self.push_rules = PushRules(self.accounts, self.repositories, self.signatures)
        self.journal = Journal(self.store, self.accounts, self.repositories, self.pulls, self.hooks, self.present)
        self.merges = Merges(
            self.accounts,
            self.repositories,
            self.pulls,
            self.statuses,
            self.push_rules,
            self.journal,
            self.signatures,
            now,
        )
        self._ensure_admin()
        self.repositories.remove_stale_locks()
        if recovered := self.journal.recover():
            log.warning("recovered %d interrupted changes of refs", recovered)

    def close(self) -> None:
        self.outbox.stop()
        self.repositories.close()
        self.store.close()
        self._claim.close()

    def pull_json(self, repo: Repo, pull: Pull) -> dict[str, Any]:
        base = self.repositories.branches(repo).get(pull.base_ref, "")
        mergeable = pull.state == "open" and bool(base) and self.merges.mergeable(repo, pull, base)
        comments = len(self.pulls.comments(pull))
        return self.present.pull(repo, pull, base_sha=base, mergeable=mergeable, comments=comments)

    def announce_pull(self, repo: Repo, pull: Pull, actor: Account, event: str, extra: dict[str, Any]) -> None:
        body = {
            "number": pull.number,
            "pull_request": self.pull_json(repo, pull),
            "repository": self.present.repository(repo, None),
            "sender": self.present.user(actor),
            "commit_id": "",
            "review": None,
        }
        self.hooks.emit(repo, event, {**body, **extra})

    def announce_status(self, repo: Repo, status: Status, actor: Account) -> None:
        commit = self.repositories.git(repo).commit(status.sha)
        body = {
            "sha": status.sha,
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "created_at": status.created_at,
            "updated_at": status.created_at,
            "commit": self.present.payload_commit(repo, commit),
            "repository": self.present.repository(repo, None),
            "sender": self.present.user(actor),
        }
        self.hooks.emit(repo, "status", body)

    def _ensure_admin(self) -> None:
        """The administrator and the token of ``admin_token_file`` exist, whatever was interrupted before."""
        file, login = self.config.admin_token_file, self.config.admin
        if file.exists():
            token = file.read_text().strip()
            if len(token) < 20:
                raise InputError("config-invalid", "the administrator's token is too short", where=str(file))
        else:
            token = secrets.token_hex(20)
            files.write_durably(file, token + "\n", mode=0o600)
        with self.store.transaction():
            row = self.store.one("SELECT id FROM accounts WHERE login = ?", login)
            host = urlsplit(self.config.root_url).hostname or "localhost"
            admin = (
                self.accounts.by_id(row["id"])
                if row
                else self.accounts.create_user(login, email=f"{login}@{host}", password="", admin=True)
            )
            if self.accounts.by_token(token) is None:
                self.store.run("DELETE FROM tokens WHERE account = ? AND name = 'bootstrap'", admin.id)
                self.accounts.create_token(admin, "bootstrap", ["all"], token)


def _claim(data: Path) -> IO[str]:
    """Two forges over one folder would not see each other's locks. The kernel gives the claim back, however we end."""
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConflictError("data-in-use", "another forge serves this folder", where=str(data)) from error
    return file
