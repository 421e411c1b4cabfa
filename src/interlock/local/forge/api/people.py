"""Users, tokens, keys, organisations and teams."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from interlock.errors import NotFoundError, RefusedError
from interlock.local.forge.api import Body, Call, Page, Table
from interlock.local.forge.records import Account, Team

table = Table()


class NewUser(Body):
    username: str
    email: str
    password: str = Field(min_length=8)
    full_name: str = ""
    login_name: str = ""
    must_change_password: bool = False
    send_notify: bool = False
    source_id: int = 0
    restricted: bool = False
    visibility: str = ""


class NewToken(Body):
    name: str
    scopes: tuple[str, ...] = ()


class NewKey(Body):
    title: str
    key: str
    read_only: bool = False


class NewGpgKey(Body):
    armored_public_key: str
    armored_signature: str = ""


class NewOrg(Body):
    username: str
    full_name: str = ""
    description: str = ""
    visibility: str = "public"
    repo_admin_change_team_access: bool = True


class NewTeam(Body):
    name: str
    permission: str = "read"
    description: str = ""
    includes_all_repositories: bool = False
    can_create_org_repo: bool = False
    units: tuple[str, ...] = ()
    units_map: dict[str, str] = Field(default_factory=dict)


@table.post("/admin/users", "admin")
def create_user(call: Call) -> Any:
    call.admin()
    given = call.body(NewUser)
    made = call.forge.accounts.create_user(
        given.username, email=given.email, password=given.password, full_name=given.full_name
    )
    return call.forge.present.user(made)


@table.post("/admin/users/{user}/keys", "admin")
def add_key_for(call: Call) -> Any:
    call.admin()
    return _add_ssh_key(call, call.forge.accounts.find(call.text("user")))


@table.get("/user", "user")
def me(call: Call) -> Any:
    return call.forge.present.user(call.account)


@table.get("/users/{user}", "user")
def user(call: Call) -> Any:
    return call.forge.present.user(call.forge.accounts.find(call.text("user")))


@table.post("/users/{user}/tokens", "user")
def create_token(call: Call) -> Any:
    if not call.caller.by_password:
        raise RefusedError("unauthenticated", "auth required: a token cannot make tokens, use the password")
    owner = call.forge.accounts.find(call.text("user"))
    if owner.id != call.account.id and not call.account.admin:
        raise RefusedError("permission-denied", "doer should be the site admin or be same as the contextUser")
    given = call.body(NewToken)
    number, token = call.forge.accounts.create_token(owner, given.name, given.scopes)
    return {
        "id": number,
        "name": given.name,
        "sha1": token,
        "token_last_eight": token[-8:],
        "scopes": list(given.scopes),
    }


@table.post("/user/keys", "user")
def add_key(call: Call) -> Any:
    return _add_ssh_key(call, call.account)


@table.get("/user/keys", "user")
def my_keys(call: Call) -> Any:
    return _keys(call, call.account)


@table.get("/users/{user}/keys", "user")
def keys(call: Call) -> Any:
    return _keys(call, call.forge.accounts.find(call.text("user")))


@table.delete("/user/keys/{id}", "user")
def delete_key(call: Call) -> None:
    call.forge.accounts.delete_key(call.account, "ssh", call.number("id"))


@table.post("/user/gpg_keys", "user")
def add_gpg_key(call: Call) -> Any:
    key = call.forge.accounts.add_openpgp_key(call.account, call.body(NewGpgKey).armored_public_key)
    return call.forge.present.gpg_key(key, call.account)


@table.get("/user/gpg_keys", "user")
def my_gpg_keys(call: Call) -> Any:
    return _gpg_keys(call, call.account)


@table.get("/users/{user}/gpg_keys", "user")
def gpg_keys(call: Call) -> Any:
    return _gpg_keys(call, call.forge.accounts.find(call.text("user")))


@table.delete("/user/gpg_keys/{id}", "user")
def delete_gpg_key(call: Call) -> None:
    call.forge.accounts.delete_key(call.account, "openpgp", call.number("id"))


@table.post("/orgs", "organization")
def create_org(call: Call) -> Any:
    call.admin()
    given = call.body(NewOrg)
    return call.forge.present.org(
        call.forge.accounts.create_org(given.username, visibility=given.visibility, creator=call.account)
    )


@table.get("/orgs/{org}", "organization")
def get_org(call: Call) -> Any:
    return call.forge.present.org(_org(call))


@table.get("/orgs/{org}/teams", "organization")
def teams(call: Call) -> Any:
    return Page(call.forge.accounts.teams(_org(call)), call.forge.present.team)


@table.post("/orgs/{org}/teams", "organization")
def create_team(call: Call) -> Any:
    org = _org(call, owner=True)
    given = call.body(NewTeam)
    if given.permission == "owner":
        raise RefusedError("permission-denied", "there is one team of owners")
    made = call.forge.accounts.create_team(
        org, given.name, permission=given.permission, all_repositories=given.includes_all_repositories
    )
    return call.forge.present.team(made)


@table.get("/teams/{id}/members", "organization")
def members(call: Call) -> Any:
    return Page(call.forge.accounts.members(_team(call)), call.forge.present.user)


@table.put("/teams/{id}/members/{user}", "organization")
def add_member(call: Call) -> None:
    team = _team(call, owner=True)
    call.forge.accounts.add_member(team, call.forge.accounts.find(call.text("user")))


@table.delete("/teams/{id}/members/{user}", "organization")
def remove_member(call: Call) -> None:
    team = _team(call, owner=True)
    call.forge.accounts.remove_member(team, call.forge.accounts.find(call.text("user")))


@table.put("/teams/{id}/repos/{owner}/{repo}", "organization")
def add_team_repository(call: Call) -> None:
    team = _team(call, owner=True)
    repo = call.forge.repositories.find(call.text("owner"), call.text("repo"))
    if repo.owner != team.org:
        raise NotFoundError("repository-unknown", "no such repository of this organisation")
    call.forge.accounts.add_team_repository(team, repo)


def _add_ssh_key(call: Call, owner: Account) -> Any:
    given = call.body(NewKey)
    return call.forge.present.ssh_key(call.forge.accounts.add_ssh_key(owner, given.title, given.key), owner)


def _keys(call: Call, owner: Account) -> Page:
    return Page(call.forge.accounts.keys("ssh", owner), lambda key: call.forge.present.ssh_key(key, owner))


def _gpg_keys(call: Call, owner: Account) -> Page:
    return Page(call.forge.accounts.keys("openpgp", owner), lambda key: call.forge.present.gpg_key(key, owner))


def _org(call: Call, *, owner: bool = False) -> Account:
    org = call.forge.accounts.find(call.text("org"), "org")
    if org.visibility == "private" and not call.forge.accounts.is_member(org, call.account):
        raise NotFoundError("org-unknown", "no such organisation")
    if owner and not call.forge.accounts.is_owner(org, call.account):
        raise RefusedError("permission-denied", "Must be an organization owner")
    return org


def _team(call: Call, *, owner: bool = False) -> Team:
    team = call.forge.accounts.team(call.number("id"))
    org = call.forge.accounts.by_id(team.org)
    if not call.forge.accounts.is_member(org, call.account):
        raise NotFoundError("team-unknown", "no such team")
    if owner and not call.forge.accounts.is_owner(org, call.account):
        raise RefusedError("permission-denied", "Must be an organization owner")
    return team
