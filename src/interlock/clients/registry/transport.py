"""HTTP under `RegistryClient`: the registry's address, its token service, and what its answers mean."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Unpack
from urllib.parse import urlsplit

import httpx

from interlock.clients.http import Http, Options, Request, Secret, System
from interlock.clients.http.system import Meaning
from interlock.errors import InputError, NotFoundError, RefusedError

MAX_TOKEN_BYTES: Final = 64 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')


class Distribution(System):
    name = "registry"
    title = "the registry"
    failed = "registry-unreachable"
    refused = "registry-refused"
    too_large = (InputError, "registry-too-large")
    # What has no route, such as the referrers API of an older registry, may be told with a page.
    told_by_pages = frozenset({401, 403, 404})

    def meaning(self, answer: httpx.Response, said: str) -> Meaning | None:
        return (RefusedError, "registry-forbidden") if answer.status_code == 405 else None


class Transport:
    """One registry's connections, and the short-lived tokens that its token service gave, by scope. Thread-safe."""

    def __init__(self, base_url: str, secret: Secret, realms: Collection[str], **options: Unpack[Options]) -> None:
        parts = urlsplit(base_url if "//" in base_url else f"//{base_url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise InputError("registry-url", "not a registry's address", got=base_url, expected="http(s)://host[:port]")
        self.base_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.http = Http(Distribution(), self.base_url, **options)
        self.secret = secret
        # The token service takes a token without a user's name as the password of an empty one.
        self.login = replace(secret, username=secret.username or "")
        self.bearers: dict[str, str] = {}
        self._realms = {parts.hostname, *realms}
        self._plain = parts.scheme == "http" and parts.hostname in _LOOPBACK

    def scoped(self, scope: str) -> Scoped:
        """Credentials for a token scope, ``repository:<name>:pull[,push]``."""
        return Scoped(self, scope)

    def is_private(self, realm: httpx.URL) -> bool:
        """Whether nobody on the way reads what goes there: TLS, or the loopback of a registry that is itself there."""
        return realm.scheme == "https" or (realm.scheme == "http" and self._plain and realm.host in _LOOPBACK)

    def may_have(self, realm: httpx.URL) -> bool:
        """Whether the credentials may go to this token service: the registry's host, or one that we were told of."""
        return realm.host in self._realms


@dataclass(frozen=True, slots=True)
class Scoped:
    """The token flow of distribution docs/spec/auth/token.md. `Http` asks this for the registry's own origin only."""

    transport: Transport
    scope: str

    def header(self) -> str | None:
        bearer = self.transport.bearers.get(self.scope)
        return f"Bearer {bearer}" if bearer else self.transport.secret.header()

    def renew(self, answer: httpx.Response, sent: str | None) -> bool:
        """Get a token as the 401 asks; where it asks for none, look whether the credentials changed.

        Raises RefusedError ``registry-unauthenticated`` when the token service may not have the credentials.
        """
        scheme, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
        asked = dict(_PARAMETER.findall(rest))
        self.transport.bearers.pop(self.scope, None)  # it was refused: expired, or of another scope
        realm = httpx.URL(asked.get("realm", ""))
        if scheme.lower() != "bearer" or not self.transport.is_private(realm):
            return self.transport.secret.renew(answer, sent)
        login = self.transport.login.header(fresh=True)
        if login and not self.transport.may_have(realm):
            raise RefusedError(
                "registry-unauthenticated",
                "the registry names a token service that may not have the credentials",
                got=realm.host,
                where=self.transport.base_url,
                todo="if it is the registry's, add the host to `token_realms` of its address",
            )
        headers = {"Authorization": login} if login else {}
        query = {"service": asked.get("service") or None, "scope": self.scope}
        try:
            request = Request("GET", str(realm), query=query, headers=headers, limit=MAX_TOKEN_BYTES)
            body = self.transport.http.send(request).json()
            bearer = body.get("token") or body.get("access_token")
        except (RefusedError, NotFoundError, ValueError, AttributeError, RecursionError):
            return False
        if not isinstance(bearer, str) or not bearer.isascii() or not bearer.isprintable() or not bearer:
            return False
        self.transport.bearers[self.scope] = bearer
        return True
