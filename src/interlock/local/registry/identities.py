"""The token file: who may pull and push where."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from interlock.clients import files
from interlock.errors import RefusedError
from interlock.formats import yaml

Right = Literal["pull", "push"]


class Identity(BaseModel):
    """One account. ``pull`` and ``push`` are patterns (fnmatch) of repositories; push implies pull."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    token: str = Field(min_length=8)
    pull: tuple[str, ...] = ("*",)
    push: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Identity({self.name})"

    def may(self, right: Right, repository: str) -> bool:
        patterns = self.push if right == "push" else (*self.pull, *self.push)
        return any(fnmatchcase(repository, pattern) for pattern in patterns)


class _File(RootModel[tuple[Identity, ...]]):
    """A YAML list of identities."""


class Identities:
    """Looked up in time that does not depend on how much of a token is right."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._known = [(hashlib.sha256(item.token.encode()).digest(), item) for item in identities]

    def authenticate(self, authorization: str) -> Identity | None:
        """The account of an ``Authorization`` header: a bearer token, or basic credentials with the token as password.

        A basic user name is not looked at: every token belongs to one account.
        """
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic":
            value = _password(value)
        elif scheme.lower() != "bearer":
            return None
        presented = hashlib.sha256(value.strip().encode()).digest()
        found = None
        for digest, item in self._known:
            if hmac.compare_digest(digest, presented):
                found = item
        return found


def anonymous(authorization: str) -> bool:
    """Whether a header carries no credentials: skopeo answers a basic challenge with an empty user and password."""
    scheme, _, value = authorization.partition(" ")
    return not authorization or (scheme.lower() == "basic" and value.strip() in ("", "Og=="))


def read_identities(path: Path) -> Identities:
    """Read a token file. Raises RefusedError ``token-file-mode`` when others may read it; see `files.read_model`."""
    if path.is_file() and path.stat().st_mode & 0o077:
        raise RefusedError("token-file-mode", "others may read the token file", where=str(path), todo="chmod 600")
    return Identities(files.read_model(path, _File, what="token file").root)


def write_identities(path: Path, identities: Iterable[Identity]) -> None:
    """Write a token file (0600) durably."""
    rows = [item.model_dump(mode="json") for item in identities]
    files.write_durably(path, yaml.dump(rows), mode=0o600)


def _password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (ValueError, binascii.Error):
        return ""
