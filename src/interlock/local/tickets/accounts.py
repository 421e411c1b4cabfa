"""Accounts and roles, from a file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from interlock.clients import files
from interlock.errors import RefusedError
from interlock.formats import yaml

ITIL: Final = "itil"
"""May open and change records."""
APPROVER: Final = "approver_user"
"""Is asked to approve, and may."""


class User(BaseModel):
    """One account. Everybody who has one may read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """User name, such as ``carol``."""
    token: str = Field(min_length=8)
    roles: tuple[Literal["itil", "approver_user"], ...] = ()
    full_name: str = ""
    email: str = ""

    def __repr__(self) -> str:
        return f"User({self.name})"

    @property
    def sys_id(self) -> str:
        """The same at every start, so that records keep naming the same person."""
        return hashlib.sha256(f"sys_user:{self.name}".encode()).hexdigest()[:32]


class _File(RootModel[tuple[User, ...]]):
    """A YAML list of users."""


class Users:
    """Looked up in time that does not depend on how much of a token is right."""

    def __init__(self, users: Iterable[User]) -> None:
        self.all = tuple(users)
        self._known = [(hashlib.sha256(user.token.encode()).digest(), user) for user in self.all]

    def authenticate(self, authorization: str) -> User | None:
        """The account of an ``Authorization`` header: a bearer token, or basic credentials of user and token."""
        scheme, _, value = authorization.partition(" ")
        name = None
        if scheme.lower() == "basic":
            name, value = _basic(value)
        elif scheme.lower() != "bearer":
            return None
        presented = hashlib.sha256(value.strip().encode()).digest()
        found = None
        for digest, user in self._known:
            if hmac.compare_digest(digest, presented) and name in (None, user.name):
                found = user
        return found


def read_users(path: Path) -> Users:
    """Read the file. Raises RefusedError ``token-file-mode`` when others may read it; see `files.read_model`."""
    if path.is_file() and path.stat().st_mode & 0o077:
        raise RefusedError("token-file-mode", "others may read the token file", where=str(path), todo="chmod 600")
    return Users(files.read_model(path, _File, what="file of users").root)


def write_users(path: Path, users: Iterable[User]) -> None:
    """Write the file (0600) durably."""
    files.write_durably(path, yaml.dump([user.model_dump(mode="json") for user in users]), mode=0o600)


def _basic(value: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return "", ""
    return name, password
