"""Repositories: rows, bare repositories on disk named by number (never by what a user typed), and protection rules."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from interlock.clients import git
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.local.forge import accounts, records, rules
from interlock.local.forge.records import Account, Repo
from interlock.local.forge.store import Store

LOCK_PATIENCE_SECONDS = 5.0
_SELECT = "SELECT repositories.*, accounts.login AS owner_login FROM repositories JOIN accounts ON accounts.id = owner"


class Repositories:
    def __init__(self, store: Store, folder: Path, now: Callable[[], datetime]) -> None:
        self._store = store
        self._folder = folder
        self._now = now
        self._locks: dict[int, threading.RLock] = {}
        self._opened: dict[int, git.Repository] = {}
        self._guard = threading.Lock()

    def create(self, owner: Account, name: str, *, private: bool, default_branch: str, description: str) -> Repo:
        accounts.check_name(name, "repository")
        check_branch(default_branch)
        if len(description) > 2048:
            raise InputError("description-too-long", "a description has at most 2048 characters")
        with self._store.transaction():
            if self._store.one("SELECT 1 FROM repositories WHERE owner = ? AND name = ?", owner.id, name):
                raise ConflictError("repository-exists", "The repository with the same name already exists.", got=name)
            sql = """INSERT INTO repositories (owner, name, description, private, default_branch, created_at)
                     VALUES (?, ?, ?, ?, ?, ?)"""
            values = (owner.id, name, description, private, default_branch, records.stamp(self._now()))
            repo = self.by_id(self._store.run(sql, *values))
            path = self.path(repo)
            # A number is never given twice, so whatever is here is left from a creation that was not committed.
            shutil.rmtree(path, ignore_errors=True)
            made = git.Repository.init(path)
            made.set_head(default_branch)
        return repo

    def describe(self, repo: Repo, description: str) -> Repo:
        if len(description) > 2048:
            raise InputError("description-too-long", "a description has at most 2048 characters")
        self._store.run("UPDATE repositories SET description = ? WHERE id = ?", description, repo.id)
        return self.by_id(repo.id)

    def by_id(self, repo: int) -> Repo:
        row = self._store.one(f"{_SELECT} WHERE repositories.id = ?", repo)
        if row is None:
            raise NotFoundError("repository-unknown", "no such repository")
        return records.read(Repo, row)

    def find(self, owner: str, name: str) -> Repo:
        row = self._store.one(f"{_SELECT} WHERE accounts.login = ? AND name = ?", owner.lower(), name.lower())
        if row is None:
            raise NotFoundError("repository-unknown", "no such repository")
        return records.read(Repo, row)

    def all(self, owner: Account | None = None) -> list[Repo]:
        rows = self._store.all(f"{_SELECT} ORDER BY repositories.id")
        return [records.read(Repo, row) for row in rows if owner is None or row["owner"] == owner.id]

    def path(self, repo: Repo) -> Path:
        return self._folder / f"{repo.id}.git"

    def git(self, repo: Repo) -> git.Repository:
        with self._guard:
            return self._opened.setdefault(repo.id, git.Repository(self.path(repo)))

    def close(self) -> None:
        """End the processes of `git`."""
        for repository in self._opened.values():
            repository.close()

    def lock(self, repo: Repo) -> AbstractContextManager[object]:
        """Held by whoever moves a branch, from the first check to the settled intent."""
        with self._guard:
            return self._locks.setdefault(repo.id, threading.RLock())

    def remove_stale_locks(self) -> None:
        """At start: locks that a crash of the whole machine left. A git process that outlived us gets time to end."""
        for lock in [*self._folder.glob("*.git/*.lock"), *self._folder.glob("*.git/refs/**/*.lock")]:
            deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
            while lock.exists() and time.time() - lock.stat().st_mtime < LOCK_PATIENCE_SECONDS:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            lock.unlink(missing_ok=True)

    def branches(self, repo: Repo) -> dict[str, str]:
        """Branch -> commit."""
        refs = self.git(repo).refs("refs/heads/")
        return {name.removeprefix("refs/heads/"): commit for name, commit in refs.items()}

    def tip(self, repo: Repo, branch: str) -> str:
        """The commit of a branch. Raises NotFoundError ``branch-unknown``."""
        commit = self.git(repo).refs(f"refs/heads/{check_branch(branch)}").get(f"refs/heads/{branch}")
        if commit is None:
            raise NotFoundError("branch-unknown", "no such branch", got=branch)
        return commit

    # -- protection --------------------------------------------------------------------------------------------------

    def protections(self, repo: Repo) -> list[tuple[rules.Protection, str, str]]:
        """(rule, created, updated), as created."""
        rows = self._store.all("SELECT * FROM protections WHERE repository = ? ORDER BY id", repo.id)
        return [
            (rules.Protection.model_validate_json(row["rule"]), row["created_at"], row["updated_at"]) for row in rows
        ]

    def rule_for(self, repo: Repo, branch: str) -> rules.Protection | None:
        return rules.matching([rule for rule, _, _ in self.protections(repo)], branch)

    def find_protection(self, repo: Repo, name: str) -> tuple[rules.Protection, str, str]:
        found = next((entry for entry in self.protections(repo) if entry[0].rule_name == name), None)
        if found is None:
            raise NotFoundError("protection-unknown", "no such branch protection", got=name[:100])
        return found

    def protect(self, repo: Repo, rule: rules.Protection, *, create: bool) -> None:
        rule.check_supported()
        now = records.stamp(self._now())
        text = json.dumps(rule.model_dump())
        # Under the lock: a push that is being judged is judged by one state of the rules.
        with self.lock(repo), self._store.transaction():
            exists = any(entry[0].rule_name == rule.rule_name for entry in self.protections(repo))
            if create and exists:
                raise InputError("protection-exists", "Branch protection already exist", got=rule.rule_name)
            if create:
                sql = """INSERT INTO protections (repository, rule_name, rule, created_at, updated_at)
                         VALUES (?, ?, ?, ?, ?)"""
                self._store.run(sql, repo.id, rule.rule_name, text, now, now)
            else:
                sql = "UPDATE protections SET rule = ?, updated_at = ? WHERE repository = ? AND rule_name = ?"
                self._store.run(sql, text, now, repo.id, rule.rule_name)

    def unprotect(self, repo: Repo, name: str) -> None:
        with self.lock(repo):
            self.find_protection(repo, name)
            self._store.run("DELETE FROM protections WHERE repository = ? AND rule_name = ?", repo.id, name)


def check_branch(name: str) -> str:
    """``name`` if every tool reads it as a branch and nothing else. Raises InputError ``branch-name-invalid``."""
    segment = r"[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9_+-])?"
    fine = re.fullmatch(rf"{segment}(?:/{segment})*", name) and len(name) <= 200 and ".." not in name
    looks_like_id = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name)
    if (
        not fine
        or looks_like_id
        or any(part.endswith(".lock") for part in name.split("/"))
        or name == "HEAD"
        or name.startswith("refs/")
    ):
        raise InputError("branch-name-invalid", "not a branch name", got=repr(name[:100]))
    return name
