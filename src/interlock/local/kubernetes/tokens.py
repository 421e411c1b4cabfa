"""The token file: static users, in the columns of kube-apiserver's ``--token-auth-file``, as YAML."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from interlock.clients import files
from interlock.errors import InputError, RefusedError
from interlock.formats import yaml


class User(BaseModel):
    """A user and what they present. Groups are as RBAC sees them; ``system:masters`` may do everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    token: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    def __repr__(self) -> str:
        return f"User({self.name})"


class TokenFile:
    """The static users, looked up in time that does not depend on how much of a token is right."""

    def __init__(self, users: Iterable[User]) -> None:
        self._users = [(hashlib.sha256(user.token.encode()).digest(), user) for user in users]

    def find(self, token: str) -> User | None:
        presented = hashlib.sha256(token.encode()).digest()
        found = None
        for digest, user in self._users:
            if hmac.compare_digest(digest, presented):
                found = user
        return found


def read_tokens(path: Path) -> TokenFile:
    """Read a token file. Raises RefusedError ``token-file-mode`` when others may read it, InputError ``token-file``."""
    if path.stat().st_mode & 0o077:
        raise RefusedError("token-file-mode", "others may read the token file", where=str(path), todo="chmod 600")
    document = yaml.load(path.read_bytes(), file=str(path))
    if not isinstance(document.value, list):
        raise InputError("token-file", "a token file is a list of users", where=str(path))
    users = []
    for index, item in enumerate(document.value):
        try:
            users.append(User.model_validate(item))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise InputError("token-file", first["msg"], where=document.where(index, *first["loc"])) from None
    return TokenFile(users)


def write_tokens(path: Path, users: Iterable[User]) -> None:
    """Write a token file (0600) atomically."""
    rows = [{"name": user.name, "token": user.token, "groups": list(user.groups), "uid": user.uid} for user in users]
    files.write_durably(path, yaml.dump(rows), mode=0o600)
