"""HTTP under ``ForgeClient``: the token, paging, and one error for each meaning.

===================  ==========================  =======================================================
answer               error                       code
===================  ==========================  =======================================================
401                  RefusedError                ``forge-unauthenticated``
403                  RefusedError                ``forge-forbidden``
404                  NotFoundError               ``forge-not-found`` (also: not visible to this token)
405                  RefusedError                ``forge-merge-refused`` (a rule of the branch says no)
409                  ConflictError               ``forge-conflict``
409 "PushRejected…"  RefusedError                ``forge-merge-refused``
other 4xx            InputError                  ``forge-invalid``
5xx, no JSON         UnreachableError            ``forge-failed``
no connection        UnreachableError            ``forge-unreachable``
===================  ==========================  =======================================================
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from interlock.errors import (
    ConflictError,
    InputError,
    InterlockError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)

PAGE = 50
_ERRORS: dict[int, tuple[type[InterlockError], str]] = {
    401: (RefusedError, "forge-unauthenticated"),
    403: (RefusedError, "forge-forbidden"),
    404: (NotFoundError, "forge-not-found"),
    405: (RefusedError, "forge-merge-refused"),
    409: (ConflictError, "forge-conflict"),
}
T = TypeVar("T")


class Transport:
    """Thread-safe; one connection pool. ``transport`` is for tests."""

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        timeout: float,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"token {token}"
        self._http = httpx.Client(
            base_url=base_url.rstrip("/") + "/api/v1/",
            headers=headers,
            timeout=timeout,
            transport=transport,
            trust_env=False,
            verify=_trust(base_url, ca_file),
        )

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> httpx.Response:
        """One request; answers other than 2xx raise."""
        given = {key: value for key, value in (query or {}).items() if value is not None}
        try:
            answer = self._http.request(
                method,
                path,
                params=given or None,
                json=body,
                auth=httpx.BasicAuth(*auth) if auth else httpx.USE_CLIENT_DEFAULT,
            )
        except httpx.HTTPError as error:
            raise UnreachableError("forge-unreachable", "the forge did not answer", got=error, where=path) from error
        if answer.is_success:
            return answer
        raise _error(method, answer)

    def read(self, path: str, kind: Callable[[Any], T], **query: Any) -> T:
        """GET one thing."""
        return decode(self.send("GET", path, query=query), kind)

    def change(self, method: str, path: str, body: Mapping[str, Any], kind: Callable[[Any], T]) -> T:
        """POST, PATCH or PUT; the answer is the changed thing."""
        return decode(self.send(method, path, body=body), kind)

    def pages(self, path: str, kind: Callable[[Any], T], **query: Any) -> Iterator[T]:
        """GET every page of a listing, lazily."""
        page, seen = 1, 0
        while True:
            answer = self.send("GET", path, query={**query, "page": page, "limit": PAGE})
            items: list[T] = decode(answer, lambda body: [kind(item) for item in body])
            yield from items
            seen += len(items)
            # A forge may allow less than PAGE on a page: only its own total, or an empty page, ends the listing.
            total = answer.headers.get("X-Total-Count")
            if not items or (total is not None and total.isdigit() and seen >= int(total)):
                return
            page += 1


def _trust(base_url: str, ca_file: Path | None) -> ssl.SSLContext:
    """Trusts ``ca_file`` alone, or the public CAs; nobody for plain HTTP, where reading CAs would only cost time."""
    if base_url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


def path(*parts: str | int) -> str:
    """A path below ``/api/v1/`` with every part escaped: a part is never more than one path segment."""
    for part in parts:
        if str(part) in ("", ".", ".."):
            raise InputError("forge-invalid", "not a name", got=repr(part))
    return "/".join(quote(str(part), safe="") for part in parts)


def decode(answer: httpx.Response, kind: Callable[[Any], T]) -> T:
    try:
        return kind(answer.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreachableError(
            "forge-failed", "an answer that is not of the Gitea API", got=repr(error)[:200], where=str(answer.url)
        ) from error


def _error(method: str, answer: httpx.Response) -> InterlockError:
    try:
        said = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        said = answer.text
    fallback: tuple[type[InterlockError], str] = (InputError, "forge-invalid")
    if answer.status_code >= 500 or answer.status_code < 400:
        fallback = (UnreachableError, "forge-failed")
    kind, code = _ERRORS.get(answer.status_code, fallback)
    if answer.status_code == 409 and said.startswith("PushRejected"):
        # Gitea's own hook refused the merge commit: trying again changes nothing.
        kind, code = RefusedError, "forge-merge-refused"
    return kind(
        code,
        f"the forge answered {answer.status_code} to {method}",
        got=said.strip()[:500] or None,
        where=answer.url.path,
    )
