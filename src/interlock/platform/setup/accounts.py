"""Accounts on the forge: the estate's people and its three service accounts, their tokens and keys."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.clients import files
from interlock.clients.connect import Connections
from interlock.clients.context import Context
from interlock.clients.forge import ForgeClient
from interlock.clients.forge.client import Permission
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.platform.domain.people import System
from interlock.platform.estate import Estate, Platform

ADMINISTRATOR = "root-admin"
"""Identity that may create accounts and the organisation; used here and nowhere else."""
_SCOPES = ("write:repository", "write:issue", "write:user", "write:organization", "read:misc")
_TEAMS: Mapping[str, Permission] = {"Owners": "admin", "developers": "write", "readers": "read"}
"""Team of the organisation -> what its members may; owners may create repositories."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account that the forge is to have. ``token``: file for its token; ``ssh``: the key that signs its commits."""

    login: str
    name: str
    email: str
    token: Path
    ssh: Path | None = None
    seals: bool = False
    """The platform's: the seal key is registered with it too."""


def plan(estate: Estate, context: Context) -> tuple[Account, ...]:
    """The accounts of the estate's people and of ``accounts``, as far as the context file has a token file for them."""
    own = estate.platform.accounts
    services = {name.casefold() for name in (own.platform, own.pipeline, own.reader)}
    persons = {
        login: item for item in estate.people.persons for system, login in item.accounts if system is System.FORGE
    }
    found = []
    for login, identity in context.identities.items():
        person = persons.get(login.casefold())
        if identity.forge is None or (person is None and login.casefold() not in services):
            continue
        email = identity.email or (person.email if person else f"{login}@{context.organisation}.test")
        name = person.name if person else login
        found.append(Account(login, name, email, identity.forge, identity.ssh, seals=login == own.platform))
    return tuple(found)


def teams(platform: Platform, accounts: Iterable[Account]) -> dict[str, tuple[str, ...]]:
    """Team -> members."""
    own = platform.accounts
    developers = tuple(item.login for item in accounts if item.login not in (own.platform, own.reader))
    return {"Owners": (own.platform,), "developers": developers, "readers": (own.reader,)}


def create(connections: Connections, accounts: Iterable[Account]) -> Iterator[str]:
    """Create those that have no token yet, with their keys.

    Yields a line a new account. Token files are written 0600. An account that a kill left half made is finished.
    """
    context = connections.context
    administrator = connections.forge(ADMINISTRATOR)
    for account in accounts:
        if account.token.exists():
            continue
        pending = account.token.with_name(account.token.name + ".pending")
        if not pending.exists():
            files.write_durably(pending, secrets.token_urlsafe(24), mode=0o600)
        password = pending.read_text()
        try:
            administrator.user(account.login)
        except NotFoundError:
            administrator.create_user(account.login, email=account.email, password=password, full_name=account.name)
        name = f"interlock-{secrets.token_hex(4)}"
        token = administrator.create_token(account.login, password, name=name, scopes=_SCOPES)
        with ForgeClient(context.forge.outside, token, ca_file=context.forge.ca) as forge:
            _register_keys(forge, account, context.keys.seal)
        # Last: an account whose token is on disk is complete.
        files.write_durably(account.token, token + "\n", mode=0o600)
        pending.unlink()
        yield f"account {account.login}"


def _register_keys(forge: ForgeClient, account: Account, seal: Path) -> None:
    """The keys that sign this account's commits; the platform's seals too. A key that is there already is kept."""
    if account.ssh is not None:
        with contextlib.suppress(ConflictError, InputError):
            forge.add_ssh_key("signing", public(account.ssh).read_text().strip())
    if account.seals:
        with contextlib.suppress(ConflictError, InputError):
            forge.add_gpg_key(seal.read_text())


def create_organisation(connections: Connections, organisation: str, teams: Mapping[str, Iterable[str]]) -> None:
    """The organisation and its teams, with their members."""
    administrator = connections.forge(ADMINISTRATOR)
    try:
        existing = administrator.teams(organisation)
    except NotFoundError:
        administrator.create_org(organisation)
        existing = administrator.teams(organisation)
    for name, members in teams.items():
        team = existing.get(name) or administrator.create_team(organisation, name, permission=_TEAMS[name])
        for login in members:
            administrator.add_member(team, login)


def public(private: Path) -> Path:
    """The public key beside an OpenSSH private key."""
    return private.with_name(private.name + ".pub")
