"""Sample accounts on the forge: people, the platform's three service accounts, their tokens and keys."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from interlock.clients import files
from interlock.clients.connect import Connections
from interlock.clients.context import Identity
from interlock.clients.forge import ForgeClient
from interlock.errors import ConflictError
from interlock.platform.estate.sample import PEOPLE

ADMINISTRATOR = "root-admin"
"""Identity that may create accounts and the organisation; used here and nowhere else."""
_SCOPES = ("write:repository", "write:issue", "write:user", "write:organization")


def create(connections: Connections, *, organisation: str) -> Iterator[str]:
    """Create the accounts that have no token yet, with their SSH keys, and put them into the organisation's teams.

    Yields a line a new account. Token files are written 0600; an identity without a ``forge`` credential in the
    context file has no account.
    """
    context = connections.context
    administrator = connections.forge(ADMINISTRATOR)
    names = {login: person.name for person in PEOPLE for login in person.forge}
    for login, identity in context.identities.items():
        if identity.forge is None or identity.forge.exists():
            continue
        password = secrets.token_urlsafe(24)
        email = identity.email or f"{login}@{organisation}.test"
        administrator.create_user(login, email=email, password=password, full_name=names.get(login, login))
        token = administrator.create_token(login, password, name="interlock", scopes=_SCOPES)
        with ForgeClient(context.forge.outside, token) as forge:
            if identity.ssh is not None:
                forge.add_ssh_key("signing", public_key(identity.ssh))
        # Last: an account whose token is on disk is complete.
        files.write_durably(identity.forge, token + "\n", mode=0o600)
        yield f"account {login}"


def create_organisation(connections: Connections, *, organisation: str, teams: Mapping[str, tuple[str, ...]]) -> None:
    """``teams``: permission (``admin``, ``write``, ``read``) -> members."""
    administrator = connections.forge(ADMINISTRATOR)
    with contextlib.suppress(ConflictError):
        administrator.create_org(organisation)
    existing = administrator.teams(organisation)
    for permission, members in teams.items():
        name = {"admin": "platform", "write": "developers", "read": "readers"}[permission]
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
