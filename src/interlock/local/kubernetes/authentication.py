"""Who sends a request: a bearer token of the token file, or of a service account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from interlock.local.kubernetes import answers
from interlock.local.kubernetes.request import ANONYMOUS, User
from interlock.local.kubernetes.service_accounts import ServiceAccounts
from interlock.local.kubernetes.tokens import TokenFile

OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")
"""What may be read without a token."""
_AUTHENTICATED = "system:authenticated"


class Authenticator:
    def __init__(self, static: TokenFile, accounts: ServiceAccounts) -> None:
        self._static = static
        self._accounts = accounts

    def of_request(self, headers: Mapping[str, str], path: str) -> User:
        """Raises ApiError 401 for a token that is not accepted, and without one outside of `OPEN_PATHS`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if not token and not scheme:
            if path in OPEN_PATHS:
                return ANONYMOUS
            raise answers.unauthorized()
        user = self.of_token(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise answers.unauthorized()
        return user

    def of_token(self, token: str) -> User | None:
        found = self._static.find(token)
        if found is not None:
            return User(found.name, (*found.groups, _AUTHENTICATED), found.uid)
        verified = self._accounts.verify(token)
        return authenticated(verified.user) if verified else None


def authenticated(user: User) -> User:
    return replace(user, groups=(*user.groups, _AUTHENTICATED))
