"""What the forge says, as values. Field names follow Gitea's ``modules/structs``; logins and numeric ids are flattened.

Join people on ``user_id``: a login can be renamed and given to somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    id: int
    login: str
    full_name: str
    email: str
    is_admin: bool

    @classmethod
    def read(cls, body: Json) -> User:
        return cls(
            int(body["id"]),
            str(body["login"]),
            str(body.get("full_name", "")),
            str(body.get("email", "")),
            bool(body.get("is_admin", False)),
        )


@dataclass(frozen=True, slots=True)
class Repository:
    id: int
    owner: str
    name: str
    full_name: str
    private: bool
    default_branch: str
    clone_url: str
    empty: bool

    @classmethod
    def read(cls, body: Json) -> Repository:
        return cls(
            int(body["id"]),
            str(body["owner"]["login"]),
            str(body["name"]),
            str(body["full_name"]),
            bool(body["private"]),
            str(body["default_branch"]),
            str(body["clone_url"]),
            bool(body["empty"]),
        )


@dataclass(frozen=True, slots=True)
class Branch:
    name: str
    sha: str
    protected: bool

    @classmethod
    def read(cls, body: Json) -> Branch:
        return cls(str(body["name"]), str(body["commit"]["id"]), bool(body["protected"]))


@dataclass(frozen=True, slots=True)
class PullRequest:
    """``head_sha`` follows the branch while the pull request is open; afterwards it is what was merged or closed."""

    number: int
    state: str
    """``open`` or ``closed``; a merged one is closed."""
    merged: bool
    title: str
    body: str
    user: str
    user_id: int
    head_sha: str
    head_ref: str
    base_sha: str
    """Tip of the base branch as of the answer, also after the merge (the merge commit's parents say what it was)."""
    base_ref: str
    merge_base: str
    mergeable: bool
    merge_commit_sha: str | None
    merged_by: str | None
    merged_by_id: int | None
    created_at: datetime
    updated_at: datetime
    merged_at: datetime | None
    html_url: str
    from_fork: bool = False
    """The head is a branch of another repository: ``head_ref`` names nothing in this one."""

    def proposes(self, branch: str, base: str) -> bool:
        """Whether it is of this repository's ``branch``, into ``base`` (short names)."""
        return not self.from_fork and (self.head_ref, self.base_ref) == (branch, base)

    @classmethod
    def read(cls, body: Json) -> PullRequest:
        merged_by = body.get("merged_by") or {}
        return cls(
            number=int(body["number"]),
            state=str(body["state"]),
            merged=bool(body["merged"]),
            title=str(body["title"]),
            body=str(body["body"] or ""),
            user=str(body["user"]["login"]),
            user_id=int(body["user"]["id"]),
            head_sha=str(body["head"]["sha"]),
            head_ref=str(body["head"]["ref"]),
            base_sha=str(body["base"]["sha"]),
            base_ref=str(body["base"]["ref"]),
            merge_base=str(body["merge_base"]),
            mergeable=bool(body["mergeable"]),
            merge_commit_sha=body.get("merge_commit_sha") or None,
            merged_by=merged_by.get("login"),
            merged_by_id=merged_by.get("id"),
            created_at=instant(body["created_at"]),
            updated_at=instant(body["updated_at"]),
            merged_at=instant(body["merged_at"]) if body.get("merged_at") else None,
            html_url=str(body.get("html_url", "")),
            # A fork that was deleted since has no repository: Gitea then says null, and keeps no id that is ours.
            from_fork=body["head"].get("repo_id") != body["base"].get("repo_id"),
        )


@dataclass(frozen=True, slots=True)
class Review:
    """``stale``: the branch moved after it. ``official``: the reviewer counted when it was submitted."""

    id: int
    user: str
    user_id: int
    state: str
    """``APPROVED``, ``REQUEST_CHANGES``, ``COMMENT``; ``PENDING`` and ``REQUEST_REVIEW`` are no verdicts."""
    commit_id: str
    stale: bool
    official: bool
    dismissed: bool
    submitted_at: datetime
    body: str

    @classmethod
    def read(cls, body: Json) -> Review:
        user = body.get("user") or {}  # None for a review requested from a team
        return cls(
            id=int(body["id"]),
            user=str(user.get("login", "")),
            user_id=int(user.get("id", 0)),
            state=str(body["state"]),
            commit_id=str(body["commit_id"]),
            stale=bool(body["stale"]),
            official=bool(body["official"]),
            dismissed=bool(body["dismissed"]),
            submitted_at=instant(body["submitted_at"]),
            body=str(body["body"]),
        )


@dataclass(frozen=True, slots=True)
class CommitStatus:
    id: int
    context: str
    state: str
    """``pending``, ``success``, ``error``, ``failure`` or ``warning``."""
    description: str
    target_url: str
    creator: str
    creator_id: int
    created_at: datetime

    @classmethod
    def read(cls, body: Json) -> CommitStatus:
        creator = body.get("creator") or {}
        return cls(
            id=int(body["id"]),
            context=str(body["context"]),
            state=str(body["status"]),
            description=str(body["description"]),
            target_url=str(body["target_url"]),
            creator=str(creator.get("login", "")),
            creator_id=int(creator.get("id", 0)),
            created_at=instant(body["created_at"]),
        )


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    user: str
    user_id: int
    body: str
    created_at: datetime

    @classmethod
    def read(cls, body: Json) -> Comment:
        user = body["user"]
        return cls(int(body["id"]), str(user["login"]), int(user["id"]), str(body["body"]), instant(body["created_at"]))


@dataclass(frozen=True, slots=True)
class Hook:
    id: int
    url: str
    events: tuple[str, ...]
    active: bool

    @classmethod
    def read(cls, body: Json) -> Hook:
        return cls(int(body["id"]), str(body["config"]["url"]), tuple(body["events"] or ()), bool(body["active"]))


@dataclass(frozen=True, slots=True)
class ForgeCommit:
    """A commit with what the forge thinks of its signature (never our proof: we verify payload and signature)."""

    sha: str
    parents: tuple[str, ...]
    message: str
    author_email: str
    verified: bool
    reason: str
    signature: str
    payload: str

    @classmethod
    def read(cls, body: Json) -> ForgeCommit:
        inner = body["commit"]
        verification = inner.get("verification") or {}
        return cls(
            sha=str(body["sha"]),
            parents=tuple(str(parent["sha"]) for parent in body.get("parents") or ()),
            message=str(inner["message"]),
            author_email=str(inner["author"]["email"]),
            verified=bool(verification.get("verified", False)),
            reason=str(verification.get("reason", "")),
            signature=str(verification.get("signature", "")),
            payload=str(verification.get("payload", "")),
        )


@dataclass(frozen=True, slots=True)
class BranchProtection:
    """Rules for the branches whose name matches ``rule_name``; defaults are Gitea's, except that pushes are off."""

    rule_name: str
    enable_push: bool = False
    enable_push_whitelist: bool = False
    push_whitelist_usernames: tuple[str, ...] = ()
    enable_force_push: bool = False
    enable_merge_whitelist: bool = False
    merge_whitelist_usernames: tuple[str, ...] = ()
    required_approvals: int = 0
    enable_approvals_whitelist: bool = False
    approvals_whitelist_username: tuple[str, ...] = ()
    block_on_rejected_reviews: bool = False
    block_on_outdated_branch: bool = False
    dismiss_stale_approvals: bool = False
    ignore_stale_approvals: bool = False
    enable_status_check: bool = False
    status_check_contexts: tuple[str, ...] = ()
    require_signed_commits: bool = False
    protected_file_patterns: str = ""
    block_admin_merge_override: bool = False

    @classmethod
    def read(cls, body: Json) -> BranchProtection:
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = body.get(field.name, field.default)
            values[field.name] = tuple(value or ()) if isinstance(field.default, tuple) else value
        return cls(**values)

    def write(self) -> dict[str, Any]:
        """As the body of a create or edit request."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def instant(text: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(text)
