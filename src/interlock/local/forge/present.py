"""The JSON shapes of Gitea (``modules/structs``)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from interlock.formats import signatures
from interlock.local.forge import statuses as commit_statuses
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.records import (
    Account,
    Comment,
    Hook,
    Key,
    Level,
    Pull,
    Repo,
    Review,
    Status,
    Team,
)
from interlock.local.forge.repositories import Repositories
from interlock.local.forge.rules import Protection
from interlock.local.forge.trust import Signatures, Trust

Json = dict[str, Any]


class Presenter:
    """``root`` is the configured URL: nothing in an answer comes from a request's Host header."""

    def __init__(self, root: str, accounts: Accounts, repositories: Repositories, trust: Signatures) -> None:
        self.root = root.rstrip("/")
        self._accounts = accounts
        self._repositories = repositories
        self._trust = trust

    def page(self, repo: Repo, rest: str = "") -> str:
        return f"{self.root}/{repo.full_name}" + (f"/{quote(rest)}" if rest else "")

    def api(self, repo: Repo, rest: str) -> str:
        return f"{self.root}/api/v1/repos/{repo.full_name}/{quote(rest)}"

    def user(self, account: Account) -> Json:
        return {
            "id": account.id,
            "login": account.login,
            "login_name": "",
            "source_id": 0,
            "full_name": account.full_name,
            "email": account.email,
            "avatar_url": "",
            "html_url": f"{self.root}/{account.login}",
            "language": "",
            "is_admin": account.admin,
            "last_login": account.created_at,
            "created": account.created_at,
            "restricted": False,
            "active": True,
            "prohibit_login": False,
            "location": "",
            "website": "",
            "description": "",
            "visibility": account.visibility if account.kind == "org" else "public",
            "username": account.login,
        }

    def user_by_id(self, account: int | None) -> Json | None:
        return None if account is None else self.user(self._accounts.by_id(account))

    def org(self, org: Account) -> Json:
        return {
            "id": org.id,
            "name": org.login,
            "username": org.login,
            "full_name": org.full_name,
            "email": "",
            "avatar_url": "",
            "description": "",
            "website": "",
            "location": "",
            "visibility": org.visibility,
            "repo_admin_change_team_access": True,
        }

    def team(self, team: Team) -> Json:
        units = ["repo.code", "repo.issues", "repo.pulls"]
        return {
            "id": team.id,
            "name": team.name,
            "description": "",
            "organization": None,
            "includes_all_repositories": team.all_repositories,
            "permission": team.permission,
            "units": units,
            "units_map": dict.fromkeys(units, team.permission),
            "can_create_org_repo": team.permission == "owner",
        }

    def ssh_key(self, key: Key, owner: Account) -> Json:
        return {
            "id": key.id,
            "key": key.content,
            "url": f"{self.root}/api/v1/user/keys/{key.id}",
            "title": key.title,
            "fingerprint": key.fingerprint,
            "created_at": key.created_at,
            "user": self.user(owner),
            "read_only": False,
            "key_type": "user",
        }

    def gpg_key(self, key: Key, owner: Account) -> Json:
        return {
            "id": key.id,
            "primary_key_id": "",
            "key_id": key.fingerprint[-16:].upper(),
            "public_key": key.content,
            "emails": [{"email": owner.email, "verified": True}],
            "subkeys": [],
            "can_sign": True,
            "can_encrypt_comms": False,
            "can_encrypt_storage": False,
            "can_certify": True,
            "verified": True,
            "created_at": key.created_at,
            "expires_at": None,
        }

    def repository(self, repo: Repo, level: Level | None, *, empty: bool | None = None) -> Json:
        """``level``: what the asker may do; None in webhooks. ``empty``: when it is known, to save asking git."""
        owner = self._accounts.by_id(repo.owner)
        shown = {
            "id": repo.id,
            "owner": self.user(owner),
            "name": repo.name,
            "full_name": repo.full_name,
            "description": repo.description,
            "empty": not self._repositories.branches(repo) if empty is None else empty,
            "private": repo.private,
            "fork": False,
            "template": False,
            "parent": None,
            "mirror": False,
            "html_url": self.page(repo),
            "url": self.api(repo, "").rstrip("/"),
            "clone_url": f"{self.page(repo)}.git",
            "ssh_url": "",
            "default_branch": repo.default_branch,
            "archived": False,
            "created_at": repo.created_at,
            "updated_at": repo.created_at,
            "internal": not repo.private and owner.visibility != "public",
            "has_issues": False,
            "has_wiki": False,
            "has_pull_requests": True,
            "has_projects": False,
            "allow_merge_commits": True,
            "allow_rebase": False,
            "allow_rebase_explicit": False,
            "allow_squash_merge": False,
            "allow_fast_forward_only_merge": False,
            "allow_rebase_update": False,
            "default_merge_style": "merge",
            "default_delete_branch_after_merge": False,
            "object_format_name": "sha1",
        }
        if level is not None:
            shown["permissions"] = {
                "admin": level >= Level.ADMIN,
                "push": level >= Level.WRITE,
                "pull": level >= Level.READ,
            }
        return shown

    # -- commits -----------------------------------------------------------------------------------------------------

    def verification(self, commit: signatures.Commit) -> Json:
        trust = self._trust.check(commit)
        return {
            "verified": trust.verified,
            "reason": trust.reason,
            "signature": (commit.signature or "").rstrip("\n"),
            "payload": commit.payload.decode(errors="replace") if commit.signature else "",
            "signer": _signer(trust),
        }

    def payload_commit(self, repo: Repo, commit: signatures.Commit) -> Json:
        return {
            "id": commit.id,
            "message": commit.message,
            "url": self.page(repo, f"commit/{commit.id}"),
            "author": _payload_user(commit.author),
            "committer": _payload_user(commit.committer),
            "verification": self.verification(commit),
            "timestamp": commit.committer.when.isoformat(),
            "added": None,
            "removed": None,
            "modified": None,
        }

    def commit(self, repo: Repo, commit: signatures.Commit) -> Json:
        where = self.api(repo, f"git/commits/{commit.id}")
        return {
            "url": where,
            "sha": commit.id,
            "created": commit.committer.when.isoformat(),
            "html_url": self.page(repo, f"commit/{commit.id}"),
            "commit": {
                "url": where,
                "author": _commit_user(commit.author),
                "committer": _commit_user(commit.committer),
                "message": commit.message,
                "tree": {"url": self.api(repo, f"git/trees/{commit.tree}"), "sha": commit.tree},
                "verification": self.verification(commit),
            },
            "author": None,
            "committer": None,
            "parents": [
                {"url": self.api(repo, f"git/commits/{parent}"), "sha": parent, "created": "0001-01-01T00:00:00Z"}
                for parent in commit.parents
            ],
            "files": None,
            "stats": None,
        }

    def branch(self, repo: Repo, name: str, commit: signatures.Commit, rule: Protection | None, may: Json) -> Json:
        return {
            "name": name,
            "commit": self.payload_commit(repo, commit),
            "protected": rule is not None,
            "required_approvals": rule.required_approvals if rule else 0,
            "enable_status_check": rule.enable_status_check if rule else False,
            "status_check_contexts": list(rule.status_check_contexts) if rule else [],
            "effective_branch_protection_name": rule.rule_name if rule else "",
            **may,
        }

    # -- pull requests -----------------------------------------------------------------------------------------------

    def pull(self, repo: Repo, pull: Pull, *, base_sha: str, mergeable: bool, comments: int) -> Json:
        shown = self.repository(repo, None, empty=False)
        page = self.page(repo, f"pulls/{pull.number}")
        head_name = pull.head_ref
        return {
            "id": pull.id,
            "url": page,
            "number": pull.number,
            "user": self.user_by_id(pull.author),
            "title": pull.title,
            "body": pull.body,
            "labels": [],
            "milestone": None,
            "assignee": None,
            "assignees": None,
            "requested_reviewers": [],
            "state": pull.state,
            "draft": False,
            "is_locked": False,
            "comments": comments,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "mergeable": mergeable,
            "merged": pull.merged,
            "merged_at": pull.merged_at,
            "merge_commit_sha": pull.merge_commit,
            "merged_by": self.user_by_id(pull.merged_by),
            "allow_maintainer_edit": False,
            "base": _side(pull.base_ref, base_sha, repo, shown),
            "head": _side(head_name, pull.head_sha, repo, shown),
            "merge_base": pull.merge_base,
            "due_date": None,
            "created_at": pull.created_at,
            "updated_at": pull.updated_at,
            "closed_at": pull.closed_at,
        }

    def review(self, repo: Repo, pull: Pull, review: Review) -> Json:
        page = self.page(repo, f"pulls/{pull.number}")
        return {
            "id": review.id,
            "user": self.user_by_id(review.author),
            "team": None,
            "state": review.state,
            "body": review.body,
            "commit_id": review.commit_id,
            "stale": review.stale,
            "official": review.official,
            "dismissed": review.dismissed,
            "comments_count": 0,
            "submitted_at": review.submitted_at,
            "updated_at": review.updated_at,
            "html_url": f"{page}#issuecomment-{review.id}",
            "pull_request_url": page,
        }

    def comment(self, repo: Repo, pull: Pull, comment: Comment) -> Json:
        page = self.page(repo, f"pulls/{pull.number}")
        return {
            "id": comment.id,
            "html_url": f"{page}#issuecomment-{comment.id}",
            "pull_request_url": page,
            "issue_url": "",
            "user": self.user_by_id(comment.author),
            "body": comment.body,
            "assets": [],
            "created_at": comment.created_at,
            "updated_at": comment.created_at,
        }

    def status(self, repo: Repo, status: Status) -> Json:
        return {
            "id": status.id,
            "status": status.state,
            "target_url": status.target_url,
            "description": status.description,
            "url": self.api(repo, f"statuses/{status.sha}"),
            "context": status.context,
            "creator": self.user_by_id(status.creator),
            "created_at": status.created_at,
            "updated_at": status.created_at,
        }

    def combined_status(self, repo: Repo, sha: str, newest: list[Status]) -> Json:
        return {
            "state": commit_statuses.combined([status.state for status in newest]) if newest else "",
            "sha": sha,
            "total_count": len(newest),
            "statuses": [self.status(repo, status) for status in newest],
            "repository": self.repository(repo, None),
            "commit_url": "",
            "url": self.api(repo, f"commits/{sha}/status"),
        }

    @staticmethod
    def hook(hook: Hook) -> Json:
        """Without the secret."""
        return {
            "id": hook.id,
            "type": "gitea",
            "branch_filter": "",
            "config": {"content_type": "json", "url": hook.url},
            "events": json.loads(hook.events),
            "authorization_header": "",
            "active": hook.active,
            "created_at": hook.created_at,
            "updated_at": hook.updated_at,
        }


def _side(ref: str, sha: str, repo: Repo, shown: Json) -> Json:
    return {"label": ref, "ref": ref, "sha": sha, "repo_id": repo.id, "repo": shown}


def _signer(trust: Trust) -> Json | None:
    return {"name": trust.name, "email": trust.email, "username": trust.login} if trust.verified else None


def _payload_user(who: signatures.Identity) -> Json:
    return {"name": who.name, "email": who.email, "username": ""}


def _commit_user(who: signatures.Identity) -> Json:
    return {"name": who.name, "email": who.email, "date": who.when.isoformat()}
