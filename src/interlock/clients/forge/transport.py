"""HTTP under ``ForgeClient``: paths, paging, and what the forge's answers mean beyond `interlock.clients.http`.

====================================  ================  ==================================================
answer                                error             code
====================================  ================  ==================================================
403 "Only signed in user …"           RefusedError      ``forge-unauthenticated``
404                                   NotFoundError     ``forge-not-found`` (also: not visible to this token)
405, 409 "Please try again later"     BusyError         ``forge-busy``
405                                   RefusedError      ``forge-merge-refused`` (a rule of the branch says no)
409                                   ConflictError     ``forge-conflict``
409 "PushRejected…"                   RefusedError      ``forge-merge-refused``
====================================  ================  ==================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar, Unpack
from urllib.parse import quote

import httpx

from interlock.clients.http import Credentials, Http, Options, Request, Secret, System, Token, entries, total_count
from interlock.clients.http.system import Meaning
from interlock.errors import BusyError, ConflictError, InputError, RefusedError

PAGE = 50
MAX_PAGES: Final = 10_000
T = TypeVar("T")


class Gitea(System):
    name = "forge"
    title = "the forge"
    failed = "forge-failed"
    refused = "forge-invalid"

    def meaning(self, answer: httpx.Response, said: str) -> Meaning | None:
        match answer.status_code:
            case 405 | 409 if "try again later" in said.lower():
                return BusyError, "forge-busy"
            case 403 if said.startswith("Only signed in user"):
                return RefusedError, "forge-unauthenticated"
            case 405:
                return RefusedError, "forge-merge-refused"
            case 409 if said.startswith("PushRejected"):
                # Gitea's own hook refused the merge commit: trying again changes nothing.
                return RefusedError, "forge-merge-refused"
            case 409:
                return ConflictError, "forge-conflict"
        return None


class Transport:
    """Thread-safe; one connection pool."""

    def __init__(self, base_url: str, token: Token, **options: Unpack[Options]) -> None:
        self._http = Http(Gitea(), base_url.rstrip("/") + "/api/v1/", Secret(token, scheme="token"), **options)
        self.close = self._http.close

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        credentials: Credentials | None = None,
    ) -> httpx.Response:
        """One request; answers other than 2xx raise."""
        return self._http.send(Request(method, path, query=query, json=body, credentials=credentials))

    def read(self, path: str, kind: Callable[[Any], T], **query: Any) -> T:
        """GET one thing."""
        return self._http.decode(self.send("GET", path, query=query), kind)

    def every(self, path: str, kind: Callable[[Any], T]) -> list[T]:
        """GET a listing that has no pages."""
        return self._http.decode(self.send("GET", path), lambda body: [kind(item) for item in entries(body)])

    def change(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        kind: Callable[[Any], T],
        *,
        credentials: Credentials | None = None,
    ) -> T:
        """POST, PATCH or PUT; the answer is the changed thing."""
        return self._http.decode(self.send(method, path, body=body, credentials=credentials), kind)

    def pages(self, path: str, kind: Callable[[Any], T], **query: Any) -> Iterator[T]:
        """GET every page of a listing, lazily."""
        seen = 0
        for page in range(1, MAX_PAGES + 1):
            answer = self.send("GET", path, query={**query, "page": page, "limit": PAGE})
            items = self._http.decode(answer, lambda body: [kind(item) for item in entries(body)])
            yield from items
            seen += len(items)
            # A forge may allow less than PAGE on a page: only its own total, or an empty page, ends the listing. The
            # total counts what it does not show, such as other people's pending reviews: less than it is no error.
            total = total_count(answer)
            if not items or (total is not None and seen >= total):
                return
        raise self._http.system.unread(f"more than {MAX_PAGES} pages", path)


def path(*parts: str | int) -> str:
    """A path below ``/api/v1/`` with every part escaped: a part is never more than one path segment."""
    for part in parts:
        if str(part) in ("", ".", ".."):
            raise InputError("forge-invalid", "not a name", got=repr(part))
    return "/".join(quote(str(part), safe="") for part in parts)
