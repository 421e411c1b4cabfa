"""Moving a branch and telling the database, as one step.

1. write intents (which refs will move, by whom, for which merge) - durable
2. git moves the refs - atomic and durable by itself
3. settle: for each intent whose ref holds the new commit, record what follows (pull requests, webhooks); drop the rest

A kill after 1 leaves intents without effect, dropped by the next settling; a kill after 2 leaves refs whose
consequences the next settling records. Settling again changes nothing. The repository's lock is held from before 1 to
after 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.clients import git
from interlock.errors import NotFoundError
from interlock.local.forge import records
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.hooks import Hooks
from interlock.local.forge.present import Presenter
from interlock.local.forge.pulls import Pulls
from interlock.local.forge.push import ZERO, Change
from interlock.local.forge.records import Account, Intent, Pull, Repo
from interlock.local.forge.repositories import Repositories
from interlock.local.forge.store import Store

COMMITS_IN_PAYLOAD = 20


class Journal:
    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        repositories: Repositories,
        pulls: Pulls,
        hooks: Hooks,
        present: Presenter,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._repositories = repositories
        self._pulls = pulls
        self._hooks = hooks
        self._present = present

    def intend(self, repo: Repo, actor: Account, changes: Sequence[Change], pull: Pull | None = None) -> None:
        sql = "INSERT INTO intents (repository, actor, ref, old, new, pull) VALUES (?, ?, ?, ?, ?, ?)"
        with self._store.transaction():
            for change in changes:
                self._store.run(sql, repo.id, actor.id, change.ref, change.old, change.new, pull.id if pull else None)

    def settle(self, repo: Repo) -> None:
        """Step 3 for everything that is open in ``repo``."""
        rows = self._store.all("SELECT * FROM intents WHERE repository = ? ORDER BY id", repo.id)
        if not rows:
            return
        repository = self._repositories.git(repo)
        refs = repository.refs("refs/")
        with self._store.transaction():
            for row in rows:
                intent = records.read(Intent, row)
                if refs.get(intent.ref, ZERO) == intent.new and intent.old != intent.new:
                    self._happened(repo, intent, repository)
                self._store.run("DELETE FROM intents WHERE id = ?", intent.id)

    def recover(self) -> int:
        """At start: settle what a kill left open. Returns how many intents there were."""
        rows = self._store.all("SELECT repository FROM intents")
        for repository in {row["repository"] for row in rows}:
            self.settle(self._repositories.by_id(repository))
        for repo in self._repositories.all():
            self._follow(repo)
        return len(rows)

    def _follow(self, repo: Repo) -> None:
        """Open pull requests follow their branches even if a ref moved later than its intent was dropped."""
        pulls = self._pulls.all(repo, "open")
        if not pulls:
            return
        tips = self._repositories.branches(repo)
        with self._store.transaction():
            for pull in pulls:
                if tips.get(pull.head_ref) != pull.head_sha:
                    author = self._accounts.by_id(pull.author)
                    self._pulls.branch_moved(repo, pull.head_ref, tips.get(pull.head_ref), author)

    def _happened(self, repo: Repo, intent: Intent, repository: git.Repository) -> None:
        actor = self._accounts.by_id(intent.actor)
        branch = Change(intent.ref, intent.old, intent.new).branch
        if intent.pull is not None:
            pull = next(found for found in self._pulls.all(repo) if found.id == intent.pull)
            self._pulls.mark_merged(repo, pull, commit=intent.new, actor=actor)
        if branch is not None:
            self._pulls.branch_moved(repo, branch, None if intent.new == ZERO else intent.new, actor)
        self._hooks.emit(repo, "push", self._push_payload(repo, intent, actor, repository))

    def _push_payload(
        self, repo: Repo, intent: Intent, actor: Account, repository: git.Repository
    ) -> dict[str, object]:
        commits, total = [], 0
        if intent.new != ZERO:
            try:
                old = repository.refs("refs/heads/").get(f"refs/heads/{repo.default_branch}", ZERO)
                old = old if intent.old == ZERO and old != intent.new else intent.old
                without = [] if old == ZERO else [old]
                commits = repository.reachable(intent.new, without, limit=COMMITS_IN_PAYLOAD)
                total = repository.count(intent.new, without)
            except NotFoundError:
                commits = []  # a tag of something else than a commit
        shown = [self._present.payload_commit(repo, commit) for commit in commits]
        user = self._present.user(actor)
        return {
            "ref": intent.ref,
            "before": intent.old,
            "after": intent.new,
            "compare_url": self._present.page(repo, f"compare/{intent.old}...{intent.new}"),
            "commits": shown,
            "total_commits": total,
            "head_commit": shown[0] if shown else None,
            "repository": self._present.repository(repo, None),
            "pusher": user,
            "sender": user,
        }
