"""What HTTP adds: who is asking, and answers for errors. Shared by the API and by git's transport."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse

from interlock.errors import (
    ConflictError,
    InputError,
    InterlockError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    UnsupportedError,
)
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.records import Account

log = logging.getLogger("interlock.forge")

CHALLENGE = {"WWW-Authenticate": 'Basic realm="Gitea"'}
_BY_CODE = {
    "unauthenticated": 401,
    "body-malformed": 400,
    "body-too-large": 413,
    "precondition-merged": 412,
    "merge-done": 405,
    "merge-not-allowed": 405,
    "merge-not-ready": 405,
    "merge-style": 405,
}
_BY_CLASS: tuple[tuple[type[InterlockError], int], ...] = (
    (InputError, 422),
    (UnsupportedError, 422),
    (NotFoundError, 404),
    (RefusedError, 403),
    (ConflictError, 409),
    (UnreachableError, 503),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. ``scopes`` is None for a password, which may do everything."""

    account: Account
    scopes: tuple[str, ...] | None

    @property
    def by_password(self) -> bool:
        return self.scopes is None

    def allows(self, category: str, *, write: bool) -> bool:
        if self.scopes is None or "all" in self.scopes:
            return True
        return f"write:{category}" in self.scopes or (not write and f"read:{category}" in self.scopes)

    def need(self, category: str, *, write: bool) -> None:
        """Raises RefusedError ``scope-missing``."""
        if not self.allows(category, write=write):
            wanted = f"{'write' if write else 'read'}:{category}"
            raise RefusedError(
                "scope-missing", f"token does not have at least one of required scope(s), required=[{wanted}]"
            )


def authenticate(accounts: Accounts, headers: Mapping[str, str]) -> Caller:
    """By ``Authorization: token X``, ``Bearer X``, or Basic with a token or password.

    Raises RefusedError ``unauthenticated``: no credentials, or wrong ones.
    """
    kind, _, value = headers.get("authorization", "").strip().partition(" ")
    value = value.strip()
    if kind.lower() in ("token", "bearer") and value:
        if found := accounts.by_token(value):
            return Caller(*found)
    elif kind.lower() == "basic":
        user, password = _basic(value)
        # As in Gitea, a token may stand for the password, or for the user name.
        for token in (password, user):
            if len(token) >= 20 and (found := accounts.by_token(token)):
                return Caller(*found)
        if user and password and (account := accounts.check_password(user, password)):
            return Caller(account, None)
    elif not kind:
        raise RefusedError("unauthenticated", "token is required")
    raise RefusedError("unauthenticated", "user does not exist or the credentials are wrong")


def status_of(error: InterlockError) -> int:
    """The HTTP status that an error has."""
    return _BY_CODE.get(error.code) or next((status for kind, status in _BY_CLASS if isinstance(error, kind)), 500)


def failure(error: InterlockError, root: str) -> JSONResponse:
    """The error as Gitea answers it; the code stands in brackets at the end of the message."""
    status = status_of(error)
    if status == 500:
        log.error("internal error: %s", error)
    return JSONResponse(
        {"message": str(error), "url": f"{root}/api/swagger"},
        status_code=status,
        headers=CHALLENGE if status == 401 else None,
    )


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RefusedError("unauthenticated", "malformed credentials") from error
    return user, password
