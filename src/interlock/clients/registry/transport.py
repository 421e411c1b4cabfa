"""One HTTP exchange with a registry: credentials, the token flow, and answers turned into the error tree."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from interlock.errors import InputError, NotFoundError, RefusedError, UnreachableError

MAX_ERROR_BYTES: Final = 64 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')


class Transport:
    """Sends requests; thread-safe. Credentials go to the registry's own origin only, never to where it redirects."""

    def __init__(self, base_url: str, *, username: str | None, token: str | None, ca_file: Path | None, timeout: float):
        parts = urlsplit(base_url if "//" in base_url else f"//{base_url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise InputError("registry-url", "not a registry's address", got=base_url, expected="http(s)://host[:port]")
        self.base_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._origin = (parts.scheme, parts.netloc)
        self._username, self._token = username, token
        self._bearer: dict[str, str] = {}
        self._lock = threading.Lock()
        self._client = httpx.Client(
            timeout=timeout,
            verify=_trust(base_url, ca_file),
            trust_env=parts.hostname not in _LOOPBACK,  # a proxy from the environment must not see loopback traffic
            headers={"User-Agent": "interlock", "Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=16),
        )

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def exchange(
        self,
        method: str,
        url: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        accept_status: tuple[int, ...] = (200,),
    ) -> Iterator[httpx.Response]:
        """The streamed answer to one request. ``scope`` is the token scope, ``repository:<name>:pull[,push]``.

        Raises RefusedError ``registry-unauthenticated`` / ``registry-forbidden``, NotFoundError
        ``registry-not-found``, UnreachableError ``registry-unreachable``, InputError ``registry-refused``.
        """
        target = urljoin(self.base_url + "/", url)
        try:
            response = self._send(method, target, scope, headers, content)
            if response.status_code == 401 and self._answer_challenge(response, scope):
                response.close()
                response = self._send(method, target, scope, headers, content)
            try:
                if response.status_code not in accept_status:
                    raise _failure(method, target, response)
                yield response
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise UnreachableError(
                "registry-unreachable",
                "the registry does not answer",
                got=f"{type(error).__name__}: {error}",
                where=target,
            ) from error

    def _send(
        self, method: str, target: str, scope: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> httpx.Response:
        for _ in range(5):
            sent = dict(headers or {})
            if self._same_origin(target) and (credentials := self._credentials(scope)):
                sent["Authorization"] = credentials
            request = self._client.build_request(method, target, headers=sent, content=content)
            response = self._client.send(request, stream=True, follow_redirects=False)
            # Blobs are often served by object storage; a write is never sent anywhere but where it was meant for.
            if method not in ("GET", "HEAD") or not response.has_redirect_location:
                return response
            target = urljoin(target, response.headers["Location"])
            response.close()
        raise UnreachableError("registry-unreachable", "too many redirects", where=target)

    def _same_origin(self, target: str) -> bool:
        parts = urlsplit(target)
        return (parts.scheme, parts.netloc) == self._origin

    def _credentials(self, scope: str) -> str | None:
        with self._lock:
            if bearer := self._bearer.get(scope):
                return f"Bearer {bearer}"
        if self._token is None:
            return None
        return self._basic() if self._username is not None else f"Bearer {self._token}"

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self._username or ''}:{self._token}".encode()).decode()

    def _answer_challenge(self, response: httpx.Response, scope: str) -> bool:
        """Get a token as the 401 asks (distribution docs/spec/auth/token.md). False when there is none to be had."""
        scheme, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        parameters = dict(_PARAMETER.findall(rest))
        realm = urlsplit(parameters.get("realm", ""))
        if scheme.lower() != "bearer" or realm.scheme not in ("http", "https"):
            return False
        if realm.scheme == "http" and realm.hostname not in _LOOPBACK:
            return False  # a token over plain HTTP would be readable by everybody on the way
        with self._lock:
            self._bearer.pop(scope, None)  # it was refused: expired, or of another scope
        query = {"service": parameters.get("service", ""), "scope": scope}
        headers = {"Authorization": self._basic()} if self._token is not None else {}
        answer = self._client.get(realm.geturl(), params={k: v for k, v in query.items() if v}, headers=headers)
        if answer.status_code != 200 or len(answer.content) > MAX_ERROR_BYTES:
            return False
        try:
            body = answer.json()
            token = body.get("token") or body.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            return False
        if not isinstance(token, str) or not token:
            return False
        with self._lock:
            self._bearer[scope] = token
        return True


def read(response: httpx.Response, limit: int, what: str) -> bytes:
    """The body, at most ``limit`` bytes; InputError ``registry-too-large`` otherwise."""
    result = bytearray()
    for chunk in response.iter_raw():
        result += chunk
        if len(result) > limit:
            raise InputError("registry-too-large", f"{what} is too large", expected=f"<= {limit} bytes")
    return bytes(result)


def _failure(
    method: str, target: str, response: httpx.Response
) -> NotFoundError | RefusedError | UnreachableError | InputError:
    status, got = response.status_code, f"{response.status_code} {_messages(response)}".strip()
    where = f"{method} {target}"
    if status == 401:
        return RefusedError("registry-unauthenticated", "the registry wants other credentials", got=got, where=where)
    if status in (403, 405):
        return RefusedError("registry-forbidden", "the registry does not allow this", got=got, where=where)
    if status == 404:
        return NotFoundError("registry-not-found", "not in the registry", got=got, where=where)
    if status in (408, 429) or status >= 500:
        return UnreachableError("registry-unreachable", "the registry cannot answer now", got=got, where=where)
    return InputError("registry-refused", "the registry did not accept this", got=got, where=where)


def _messages(response: httpx.Response) -> str:
    try:
        errors = json.loads(read(response, MAX_ERROR_BYTES, "error"))["errors"]
        return "; ".join(f"{item['code']}: {item.get('message', '')}" for item in errors)[:500]
    except (InputError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _trust(base_url: str, ca_file: Path | None) -> ssl.SSLContext:
    """Whom to believe. Plain HTTP needs nobody, and reading the machine's authorities costs 30 ms; a context without
    any still refuses every certificate, should something lead from there to HTTPS.
    """
    if urlsplit(base_url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=ca_file)
