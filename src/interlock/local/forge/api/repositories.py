"""Repositories: creation, contents, branches, commits, collaborators; the forge's version and signing key."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import Any

from starlette.responses import PlainTextResponse, Response

from interlock.errors import InputError, NotFoundError, RefusedError, UnsupportedError
from interlock.local.forge.api import Body, Call, Page, Table
from interlock.local.forge.push import ZERO, Change
from interlock.local.forge.records import Level, Repo
from interlock.local.forge.repositories import check_branch
from interlock.local.forge.rules import may_merge, may_push

VERSION = "1.22.6+interlock"
table = Table()


class NewRepository(Body):
    name: str
    description: str = ""
    private: bool = False
    auto_init: bool = False
    default_branch: str = "main"
    gitignores: str = ""
    issue_labels: str = ""
    license: str = ""
    readme: str = ""
    template: bool = False
    trust_model: str = ""
    object_format_name: str = "sha1"


class EditRepository(Body):
    """Only merge commits are offered: settings that ask for less than that are refused, not ignored."""

    description: str | None = None
    has_pull_requests: bool = True
    allow_merge_commits: bool = True
    allow_rebase: bool = False
    allow_rebase_explicit: bool = False
    allow_squash_merge: bool = False
    allow_fast_forward_only_merge: bool = False
    default_merge_style: str = "merge"


class NewBranch(Body):
    new_branch_name: str
    old_branch_name: str = ""
    old_ref_name: str = ""


class Collaborator(Body):
    permission: str = "write"


@table.get("/version", "misc")
def version(call: Call) -> Any:
    return {"version": VERSION}


@table.get("/signing-key.gpg", "misc")
def signing_key(call: Call) -> Any:
    return PlainTextResponse(call.forge.signatures.certificate)


@table.post("/orgs/{org}/repos", "organization")
def create(call: Call) -> Any:
    org = call.forge.accounts.find(call.text("org"), "org")
    if not call.forge.accounts.is_owner(org, call.account):
        raise RefusedError("permission-denied", "Given user is not allowed to create repository in organization.")
    given = call.body(NewRepository)
    for name in ("auto_init", "gitignores", "license", "readme", "template", "issue_labels"):
        if getattr(given, name):
            raise UnsupportedError("repository-option-unsupported", f"{name} is not supported: push the first commit")
    if given.object_format_name != "sha1":
        raise UnsupportedError("repository-option-unsupported", "object_format_name: only sha1 repositories")
    repo = call.forge.repositories.create(
        org,
        given.name,
        private=given.private,
        default_branch=given.default_branch or "main",
        description=given.description,
    )
    return call.forge.present.repository(repo, call.level(repo))


@table.get("/orgs/{org}/repos", "organization")
def list_repositories(call: Call) -> Any:
    org = call.forge.accounts.find(call.text("org"), "org")
    readable = [repo for repo in call.forge.repositories.all(org) if call.level(repo) >= Level.READ]
    if not readable and not call.forge.accounts.is_member(org, call.account) and org.visibility == "private":
        raise NotFoundError("org-unknown", "no such organisation")
    return Page(readable, lambda repo: call.forge.present.repository(repo, call.level(repo)))


@table.get("/repos/{owner}/{repo}", "repository")
def get(call: Call) -> Any:
    repo = call.repo()
    return call.forge.present.repository(repo, call.level(repo))


@table.patch("/repos/{owner}/{repo}", "repository")
def edit(call: Call) -> Any:
    repo = call.repo(Level.ADMIN)
    given = call.body(EditRepository)
    fixed = EditRepository()
    for name in EditRepository.model_fields:
        if name != "description" and getattr(given, name) != getattr(fixed, name):
            raise UnsupportedError("repository-option-unsupported", f"{name}: this forge merges by merge commits only")
    if given.description is not None:
        repo = call.forge.repositories.describe(repo, given.description)
    return call.forge.present.repository(repo, call.level(repo))


@table.put("/repos/{owner}/{repo}/collaborators/{user}", "repository")
def add_collaborator(call: Call) -> None:
    repo = call.repo(Level.ADMIN)
    permission = call.body(Collaborator).permission
    call.forge.accounts.set_collaborator(repo, call.forge.accounts.find(call.text("user")), permission)


@table.delete("/repos/{owner}/{repo}/collaborators/{user}", "repository")
def remove_collaborator(call: Call) -> None:
    repo = call.repo(Level.ADMIN)
    call.forge.accounts.remove_collaborator(repo, call.forge.accounts.find(call.text("user")))


@table.get("/repos/{owner}/{repo}/collaborators/{user}/permission", "repository")
def permission_of(call: Call) -> Any:
    repo = call.repo()
    account = call.forge.accounts.find(call.text("user"))
    level = call.forge.accounts.level(repo, account).name.lower()
    return {"permission": level, "role_name": level, "user": call.forge.present.user(account)}


# -- branches --------------------------------------------------------------------------------------------------------


@table.get("/repos/{owner}/{repo}/branches", "repository")
def list_branches(call: Call) -> Any:
    repo = call.repo()
    tips = call.forge.repositories.branches(repo)
    return Page(sorted(tips), lambda name: _branch(call, repo, name, tips[name]))


@table.post("/repos/{owner}/{repo}/branches", "repository")
def create_branch(call: Call) -> Any:
    repo = call.repo(Level.WRITE)
    given = call.body(NewBranch)
    name = check_branch(given.new_branch_name)
    start = resolve(call, repo, given.old_ref_name or given.old_branch_name or repo.default_branch)
    with call.forge.repositories.lock(repo):
        if name in call.forge.repositories.branches(repo):
            raise InputError("branch-exists", "The branch already exists.", got=name)
        _move(call, repo, Change(f"refs/heads/{name}", ZERO, start))
    return _branch(call, repo, name, start)


@table.get("/repos/{owner}/{repo}/branches/{branch:path}", "repository")
def get_branch(call: Call) -> Any:
    repo = call.repo()
    name = call.text("branch")
    return _branch(call, repo, name, call.forge.repositories.tip(repo, name))


@table.delete("/repos/{owner}/{repo}/branches/{branch:path}", "repository")
def delete_branch(call: Call) -> None:
    repo = call.repo(Level.WRITE)
    name = call.text("branch")
    with call.forge.repositories.lock(repo):
        _move(call, repo, Change(f"refs/heads/{name}", call.forge.repositories.tip(repo, name), ZERO))


def _move(call: Call, repo: Repo, change: Change) -> None:
    """Move a branch by the same rules as a push; the lock is held."""
    repository = call.forge.repositories.git(repo)
    refused = call.forge.push_rules.refusals(repo, call.account, [change], repository)
    if refused:
        raise RefusedError(refused[0].code, "; ".join(refusal.text for refusal in refused))
    call.forge.journal.intend(repo, call.account, [change])
    new = None if change.new == ZERO else change.new
    repository.update_ref(change.ref, new, "" if change.old == ZERO else change.old)
    call.forge.journal.settle(repo)


def _branch(call: Call, repo: Repo, name: str, tip: str) -> Any:
    rule = call.forge.repositories.rule_for(repo, name)
    level, login = call.level(repo), call.account.login
    may = {"user_can_push": may_push(rule, login, level), "user_can_merge": may_merge(rule, login, level)}
    return call.forge.present.branch(repo, name, call.forge.repositories.git(repo).commit(tip), rule, may)


# -- commits and files -----------------------------------------------------------------------------------------------


@table.get("/repos/{owner}/{repo}/commits", "repository")
def list_commits(call: Call) -> Any:
    repo = call.repo()
    start = resolve(call, repo, call.query("sha") or repo.default_branch)
    commits = call.forge.repositories.git(repo).reachable(start)
    return Page(commits, lambda commit: call.forge.present.commit(repo, commit))


@table.get("/repos/{owner}/{repo}/git/commits/{sha}", "repository")
def get_commit(call: Call) -> Any:
    repo = call.repo()
    commit = call.forge.repositories.git(repo).commit(resolve(call, repo, call.text("sha")))
    return call.forge.present.commit(repo, commit)


@table.get("/repos/{owner}/{repo}/compare/{range:path}", "repository")
def compare(call: Call) -> Any:
    repo = call.repo()
    base, dots, head = call.text("range").partition("...")
    if not dots:
        raise NotFoundError("range-invalid", "not a range", got=base[:100], expected="base...head")
    repository = call.forge.repositories.git(repo)
    commits = repository.reachable(resolve(call, repo, head), [resolve(call, repo, base)])
    shown = [call.forge.present.commit(repo, commit) for commit in commits[:50]]
    return {"total_commits": len(commits), "commits": shown}


@table.get("/repos/{owner}/{repo}/raw/{path:path}", "repository")
def raw(call: Call) -> Any:
    repo = call.repo()
    content = call.forge.repositories.git(repo).read(_ref(call, repo), call.text("path"))
    if content is None:
        raise NotFoundError("file-unknown", "no such file", got=call.text("path")[:200])
    # Never shown as a page of this origin, whatever is in it.
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@table.get("/repos/{owner}/{repo}/contents", "repository")
def contents_of_root(call: Call) -> Any:
    repo = call.repo()
    return _folder(call, repo, _ref(call, repo), "")


@table.get("/repos/{owner}/{repo}/contents/{path:path}", "repository")
def contents(call: Call) -> Any:
    repo = call.repo()
    ref, path = _ref(call, repo), call.text("path")
    repository = call.forge.repositories.git(repo)
    found = repository.entry(ref, path)
    if found is None:
        raise NotFoundError("file-unknown", "no such file", got=path[:200])
    if found.type == "tree":
        return _folder(call, repo, ref, path)
    shown = _entry(call, repo, path, found.mode, found.type, found.id)
    if found.type == "blob":
        content = repository.blob(found.id)
        shown |= {"size": len(content), "encoding": "base64", "content": base64.b64encode(content).decode()}
    return shown


def _folder(call: Call, repo: Repo, ref: str, path: str) -> Any:
    entries = call.forge.repositories.git(repo).ls_tree(ref, path, recursive=False)
    return [_entry(call, repo, entry.path, entry.mode, entry.type, entry.id) for entry in entries]


def _entry(call: Call, repo: Repo, path: str, mode: str, kind: str, object_id: str) -> dict[str, Any]:
    shown = {"tree": "dir", "commit": "submodule"}.get(kind, "symlink" if mode == "120000" else "file")
    return {
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": object_id,
        "type": shown,
        "size": 0,
        "encoding": None,
        "content": None,
        "target": None,
        "url": call.forge.present.api(repo, f"contents/{path}"),
        "download_url": call.forge.present.api(repo, f"raw/{path}") if shown == "file" else None,
    }


def _ref(call: Call, repo: Repo) -> str:
    return resolve(call, repo, call.query("ref") or repo.default_branch)


def resolve(call: Call, repo: Repo, revision: str) -> str:
    """A branch, tag or commit id -> commit. Pull requests' refs are not public names here."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}", revision) or ".." in revision:
        raise NotFoundError("revision-unknown", "no such revision", got=revision[:100])
    repository = call.forge.repositories.git(repo)
    if re.fullmatch(r"[0-9a-f]{7,39}", revision):
        # As Gitea: a branch or tag comes before the short id that it is named like.
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}"):
            with suppress(NotFoundError):
                return repository.resolve(name)
    return repository.resolve(revision)
