"""Branch protection, as pure decisions. After Gitea ``models/git/protected_branch.go``, ``services/pull/check.go``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field, field_validator

from interlock.errors import UnsupportedError
from interlock.local.forge.records import Level, Review, Status


class Protection(BaseModel):
    """One rule. Fields are Gitea's ``BranchProtection``; those that are not enforced here must have their default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_name: str = Field(min_length=1, max_length=255)
    branch_name: str = ""
    priority: int = 0
    enable_push: bool = False
    enable_push_whitelist: bool = False
    push_whitelist_usernames: tuple[str, ...] = ()
    push_whitelist_teams: tuple[str, ...] = ()
    push_whitelist_deploy_keys: bool = False
    enable_force_push: bool = False
    enable_force_push_allowlist: bool = False
    force_push_allowlist_usernames: tuple[str, ...] = ()
    force_push_allowlist_teams: tuple[str, ...] = ()
    force_push_allowlist_deploy_keys: bool = False
    enable_merge_whitelist: bool = False
    merge_whitelist_usernames: tuple[str, ...] = ()
    merge_whitelist_teams: tuple[str, ...] = ()
    enable_status_check: bool = False
    status_check_contexts: tuple[str, ...] = ()
    required_approvals: int = Field(default=0, ge=0, le=100)
    enable_approvals_whitelist: bool = False
    approvals_whitelist_username: tuple[str, ...] = ()
    approvals_whitelist_teams: tuple[str, ...] = ()
    block_on_rejected_reviews: bool = False
    block_on_official_review_requests: bool = False
    block_on_outdated_branch: bool = False
    dismiss_stale_approvals: bool = False
    ignore_stale_approvals: bool = False
    require_signed_commits: bool = False
    protected_file_patterns: str = ""
    unprotected_file_patterns: str = ""
    block_admin_merge_override: bool = False

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_empty(cls, value: object) -> object:
        return () if value is None else value

    def check_supported(self) -> None:
        """Raises UnsupportedError ``protection-unsupported`` naming what cannot be enforced here."""
        for name in _UNSUPPORTED:
            if getattr(self, name):
                raise UnsupportedError("protection-unsupported", f"{name} is not supported by this forge")

    def logins(self) -> set[str]:
        """Every account that the rule names."""
        return {*self.push_whitelist_usernames, *self.merge_whitelist_usernames, *self.approvals_whitelist_username}


_UNSUPPORTED = (
    "push_whitelist_teams",
    "push_whitelist_deploy_keys",
    "enable_force_push",
    "enable_force_push_allowlist",
    "force_push_allowlist_usernames",
    "force_push_allowlist_teams",
    "force_push_allowlist_deploy_keys",
    "merge_whitelist_teams",
    "approvals_whitelist_teams",
    "block_on_official_review_requests",
    "unprotected_file_patterns",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a push or merge is refused: a stable code and a sentence."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} [{self.code}]"


def matching(rules: Iterable[Protection], branch: str) -> Protection | None:
    """The rule for ``branch``: names without wildcards first, then by priority (ties: as created)."""
    ordered = sorted(rules, key=lambda rule: (_is_glob(rule.rule_name), rule.priority))
    return next((rule for rule in ordered if glob(rule.rule_name, branch)), None)


def glob(pattern: str, name: str) -> bool:
    """Case-insensitive: ``*`` within a path segment, ``**`` across, ``?``, ``[a-z]``, ``{a,b}`` (gobwas/glob)."""
    return _compiled(pattern.lower()).fullmatch(name.lower()) is not None


def may_push(rule: Protection | None, login: str, level: Level) -> bool:
    if rule is None:
        return level >= Level.WRITE
    if not rule.enable_push or level < Level.WRITE:
        return False
    return not rule.enable_push_whitelist or login in rule.push_whitelist_usernames


def may_merge(rule: Protection | None, login: str, level: Level) -> bool:
    if rule is None or not rule.enable_merge_whitelist:
        return level >= Level.WRITE
    return level >= Level.READ and login in rule.merge_whitelist_usernames


def is_official(rule: Protection | None, login: str, level: Level) -> bool:
    """Whether a review counts for the required approvals; decided once, when it is submitted."""
    if rule is None or not rule.enable_approvals_whitelist:
        return level >= Level.WRITE
    return level >= Level.READ and login in rule.approvals_whitelist_username


def protected_paths(rule: Protection, paths: Iterable[str]) -> list[str]:
    """Those of ``paths`` that match ``protected_file_patterns`` (separated by ``;``)."""
    patterns = [pattern.strip() for pattern in rule.protected_file_patterns.split(";") if pattern.strip()]
    return [path for path in paths if any(glob(pattern, path) for pattern in patterns)]


def latest(statuses: Iterable[Status]) -> dict[str, Status]:
    """The newest status of each context."""
    return {status.context: status for status in sorted(statuses, key=lambda status: status.id)}


def merge_refusals(
    rule: Protection, reviews: Sequence[Review], statuses: Sequence[Status], *, outdated: bool
) -> list[Refusal]:
    """What an unfinished pull request still lacks; empty when it may be merged."""
    found = []
    counted = [review for review in reviews if review.official and not review.dismissed]
    approvals = {
        review.author
        for review in counted
        if review.state == "APPROVED" and not (rule.ignore_stale_approvals and review.stale)
    }
    if len(approvals) < rule.required_approvals:
        text = f"Does not have enough approvals: {len(approvals)} of {rule.required_approvals}"
        found.append(Refusal("approvals-missing", text))
    if rule.block_on_rejected_reviews and any(review.state == "REQUEST_CHANGES" for review in counted):
        found.append(Refusal("changes-requested", "There are requested changes"))
    if rule.block_on_outdated_branch and outdated:
        found.append(Refusal("branch-outdated", "The head branch is behind the base branch"))
    if rule.enable_status_check:
        newest = latest(statuses)
        for context in rule.status_check_contexts:
            states = [status.state for name, status in newest.items() if glob(context, name)]
            if not states or any(state != "success" for state in states):
                state = ", ".join(sorted({state for state in states if state != "success"})) or "missing"
                found.append(Refusal("status-missing", f"Required status check {context!r} is {state}"))
        if not rule.status_check_contexts and any(status.state != "success" for status in newest.values()):
            found.append(Refusal("status-missing", "Not all status checks are successful"))
    return found


def _is_glob(pattern: str) -> bool:
    return any(character in pattern for character in "*?[{\\")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    out, position, depth = "", 0, 0
    while position < len(pattern):
        character = pattern[position]
        if pattern.startswith("**", position):
            out, position = out + ".*", position + 1
        elif character == "*":
            out += "[^/]*"
        elif character == "?":
            out += "[^/]"
        elif character == "\\" and position + 1 < len(pattern):
            position += 1
            out += re.escape(pattern[position])
        elif character == "[" and "]" in pattern[position + 2 :]:
            end = pattern.index("]", position + 2)
            inner = pattern[position + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out, position = out + ("[^" + inner[1:] if inner.startswith("!") else "[" + inner) + "]", end
        elif character == "{" and "}" in pattern[position:]:
            out, depth = out + "(?:", depth + 1
        elif character == "}" and depth:
            out, depth = out + ")", depth - 1
        elif character == "," and depth:
            out += "|"
        else:
            out += re.escape(character)
        position += 1
    try:
        return re.compile(out, re.S)
    except re.error:
        return re.compile(re.escape(pattern), re.S)
