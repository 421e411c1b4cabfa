"""What may happen to a ref: the check inside every push, every merge and every branch operation of the API.

Source: Gitea ``routers/private/hook_pre_receive.go``. Stricter than there: every reason is told at once, and a new
branch whose rule wants signatures has all its commits checked that no other such branch has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.clients import git
from interlock.errors import InputError
from interlock.local.forge import rules
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.records import Account, Level, Repo
from interlock.local.forge.repositories import Repositories, check_branch
from interlock.local.forge.rules import Protection, Refusal
from interlock.local.forge.trust import Signatures

ZERO = "0" * 40
_HEADS = "refs/heads/"
_TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Change:
    """A ref and its ids before and after; ``ZERO`` is absent."""

    ref: str
    old: str
    new: str

    @property
    def branch(self) -> str | None:
        return self.ref.removeprefix(_HEADS) if self.ref.startswith(_HEADS) else None


class PushRules:
    def __init__(self, accounts: Accounts, repositories: Repositories, signatures: Signatures) -> None:
        self._accounts = accounts
        self._repositories = repositories
        self._signatures = signatures

    def refusals(self, repo: Repo, actor: Account, changes: Sequence[Change], within: git.Repository) -> list[Refusal]:
        """Why these changes may not happen, none when they may. ``within`` sees the new objects."""
        level = self._accounts.level(repo, actor)
        if len(changes) > 100:
            return [Refusal("too-many-refs", "A push may change at most 100 refs")]
        found = []
        for change in changes:
            found += self._change(repo, actor, level, change, within)
        return found

    def _change(
        self, repo: Repo, actor: Account, level: Level, change: Change, within: git.Repository
    ) -> list[Refusal]:
        branch = change.branch
        try:
            check_branch(branch if branch is not None else change.ref.removeprefix(_TAGS))
        except InputError:
            return [Refusal("ref-name-invalid", f"{_printable(change.ref)} is not a name for a branch or tag")]
        if branch is None and not change.ref.startswith(_TAGS):
            return [Refusal("ref-not-allowed", f"{change.ref} is neither a branch nor a tag")]
        if branch is None:
            return [] if level >= Level.WRITE else [Refusal("permission-denied", "No permission to write")]
        rule = self._repositories.rule_for(repo, branch)
        found = []
        if not rules.may_push(rule, actor.login, level):
            found.append(_no_push(rule, branch, actor))
        if change.new == ZERO:
            if branch == repo.default_branch:
                found.append(Refusal("default-branch", f"Branch {branch} is the default branch and cannot be deleted"))
            elif rule is not None:
                found.append(Refusal("branch-deletion", f"Branch {branch} is protected from deletion"))
            return found
        if rule is not None:
            found += self.content(repo, rule, change, within)
        return found

    def content(self, repo: Repo, rule: Protection, change: Change, within: git.Repository) -> list[Refusal]:
        """What the rule says about the new commits themselves, whoever brings them."""
        branch = change.branch or ""
        found = []
        if change.old != ZERO and not within.is_ancestor(change.old, change.new):
            found.append(Refusal("force-push", f"Branch {branch} is protected from force push"))
        if rule.require_signed_commits:
            found += self._unsigned(repo, branch, change, within)
        protected = (
            rules.protected_paths(rule, self._paths(repo, change, within)) if rule.protected_file_patterns else ()
        )
        if protected:
            text = f"Branch {branch} is protected from changing file {_printable(protected[0])}"
            found.append(Refusal("protected-file", text))
        return found

    def _unsigned(self, repo: Repo, branch: str, change: Change, within: git.Repository) -> list[Refusal]:
        without = [change.old]
        if change.old == ZERO:
            tips = self._repositories.branches(repo)
            strict = (
                name
                for name in tips
                if (rule := self._repositories.rule_for(repo, name)) is not None and rule.require_signed_commits
            )
            without = [tips[name] for name in strict]
        for commit in within.reachable(change.new, without):
            trust = self._signatures.check(commit)
            if not trust.verified:
                text = f"Branch {branch} is protected from unverified commit {commit.id} ({trust.reason})"
                return [Refusal("unsigned-commit", text)]
        return []

    def _paths(self, repo: Repo, change: Change, within: git.Repository) -> list[str]:
        old = change.old
        if old == ZERO:
            old = self._repositories.branches(repo).get(repo.default_branch, "")
        if not old:
            return []  # the first push of a repository
        return [item.path for item in within.diff(old, change.new)]


def _no_push(rule: Protection | None, branch: str, actor: Account) -> Refusal:
    if rule is None:
        return Refusal("permission-denied", f"User permission denied for writing: {actor.login} may not push")
    return Refusal("push-not-allowed", f"Not allowed to push to protected branch {branch}")


def _printable(text: str) -> str:
    """For the pusher's terminal: what he sent must not control it."""
    return re.sub(r"[^\x20-\x7e]", "?", text)[:200]
