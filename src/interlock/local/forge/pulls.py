"""Pull requests and reviews: their life, and what a moved branch does to them.

Sources: Gitea ``services/pull/pull.go`` (AddTestPullRequestTask), ``models/issues/review.go`` (CreateReview).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from interlock.clients import git
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError
from interlock.local.forge import records, rules
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.records import Account, Comment, Level, Pull, Repo, Review
from interlock.local.forge.repositories import Repositories
from interlock.local.forge.store import Store

VERDICTS = ("APPROVED", "REQUEST_CHANGES")
Announce = Callable[[Repo, Pull, Account, str, dict[str, Any]], None]
"""(repository, pull request, who did it, event type, extra fields of the payload): puts a webhook into the outbox."""


class Pulls:
    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        repositories: Repositories,
        announce: Announce,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._repositories = repositories
        self._announce = announce
        self._now = now

    # -- reading -----------------------------------------------------------------------------------------------------

    def find(self, repo: Repo, number: int) -> Pull:
        row = self._store.one("SELECT * FROM pulls WHERE repository = ? AND number = ?", repo.id, number)
        if row is None:
            raise NotFoundError("pull-unknown", "no such pull request", got=number)
        return records.read(Pull, row)

    def all(self, repo: Repo, state: str = "all") -> list[Pull]:
        """Newest first."""
        rows = self._store.all("SELECT * FROM pulls WHERE repository = ? ORDER BY number DESC", repo.id)
        return [records.read(Pull, row) for row in rows if state in ("all", row["state"])]

    def merged_by_commit(self, repo: Repo, commit: str) -> Pull:
        found = [pull for pull in self.all(repo) if pull.merge_commit == commit]
        if not found:
            raise NotFoundError("pull-unknown", "no pull request was merged by this commit", got=commit)
        return found[0]

    def reviews(self, pull: Pull) -> list[Review]:
        rows = self._store.all("SELECT * FROM reviews WHERE pull = ? ORDER BY id", pull.id)
        return [records.read(Review, row) for row in rows]

    def comments(self, pull: Pull) -> list[Comment]:
        rows = self._store.all("SELECT * FROM comments WHERE pull = ? ORDER BY id", pull.id)
        return [records.read(Comment, row) for row in rows]

    # -- life --------------------------------------------------------------------------------------------------------

    def create(self, repo: Repo, author: Account, *, head: str, base: str, title: str, body: str) -> Pull:
        owner, colon, branch = head.partition(":")
        if colon and owner != repo.owner_login:
            raise NotFoundError(
                "fork-unknown", "pull requests come from branches of the same repository", got=head[:100]
            )
        head = branch if colon else head
        _check_text(title, body)
        if head == base:
            raise InputError("pull-same-branch", "head and base are the same branch", got=head[:100])
        with self._repositories.lock(repo), self._store.transaction():
            head_sha, base_sha = self._repositories.tip(repo, head), self._repositories.tip(repo, base)
            self._check_single(repo, head, base)
            repository = self._repositories.git(repo)
            merge_base = repository.merge_base(base_sha, head_sha)
            if merge_base is None or merge_base == head_sha:
                raise InputError("pull-empty", "there is nothing to merge", got=f"{head} into {base}"[:200])
            row = self._store.one("SELECT next_number FROM repositories WHERE id = ?", repo.id)
            assert row is not None  # noqa: S101 - the repository was read above
            number = row["next_number"]
            self._store.run("UPDATE repositories SET next_number = next_number + 1 WHERE id = ?", repo.id)
            repository.update_ref(f"refs/pull/{number}/head", head_sha)
            now = self._stamp()
            sql = """INSERT INTO pulls (repository, number, author, title, body, state, head_ref, head_sha, base_ref,
                     merge_base, created_at, updated_at) VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?)"""
            self._store.run(sql, repo.id, number, author.id, title, body, head, head_sha, base, merge_base, now, now)
            pull = self.find(repo, number)
            self._announce(repo, pull, author, "pull_request", {"action": "opened"})
        return pull

    def edit(
        self,
        repo: Repo,
        pull: Pull,
        actor: Account,
        *,
        title: str | None = None,
        body: str | None = None,
        base: str | None = None,
        state: str | None = None,
    ) -> Pull:
        level = self._accounts.level(repo, actor)
        if actor.id != pull.author and level < Level.WRITE:
            raise RefusedError("permission-denied", "only the author and writers edit a pull request")
        _check_text(pull.title if title is None else title, pull.body if body is None else body)
        with self._repositories.lock(repo), self._store.transaction():
            pull = self.find(repo, pull.number)
            changes = {}
            if title is not None and title != pull.title:
                changes["title"] = {"from": pull.title}
                self._set(pull, title=title)
            if body is not None and body != pull.body:
                changes["body"] = {"from": pull.body}
                self._set(pull, body=body)
            if base is not None and base != pull.base_ref:
                changes["ref"] = {"from": pull.base_ref}
                self._retarget(repo, pull, base)
            if changes:
                edited = self.find(repo, pull.number)
                self._announce(repo, edited, actor, "pull_request", {"action": "edited", "changes": changes})
            if state is not None and state != pull.state:
                self._set_state(repo, self.find(repo, pull.number), actor, state)
        return self.find(repo, pull.number)

    def _retarget(self, repo: Repo, pull: Pull, base: str) -> None:
        if pull.state != "open":
            raise InputError("pull-closed", "the base of a closed pull request stays as it is")
        if base == pull.head_ref:
            raise InputError("pull-same-branch", "head and base are the same branch", got=base[:100])
        tip = self._repositories.tip(repo, base)
        self._check_single(repo, pull.head_ref, base)
        merge_base = self._repositories.git(repo).merge_base(tip, pull.head_sha) or ""
        self._set(pull, base_ref=base, merge_base=merge_base)

    def _set_state(self, repo: Repo, pull: Pull, actor: Account, state: str) -> None:
        if state not in ("open", "closed"):
            raise InputError("state-invalid", "not a state", got=state[:20], expected="open or closed")
        if pull.merged:
            raise RefusedError("precondition-merged", "cannot change state of this pull request, it was already merged")
        if state == "closed":
            self._set(pull, state="closed", closed_at=self._stamp())
        else:
            self._check_single(repo, pull.head_ref, pull.base_ref)
            tip = self._repositories.tip(repo, pull.head_ref)
            self._set(pull, state="open", closed_at=None)
            if tip != pull.head_sha:  # pushes while it was closed count like pushes now
                self._move_head(repo, self.find(repo, pull.number), tip, actor)
        action = "closed" if state == "closed" else "reopened"
        self._announce(repo, self.find(repo, pull.number), actor, "pull_request", {"action": action})

    def mark_merged(self, repo: Repo, pull: Pull, *, commit: str, actor: Account) -> None:
        """Part of settling a merge: the branch holds ``commit`` already."""
        now = self._stamp()
        self._set(
            pull, state="closed", merged=True, merge_commit=commit, merged_by=actor.id, merged_at=now, closed_at=now
        )
        self._announce(repo, self.find(repo, pull.number), actor, "pull_request", {"action": "closed"})

    def branch_moved(self, repo: Repo, branch: str, commit: str | None, actor: Account) -> None:
        """Bring every open pull request from or to ``branch`` up to date; ``commit`` is None when it was deleted."""
        for pull in self.all(repo, "open"):
            if branch not in (pull.head_ref, pull.base_ref):
                continue
            if commit is None:
                self._set_state(repo, pull, actor, "closed")
            elif branch == pull.head_ref and commit != pull.head_sha:
                self._move_head(repo, pull, commit, actor)
            elif branch == pull.base_ref:
                merge_base = self._repositories.git(repo).merge_base(commit, pull.head_sha) or ""
                self._set(pull, merge_base=merge_base)

    def _move_head(self, repo: Repo, pull: Pull, head: str, actor: Account) -> None:
        repository = self._repositories.git(repo)
        repository.update_ref(f"refs/pull/{pull.number}/head", head)
        base = self._repositories.tip(repo, pull.base_ref)
        if _content_changed(repository, base, pull.head_sha, head):
            self._store.run("UPDATE reviews SET stale = 1 WHERE pull = ?", pull.id)
            rule = self._repositories.rule_for(repo, pull.base_ref)
            if rule is not None and rule.dismiss_stale_approvals:
                self._store.run("UPDATE reviews SET dismissed = 1 WHERE pull = ? AND state = 'APPROVED'", pull.id)
        self._store.run("UPDATE reviews SET stale = 0 WHERE pull = ? AND commit_id = ?", pull.id, head)
        self._set(pull, head_sha=head, merge_base=repository.merge_base(base, head) or "")
        moved = self.find(repo, pull.number)
        self._announce(repo, moved, actor, "pull_request_sync", {"action": "synchronized", "commit_id": head})

    # -- reviews and comments ----------------------------------------------------------------------------------------

    def review(self, repo: Repo, pull: Pull, author: Account, *, event: str, body: str, commit_id: str) -> Review:
        if event not in (*VERDICTS, "COMMENT"):
            raise InputError("review-event-invalid", "not a review", got=event[:30], expected="APPROVED, …")
        if event in VERDICTS and author.id == pull.author:
            verb = "approve" if event == "APPROVED" else "reject"
            raise InputError("review-own-pull", f"{verb} your own pull is not allowed")
        if event != "APPROVED" and not body.strip():
            raise InputError("review-body-missing", f"review event {event} requires a body or a comment")
        if len(body) > 65536:
            raise InputError("text-too-long", "a review has at most 65536 characters")
        with self._repositories.lock(repo), self._store.transaction():
            pull = self.find(repo, pull.number)
            if pull.state != "open":
                raise InputError("pull-closed", "can't submit a review for a closed or merged PR")
            commit_id = commit_id or pull.head_sha
            repository = self._repositories.git(repo)
            base = self._repositories.tip(repo, pull.base_ref)
            if commit_id != pull.head_sha and commit_id not in {
                commit.id for commit in repository.reachable(pull.head_sha, [base])
            }:
                raise InputError("review-commit-foreign", "not a commit of this pull request", got=commit_id[:64])
            stale = commit_id != pull.head_sha and _content_changed(repository, base, commit_id, pull.head_sha)
            official = rules.is_official(
                self._repositories.rule_for(repo, pull.base_ref), author.login, self._accounts.level(repo, author)
            )
            if event in VERDICTS:
                sql = "UPDATE reviews SET dismissed = 1 WHERE pull = ? AND author = ? AND state IN (?, ?)"
                self._store.run(sql, pull.id, author.id, *VERDICTS)
            now = self._stamp()
            sql = """INSERT INTO reviews
                     (pull, author, state, body, commit_id, stale, official, submitted_at, updated_at)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
            values = (pull.id, author.id, event, body, commit_id, stale, official and event in VERDICTS, now, now)
            review = self.find_review(pull, self._store.run(sql, *values))
            kind = {"APPROVED": "approved", "REQUEST_CHANGES": "rejected", "COMMENT": "comment"}[event]
            extra = {"action": "reviewed", "review": {"type": f"pull_request_review_{kind}", "content": body}}
            self._announce(repo, pull, author, f"pull_request_review_{kind}", extra)
        return review

    def find_review(self, pull: Pull, review: int) -> Review:
        row = self._store.one("SELECT * FROM reviews WHERE id = ? AND pull = ?", review, pull.id)
        if row is None:
            raise NotFoundError("review-unknown", "no such review", got=review)
        return records.read(Review, row)

    def dismiss(
        self, pull: Pull, review: Review, actor: Account, message: str = "", *, dismissed: bool = True
    ) -> Review:
        if review.state not in VERDICTS:
            raise RefusedError("review-not-dismissible", "not need to dismiss this review because it's not a verdict")
        if dismissed and not message.strip():
            raise InputError("review-message-missing", "a dismissal needs a message")
        now = self._stamp()
        with self._store.transaction():
            self._store.run("UPDATE reviews SET dismissed = ?, updated_at = ? WHERE id = ?", dismissed, now, review.id)
            if dismissed:
                text = f"Review {review.id} dismissed: {message}"
                self._store.run("UPDATE pulls SET updated_at = ? WHERE id = ?", now, pull.id)
                self._store.run(
                    "INSERT INTO comments (pull, author, body, created_at) VALUES (?, ?, ?, ?)",
                    *(pull.id, actor.id, text[:65536], now),
                )
        return self.find_review(pull, review.id)

    def comment(self, repo: Repo, pull: Pull, author: Account, body: str) -> Comment:
        if not body.strip() or len(body) > 65536:
            raise InputError("comment-invalid", "a comment has between 1 and 65536 characters")
        sql = "INSERT INTO comments (pull, author, body, created_at) VALUES (?, ?, ?, ?)"
        with self._store.transaction():
            comment = self._store.run(sql, pull.id, author.id, body, self._stamp())
            row = self._store.one("SELECT * FROM comments WHERE id = ?", comment)
            assert row is not None  # noqa: S101 - inserted above
            made = records.read(Comment, row)
            extra = {"action": "created", "comment": {"id": made.id, "body": body}, "is_pull": True}
            self._announce(repo, pull, author, "pull_request_comment", extra)
        return made

    # -- inside ------------------------------------------------------------------------------------------------------

    def _check_single(self, repo: Repo, head: str, base: str) -> None:
        if any(pull.head_ref == head and pull.base_ref == base for pull in self.all(repo, "open")):
            raise ConflictError(
                "pull-exists", "pull request already exists for these targets", got=f"{head} into {base}"
            )

    def _set(self, pull: Pull, **values: object) -> None:
        values["updated_at"] = self._stamp()
        columns = ", ".join(f"{name} = ?" for name in values)  # names are ours, never a request's
        self._store.run(f"UPDATE pulls SET {columns} WHERE id = ?", *values.values(), pull.id)  # noqa: S608

    def _stamp(self) -> str:
        return records.stamp(self._now())


def _content_changed(repository: git.Repository, base: str, old: str, new: str) -> bool:
    """Whether the pull request proposes something else than before (a rebase onto the base alone does not)."""
    old_base, new_base = repository.merge_base(base, old), repository.merge_base(base, new)
    if old_base is None or new_base is None:
        return True
    return repository.diff(old_base, old) != repository.diff(new_base, new)


def _check_text(title: str, body: str) -> None:
    if not title.strip() or len(title) > 255 or "\n" in title:
        raise InputError("title-invalid", "a title is one line of 1 to 255 characters", got=repr(title[:60]))
    if len(body) > 65536:
        raise InputError("text-too-long", "a description has at most 65536 characters")
