"""Sample accounts on the forge: people, the platform's three service accounts, their tokens and keys."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from interlock.clients import files
from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.context import Context, Identity
from interlock.clients.forge import ForgeClient
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.platform.estate.sample import PEOPLE

ADMINISTRATOR = "root-admin"
"""Identity that may create accounts and the organisation; used here and nowhere else."""
_SCOPES = ("write:repository", "write:issue", "write:user", "write:organization", "read:misc")


def create(connections: Connections, *, organisation: str) -> Iterator[str]:
    """Create the accounts that have no token yet, with their keys.

    Yields a line a new account. Token files are written 0600; an identity without a ``forge`` credential in the
    context file has no account. An account that a kill left half made is finished.
    """
    context = connections.context
    administrator = connections.forge(ADMINISTRATOR)
    names = {login: person.name for person in PEOPLE for login in person.forge}
    for login, identity in context.identities.items():
        if identity.forge is None or identity.forge.exists():
            continue
        pending = identity.forge.with_name(identity.forge.name + ".pending")
        if not pending.exists():
            files.write_durably(pending, secrets.token_urlsafe(24), mode=0o600)
        password = pending.read_text()
        email = identity.email or f"{login}@{organisation}.test"
        if not _exists(administrator, login):
            administrator.create_user(login, email=email, password=password, full_name=names.get(login, login))
        name = f"interlock-{secrets.token_hex(4)}"
        token = administrator.create_token(login, password, name=name, scopes=_SCOPES)
        with ForgeClient(context.forge.outside, token, ca_file=context.forge.ca) as forge:
            _register_keys(forge, context, login)
        # Last: an account whose token is on disk is complete.
        files.write_durably(identity.forge, token + "\n", mode=0o600)
        pending.unlink()
        yield f"account {login}"


def _exists(administrator: ForgeClient, login: str) -> bool:
    try:
        administrator.user(login)
    except NotFoundError:
        return False
    return True


def _register_keys(forge: ForgeClient, context: Context, login: str) -> None:
    """The keys that sign this account's commits; the platform's seals too. A key that is there already is kept."""
    identity = context.identities[login]
    if identity.ssh is not None:
        with contextlib.suppress(ConflictError, InputError):
            forge.add_ssh_key("signing", public_key(identity.ssh))
    if login == PLATFORM:
        with contextlib.suppress(ConflictError, InputError):
            forge.add_gpg_key(context.keys.seal.read_text())


def create_organisation(connections: Connections, *, organisation: str, teams: Mapping[str, tuple[str, ...]]) -> None:
    """``teams``: permission (``owner``, ``write``, ``read``) -> members. Owners may create repositories."""
    administrator = connections.forge(ADMINISTRATOR)
    try:
        existing = administrator.teams(organisation)
    except NotFoundError:
        administrator.create_org(organisation)
        existing = administrator.teams(organisation)
    for permission, members in teams.items():
        name = {"owner": "Owners", "write": "developers", "read": "readers"}[permission]
        team = existing.get(name) or administrator.create_team(
            organisation,
            name,
            permission=permission,  # type: ignore[arg-type]
        )
        for login in members:
            administrator.add_member(team, login)


def public_key(private: Path) -> str:
    """The public key line beside an OpenSSH private key."""
    return private.with_name(private.name + ".pub").read_text().strip()


def with_forge(identities: Mapping[str, Identity]) -> tuple[str, ...]:
    """The identities that have an account on the forge, the administrator aside."""
    return tuple(name for name, item in identities.items() if item.forge is not None and name != ADMINISTRATOR)
