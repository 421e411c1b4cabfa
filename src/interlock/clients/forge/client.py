"""``ForgeClient``: one method a call of the Gitea API that the platform makes."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Unpack

from interlock.clients.forge import model
from interlock.clients.forge.transport import Transport, path
from interlock.clients.http import Options, Secret, Token
from interlock.errors import BusyError, InputError, NotFoundError, UnreachableError

State = Literal["open", "closed", "all"]
Event = Literal["APPROVED", "REQUEST_CHANGES", "COMMENT"]
StatusState = Literal["pending", "success", "error", "failure", "warning"]
Permission = Literal["read", "write", "admin"]


class ForgeClient:
    """Acts as the user of ``token``. Thread-safe; usable as a context manager.

    Errors: see `interlock.clients.http` and ``transport``.
    """

    def __init__(self, base_url: str, token: Token = None, **options: Unpack[Options]) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = Transport(base_url, token, **options)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> ForgeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> str:
        return self._http.read("version", lambda body: str(body["version"]))

    def signing_key(self) -> str:
        """The armored OpenPGP certificate with which the forge signs merge commits."""
        return self._http.send("GET", "signing-key.gpg").text

    # -- people ------------------------------------------------------------------------------------------------------

    def me(self) -> model.User:
        return self._http.read("user", model.User.read)

    def user(self, login: str) -> model.User:
        return self._http.read(path("users", login), model.User.read)

    def create_user(self, login: str, *, email: str, password: str, full_name: str = "") -> model.User:
        """As site administrator."""
        body = {
            "username": login,
            "email": email,
            "password": password,
            "full_name": full_name,
            "must_change_password": False,
        }
        return self._http.change("POST", "admin/users", body, model.User.read)

    def create_token(self, login: str, password: str, *, name: str, scopes: Sequence[str]) -> str:
        """A new access token of ``login``; it is shown this once. Authenticates with the password (as Gitea demands).

        Scopes: ``read:repository``, ``write:repository``, ``write:issue``, ``write:user``, ``all``, …
        """
        body = {"name": name, "scopes": list(scopes)}
        own = Secret(password, username=login)
        return self._http.change(
            "POST", path("users", login, "tokens"), body, lambda answer: str(answer["sha1"]), credentials=own
        )

    def add_ssh_key(self, title: str, key: str) -> int:
        """Register a public key for the token's user (commit signatures). Returns the key's id."""
        return self._http.change("POST", "user/keys", {"title": title, "key": key}, lambda body: int(body["id"]))

    def add_gpg_key(self, armored: str) -> int:
        """Register an OpenPGP certificate for the token's user. Returns the key's id."""
        body = {"armored_public_key": armored}
        return self._http.change("POST", "user/gpg_keys", body, lambda answer: int(answer["id"]))

    # -- organisations -----------------------------------------------------------------------------------------------

    def create_org(self, name: str, *, visibility: Literal["public", "limited", "private"] = "private") -> None:
        self._http.send("POST", "orgs", body={"username": name, "visibility": visibility})

    def create_team(self, org: str, name: str, *, permission: Permission, all_repositories: bool = True) -> int:
        """Returns the team's id."""
        body = {
            "name": name,
            "permission": permission,
            "includes_all_repositories": all_repositories,
            "units": ["repo.code", "repo.issues", "repo.pulls"],
        }
        return self._http.change("POST", path("orgs", org, "teams"), body, lambda answer: int(answer["id"]))

    def teams(self, org: str) -> dict[str, int]:
        """Team name -> id."""
        return dict(self._http.pages(path("orgs", org, "teams"), lambda body: (str(body["name"]), int(body["id"]))))

    def add_member(self, team: int, login: str) -> None:
        self._http.send("PUT", path("teams", team, "members", login))

    def add_collaborator(self, owner: str, repo: str, login: str, *, permission: Permission) -> None:
        self._http.send("PUT", path("repos", owner, repo, "collaborators", login), body={"permission": permission})

    # -- repositories ------------------------------------------------------------------------------------------------

    def create_repository(
        self, org: str, name: str, *, private: bool = True, default_branch: str = "main", description: str = ""
    ) -> model.Repository:
        """An empty repository that allows merge commits only."""
        body = {
            "name": name,
            "private": private,
            "auto_init": False,
            "default_branch": default_branch,
            "description": description,
        }
        made = self._http.change("POST", path("orgs", org, "repos"), body, model.Repository.read)
        only_merge_commits = {
            "has_pull_requests": True,
            "allow_merge_commits": True,
            "allow_rebase": False,
            "allow_rebase_explicit": False,
            "allow_squash_merge": False,
            "allow_fast_forward_only_merge": False,
            "default_merge_style": "merge",
        }
        return self._http.change("PATCH", path("repos", org, made.name), only_merge_commits, model.Repository.read)

    def repository(self, owner: str, repo: str) -> model.Repository:
        return self._http.read(path("repos", owner, repo), model.Repository.read)

    def repositories(self, org: str) -> list[model.Repository]:
        return list(self._http.pages(path("orgs", org, "repos"), model.Repository.read))

    def branch(self, owner: str, repo: str, name: str) -> str:
        """The commit at the tip of a branch."""
        return self._http.read(self._branch(owner, repo, name), model.Branch.read).sha

    def branches(self, owner: str, repo: str) -> list[model.Branch]:
        return list(self._http.pages(path("repos", owner, repo, "branches"), model.Branch.read))

    def delete_branch(self, owner: str, repo: str, name: str) -> None:
        self._http.send("DELETE", self._branch(owner, repo, name))

    def commits(
        self, owner: str, repo: str, *, sha: str | None = None, limit: int | None = None
    ) -> list[model.ForgeCommit]:
        """Commits reachable from ``sha`` (id or branch; default branch without), newest first."""
        found = self._http.pages(path("repos", owner, repo, "commits"), model.ForgeCommit.read, sha=sha)
        return list(itertools.islice(found, limit))

    def commit(self, owner: str, repo: str, sha: str) -> model.ForgeCommit:
        return self._http.read(path("repos", owner, repo, "git", "commits", sha), model.ForgeCommit.read)

    def raw(self, owner: str, repo: str, file: str, *, ref: str | None = None) -> bytes | None:
        """Content of a file; None when there is none at ``ref``."""
        try:
            where = path("repos", owner, repo, "raw", *file.split("/"))
            return self._http.send("GET", where, query={"ref": ref}).content
        except NotFoundError:
            self.repository(owner, repo)  # a repository that is missing is an error, not an absent file
            return None

    # -- branch protection -------------------------------------------------------------------------------------------

    def protections(self, owner: str, repo: str) -> list[model.BranchProtection]:
        return self._http.every(path("repos", owner, repo, "branch_protections"), model.BranchProtection.read)

    def protection(self, owner: str, repo: str, rule: str) -> model.BranchProtection:
        where = path("repos", owner, repo, "branch_protections", rule)
        return self._http.read(where, model.BranchProtection.read)

    def protect(self, owner: str, repo: str, rule: model.BranchProtection) -> model.BranchProtection:
        """Create the rule, or make an existing one of that name equal to it."""
        where = path("repos", owner, repo, "branch_protections", rule.rule_name)
        try:
            self._http.send("GET", where)
        except NotFoundError:
            there = path("repos", owner, repo, "branch_protections")
            return self._http.change("POST", there, rule.write(), model.BranchProtection.read)
        body = {key: value for key, value in rule.write().items() if key != "rule_name"}
        return self._http.change("PATCH", where, body, model.BranchProtection.read)

    # -- pull requests -----------------------------------------------------------------------------------------------

    def pulls(self, owner: str, repo: str, *, state: State = "open") -> list[model.PullRequest]:
        return list(self._http.pages(path("repos", owner, repo, "pulls"), model.PullRequest.read, state=state))

    def pull(self, owner: str, repo: str, number: int) -> model.PullRequest:
        return self._http.read(path("repos", owner, repo, "pulls", number), model.PullRequest.read)

    def create_pull(
        self, owner: str, repo: str, *, head: str, base: str, title: str, body: str = ""
    ) -> model.PullRequest:
        """``head`` and ``base`` are branches of the same repository. ConflictError when one is open for them."""
        given = {"head": head, "base": base, "title": title, "body": body}
        return self._http.change("POST", path("repos", owner, repo, "pulls"), given, model.PullRequest.read)

    def edit_pull(
        self,
        owner: str,
        repo: str,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        state: Literal["open", "closed"] | None = None,
        base: str | None = None,
    ) -> model.PullRequest:
        """Changes what is given and nothing else."""
        given = {"title": title, "body": body, "state": state, "base": base}
        given = {key: value for key, value in given.items() if value is not None}
        if not given:
            raise InputError("forge-invalid", "nothing to edit")
        return self._http.change("PATCH", path("repos", owner, repo, "pulls", number), given, model.PullRequest.read)

    def reviews(self, owner: str, repo: str, number: int) -> list[model.Review]:
        """In order of submission, with the dismissed and stale ones."""
        return list(self._http.pages(path("repos", owner, repo, "pulls", number, "reviews"), model.Review.read))

    def review(
        self, owner: str, repo: str, number: int, *, event: Event, commit_id: str, body: str = ""
    ) -> model.Review:
        """Submit a review of the commit ``commit_id``."""
        given = {"event": event, "commit_id": commit_id, "body": body}
        with self._about(owner, repo, commit_id):
            where = path("repos", owner, repo, "pulls", number, "reviews")
            return self._http.change("POST", where, given, model.Review.read)

    def dismiss_review(self, owner: str, repo: str, number: int, review: int, *, message: str) -> model.Review:
        where = path("repos", owner, repo, "pulls", number, "reviews", review, "dismissals")
        return self._http.change("POST", where, {"message": message}, model.Review.read)

    def merge(
        self, owner: str, repo: str, number: int, *, head_commit_id: str, message_title: str, message: str = ""
    ) -> model.PullRequest:
        """Merge with a merge commit. ConflictError when the head is no longer ``head_commit_id``; RefusedError
        ``forge-merge-refused`` when a rule of the branch says no; BusyError ``forge-busy`` while it is being checked.
        Returns the merged pull request.
        """
        body: dict[str, Any] = {
            "Do": "merge",
            "head_commit_id": head_commit_id,
            "MergeTitleField": message_title,
            "MergeMessageField": message,
        }
        self._http.send("POST", path("repos", owner, repo, "pulls", number, "merge"), body=body)
        return self.pull(owner, repo, number)

    def pull_of_commit(self, owner: str, repo: str, sha: str) -> model.PullRequest:
        """The pull request that was merged by the commit ``sha``."""
        return self._http.read(path("repos", owner, repo, "commits", sha, "pull"), model.PullRequest.read)

    def comment(self, owner: str, repo: str, number: int, body: str) -> model.Comment:
        where = path("repos", owner, repo, "issues", number, "comments")
        return self._http.change("POST", where, {"body": body}, model.Comment.read)

    def comments(self, owner: str, repo: str, number: int) -> list[model.Comment]:
        return self._http.every(path("repos", owner, repo, "issues", number, "comments"), model.Comment.read)

    # -- commit statuses ---------------------------------------------------------------------------------------------

    def statuses(self, owner: str, repo: str, sha: str) -> list[model.CommitStatus]:
        """Every status of a commit, newest first: the first of a context counts."""
        with self._about(owner, repo, sha):
            found = list(self._http.pages(path("repos", owner, repo, "statuses", sha), model.CommitStatus.read))
        # Gitea sorts by the second of creation, and those of one second the other way round.
        return sorted(found, key=lambda item: item.id, reverse=True)

    def set_status(
        self,
        owner: str,
        repo: str,
        sha: str,
        *,
        context: str,
        state: StatusState,
        description: str = "",
        target_url: str = "",
    ) -> model.CommitStatus:
        body = {"context": context, "state": state, "description": description, "target_url": target_url}
        with self._about(owner, repo, sha):
            return self._http.change("POST", path("repos", owner, repo, "statuses", sha), body, model.CommitStatus.read)

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def hooks(self, owner: str, repo: str | None = None) -> list[model.Hook]:
        """Of a repository, or of an organisation when ``repo`` is None."""
        return list(self._http.pages(self._hooks(owner, repo), model.Hook.read))

    def create_hook(
        self, owner: str, repo: str | None, *, url: str, secret: str, events: Sequence[str], active: bool = True
    ) -> model.Hook:
        """JSON deliveries signed with ``secret`` (``X-Gitea-Signature``). An empty secret is refused."""
        if not secret:
            raise InputError("forge-invalid", "a webhook without a secret proves nothing")
        config = {"url": url, "content_type": "json", "secret": secret}
        body = {"type": "gitea", "config": config, "events": list(events), "active": active}
        return self._http.change("POST", self._hooks(owner, repo), body, model.Hook.read)

    def delete_hook(self, owner: str, repo: str | None, hook: int) -> None:
        self._http.send("DELETE", f"{self._hooks(owner, repo)}/{hook}")

    @contextlib.contextmanager
    def _about(self, owner: str, repo: str, sha: str) -> Iterator[None]:
        """Gitea answers 500 about a commit that it does not have: NotFoundError then, as with everything else."""
        try:
            yield
        except UnreachableError as error:
            if not isinstance(error, BusyError) and error.code != "forge-unreachable":
                self.commit(owner, repo, sha)
            raise

    @staticmethod
    def _hooks(owner: str, repo: str | None) -> str:
        return path("orgs", owner, "hooks") if repo is None else path("repos", owner, repo, "hooks")

    @staticmethod
    def _branch(owner: str, repo: str, name: str) -> str:
        return path("repos", owner, repo, "branches", *name.split("/"))
