"""Merging a pull request: merge commits only, made and signed by the forge. After Gitea ``services/pull/merge.go``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from interlock.clients.git import Identity
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError
from interlock.local.forge import rules
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.journal import Journal
from interlock.local.forge.pulls import Pulls
from interlock.local.forge.push import Change, PushRules
from interlock.local.forge.records import Account, Level, Pull, Repo
from interlock.local.forge.repositories import Repositories
from interlock.local.forge.statuses import Statuses
from interlock.local.forge.trust import Signatures, display

REMEMBERED_MERGES = 4096


class Merges:
    def __init__(
        self,
        accounts: Accounts,
        repositories: Repositories,
        pulls: Pulls,
        statuses: Statuses,
        push_rules: PushRules,
        journal: Journal,
        signatures: Signatures,
        now: Callable[[], datetime],
    ) -> None:
        self._accounts = accounts
        self._repositories = repositories
        self._pulls = pulls
        self._statuses = statuses
        self._push_rules = push_rules
        self._journal = journal
        self._signatures = signatures
        self._now = now
        self._mergeable: dict[tuple[int, str, str], bool] = {}

    def merge(
        self, repo: Repo, number: int, actor: Account, *, head_commit_id: str, title: str, message: str, force: bool
    ) -> str:
        """The merge commit's id. Codes ``merge-…`` are 405, conflicts 409, a closed pull request 404.

        ``force`` lets an administrator of the repository pass missing approvals and statuses unless the rule forbids
        that (``block_admin_merge_override``); it never passes the allow-list, signatures or protected files.
        """
        with self._repositories.lock(repo):
            pull = self._pulls.find(repo, number)
            if pull.merged:
                raise RefusedError("merge-done", "The PR is already merged")
            if pull.state != "open":
                raise NotFoundError("pull-closed", "The PR is closed")
            level = self._accounts.level(repo, actor)
            rule = self._repositories.rule_for(repo, pull.base_ref)
            if not rules.may_merge(rule, actor.login, level):
                raise RefusedError("merge-not-allowed", "User not allowed to merge PR")
            if head_commit_id and head_commit_id != pull.head_sha:
                raise ConflictError("head-out-of-date", "head out of date", got=head_commit_id, expected=pull.head_sha)
            base = self._repositories.tip(repo, pull.base_ref)
            if rule is not None:
                self._check_ready(repo, pull, rule, base, forced=force and level >= Level.ADMIN)
            return self._merge(repo, pull, actor, rule, base, title=title, message=message)

    def mergeable(self, repo: Repo, pull: Pull, base: str) -> bool:
        """Whether git can merge it now, whatever the rules say. Commits do not change, so neither does the answer."""
        key = (repo.id, base, pull.head_sha)
        answer = self._mergeable.get(key)
        if answer is None:
            try:
                self._repositories.git(repo).merge_tree(base, pull.head_sha)
            except (ConflictError, InputError):  # a conflict, or histories that have nothing in common
                answer = False
            else:
                answer = True
            if len(self._mergeable) >= REMEMBERED_MERGES:
                self._mergeable.clear()
            self._mergeable[key] = answer
        return answer

    def _check_ready(self, repo: Repo, pull: Pull, rule: rules.Protection, base: str, *, forced: bool) -> None:
        if forced and not rule.block_admin_merge_override:
            return
        found = rules.merge_refusals(
            rule,
            self._pulls.reviews(pull),
            self._statuses.all(repo, pull.head_sha),
            outdated=pull.merge_base != base,
        )
        if found:
            reasons = "; ".join(str(refusal) for refusal in found)
            raise RefusedError("merge-not-ready", f"PR is not ready to be merged: {reasons}")

    def _merge(
        self,
        repo: Repo,
        pull: Pull,
        actor: Account,
        rule: rules.Protection | None,
        base: str,
        *,
        title: str,
        message: str,
    ) -> str:
        repository = self._repositories.git(repo)
        tree = repository.merge_tree(base, pull.head_sha)
        text = (
            title.strip()
            or f"Merge pull request '{pull.title}' (#{pull.number}) from {pull.head_ref} into {pull.base_ref}"
        )
        if message.strip():
            text += "\n\n" + message.strip()
        who = Identity(display(actor), actor.email, self._now())
        commit = repository.commit_tree(tree, [base, pull.head_sha], text, author=who, sign=self._signatures.sign)
        change = Change(f"refs/heads/{pull.base_ref}", base, commit)
        if rule is not None and (found := self._push_rules.content(repo, rule, change, repository)):
            # Gitea pushes the merge through its own hook; this is how the hook's refusal comes back.
            reasons = "; ".join(str(refusal) for refusal in found)
            raise ConflictError("merge-push-rejected", f"PushRejected with remote message: {reasons}")
        self._journal.intend(repo, actor, [change], pull)
        repository.update_ref(change.ref, commit, base)
        self._journal.settle(repo)
        return commit
