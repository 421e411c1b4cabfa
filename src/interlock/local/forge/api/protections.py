"""Branch protections."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, ValidationError

from interlock.errors import InputError
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.api import Body, Call, Table
from interlock.local.forge.records import Level, Repo
from interlock.local.forge.rules import Protection

table = Table()
_PATH = "/repos/{owner}/{repo}/branch_protections"


class Edit(Body):
    """Only what is given changes; the fields are judged by ``Protection``."""

    model_config = ConfigDict(extra="allow", frozen=True)


@table.get(_PATH, "repository")
def list_rules(call: Call) -> Any:
    repo = call.repo(Level.ADMIN)
    return [_shown(*entry) for entry in call.forge.repositories.protections(repo)]


@table.post(_PATH, "repository")
def create(call: Call) -> Any:
    repo = call.repo(Level.ADMIN)
    given = dict(call.body(Edit).model_extra or {})
    given["rule_name"] = given.get("rule_name") or given.pop("branch_name", "")
    return _store(call, repo, given, create=True)


@table.get(f"{_PATH}/{{rule:path}}", "repository")
def get(call: Call) -> Any:
    return _shown(*call.forge.repositories.find_protection(call.repo(Level.ADMIN), call.text("rule")))


@table.patch(f"{_PATH}/{{rule:path}}", "repository")
def edit(call: Call) -> Any:
    repo = call.repo(Level.ADMIN)
    given = dict(call.body(Edit).model_extra or {})
    if {"rule_name", "branch_name"} & set(given):
        raise InputError("body-invalid", "a rule cannot be renamed")
    with call.forge.repositories.lock(repo):
        rule, _, _ = call.forge.repositories.find_protection(repo, call.text("rule"))
        return _store(call, repo, {**rule.model_dump(), **given}, create=False)


@table.delete(f"{_PATH}/{{rule:path}}", "repository")
def delete(call: Call) -> None:
    call.forge.repositories.unprotect(call.repo(Level.ADMIN), call.text("rule"))


def _store(call: Call, repo: Repo, given: dict[str, Any], *, create: bool) -> Any:
    rule = _Given.judge(given)
    _check_logins(call.forge.accounts, rule)
    call.forge.repositories.protect(repo, rule, create=create)
    return _shown(*call.forge.repositories.find_protection(repo, rule.rule_name))


class _Given(Body):
    rule: Protection

    @classmethod
    def judge(cls, given: dict[str, Any]) -> Protection:
        """Raises InputError ``body-invalid``."""
        try:
            return cls.model_validate({"rule": given}).rule
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][1:])
            raise InputError("body-invalid", f"{where}: {first['msg']}") from error


def _check_logins(accounts: Accounts, rule: Protection) -> None:
    """An allow-list with a misspelt name would let nobody through, or later the wrong one."""
    for login in sorted(rule.logins()):
        accounts.find(login)


def _shown(rule: Protection, created: str, updated: str) -> dict[str, Any]:
    return {**rule.model_dump(mode="json"), "branch_name": rule.rule_name, "created_at": created, "updated_at": updated}
