"""Commit statuses and webhooks."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.local.forge.api import Body, Call, Page, Table
from interlock.local.forge.api.repositories import resolve
from interlock.local.forge.records import Level, Repo
from interlock.local.forge.rules import latest

table = Table()


class NewStatus(Body):
    state: str
    context: str = "default"
    description: str = ""
    target_url: str = ""


class HookConfig(Body):
    url: str
    content_type: str = "json"
    secret: str = ""
    http_method: str = "POST"


class NewHook(Body):
    type: str
    config: HookConfig
    events: list[str] = Field(default_factory=list)
    active: bool = False
    branch_filter: str = ""
    authorization_header: str = ""


@table.post("/repos/{owner}/{repo}/statuses/{sha}", "repository")
def create(call: Call) -> Any:
    repo = call.repo(Level.WRITE)
    given = call.body(NewStatus)
    commit = resolve(call, repo, call.text("sha"))
    with call.forge.store.transaction():
        made = call.forge.statuses.add(
            repo,
            commit,
            call.account,
            state=given.state,
            context=given.context,
            description=given.description,
            target_url=given.target_url,
        )
        call.forge.announce_status(repo, made, call.account)
    return call.forge.present.status(repo, made)


@table.get("/repos/{owner}/{repo}/statuses/{sha}", "repository")
def list_statuses(call: Call) -> Any:
    repo = call.repo()
    return _list(call, repo, resolve(call, repo, call.text("sha")))


@table.get("/repos/{owner}/{repo}/commits/{ref}/statuses", "repository")
def list_by_ref(call: Call) -> Any:
    repo = call.repo()
    return _list(call, repo, resolve(call, repo, call.text("ref")))


@table.get("/repos/{owner}/{repo}/commits/{ref}/status", "repository")
def combined(call: Call) -> Any:
    repo = call.repo()
    commit = resolve(call, repo, call.text("ref"))
    newest = latest(call.forge.statuses.all(repo, commit))
    return call.forge.present.combined_status(repo, commit, [newest[context] for context in sorted(newest)])


def _list(call: Call, repo: Repo, sha: str) -> Page:
    return Page(call.forge.statuses.all(repo, sha), lambda status: call.forge.present.status(repo, status))


# -- webhooks --------------------------------------------------------------------------------------------------------


@table.get("/repos/{owner}/{repo}/hooks", "repository")
def hooks(call: Call) -> Any:
    return Page(call.forge.hooks.all(**_of_repo(call)), call.forge.present.hook)


@table.post("/repos/{owner}/{repo}/hooks", "repository")
def create_hook(call: Call) -> Any:
    return _create_hook(call, _of_repo(call))


@table.delete("/repos/{owner}/{repo}/hooks/{id}", "repository")
def delete_hook(call: Call) -> None:
    call.forge.hooks.delete(call.number("id"), **_of_repo(call))


@table.get("/orgs/{org}/hooks", "organization")
def org_hooks(call: Call) -> Any:
    return Page(call.forge.hooks.all(**_of_org(call)), call.forge.present.hook)


@table.post("/orgs/{org}/hooks", "organization")
def create_org_hook(call: Call) -> Any:
    return _create_hook(call, _of_org(call))


@table.delete("/orgs/{org}/hooks/{id}", "organization")
def delete_org_hook(call: Call) -> None:
    call.forge.hooks.delete(call.number("id"), **_of_org(call))


def _create_hook(call: Call, owner: dict[str, int | None]) -> Any:
    given = call.body(NewHook)
    fixed = given.type == "gitea" and given.config.content_type == "json" and given.config.http_method == "POST"
    if not fixed or given.branch_filter or given.authorization_header:
        raise InputError("hook-unsupported", "only hooks of type gitea with content_type json, for all branches")
    made = call.forge.hooks.create(
        url=given.config.url, secret=given.config.secret, events=given.events, active=given.active, **owner
    )
    return call.forge.present.hook(made)


def _of_repo(call: Call) -> dict[str, int | None]:
    return {"org": None, "repository": call.repo(Level.ADMIN).id}


def _of_org(call: Call) -> dict[str, int | None]:
    org = call.forge.accounts.find(call.text("org"), "org")
    if not call.forge.accounts.is_member(org, call.account):
        raise NotFoundError("org-unknown", "no such organisation")
    if not call.forge.accounts.is_owner(org, call.account):
        raise RefusedError("permission-denied", "Must be an organization owner")
    return {"org": org.id, "repository": None}
