"""The Gitea API, version 1: a table of calls. Each module of this package adds those of one noun.

A call is a function from ``Call`` to an answer (a value for JSON, or a Response). Calls run in threads; the table says
which token scope they need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError
from interlock.local.forge import requests
from interlock.local.forge.forge import Forge
from interlock.local.forge.records import Account, Level, Repo

MAX_BODY = 1024 * 1024
Category = Literal["admin", "issue", "misc", "organization", "repository", "user"]
B = TypeVar("B", bound="Body")
T = TypeVar("T")


class Body(BaseModel):
    """A request's JSON. Unknown fields are refused by name: a typo must not weaken a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Page:
    """A listing; the part that was asked for goes out with ``X-Total-Count`` and ``Link``."""

    items: Sequence[Any]
    show: Callable[[Any], Any]


@dataclass(frozen=True)
class Call:
    """One request."""

    forge: Forge
    caller: requests.Caller
    request: Request
    raw: bytes

    @property
    def account(self) -> Account:
        return self.caller.account

    def text(self, name: str) -> str:
        return str(self.request.path_params[name])

    def number(self, name: str) -> int:
        value = self.text(name)
        if not re.fullmatch(r"[0-9]{1,15}", value):
            raise NotFoundError("not-found", "not a number", got=value[:30])
        return int(value)

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def body(self, kind: type[B]) -> B:
        """The JSON body. Raises InputError ``body-malformed`` (400) and ``body-invalid`` (422)."""
        try:
            value = json.loads(self.raw or b"{}")
        except (ValueError, RecursionError) as error:
            raise InputError("body-malformed", "the body is not JSON", got=str(error)[:200]) from error
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError("body-invalid", f"{where}: {first['msg']}" if where else first["msg"]) from error

    def repo(self, least: Level = Level.READ) -> Repo:
        """The repository of the path; unknown (404) to who may not read it, refused (403) below ``least``."""
        repo = self.forge.repositories.find(self.text("owner"), self.text("repo"))
        level = self.level(repo)
        if level < Level.READ:
            raise NotFoundError("repository-unknown", "no such repository")
        if level < least:
            raise RefusedError("permission-denied", f"user should have {least.name.lower()} permission")
        return repo

    def level(self, repo: Repo) -> Level:
        return self.forge.accounts.level(repo, self.account)

    def admin(self) -> None:
        if not self.account.admin:
            raise RefusedError("permission-denied", "user should be the site admin")


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Entry:
    method: str
    path: str
    category: Category
    handler: Handler
    status: int


class Table:
    """Collects the calls of a module: ``@table.get("/version", "misc")``."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def _add(self, method: str, path: str, category: Category, status: int) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.entries.append(Entry(method, path, category, handler, status))
            return handler

        return register

    def get(self, path: str, category: Category) -> Callable[[Handler], Handler]:
        return self._add("GET", path, category, 200)

    def post(self, path: str, category: Category, status: int = 201) -> Callable[[Handler], Handler]:
        return self._add("POST", path, category, status)

    def put(self, path: str, category: Category, status: int = 204) -> Callable[[Handler], Handler]:
        return self._add("PUT", path, category, status)

    def patch(self, path: str, category: Category, status: int = 200) -> Callable[[Handler], Handler]:
        return self._add("PATCH", path, category, status)

    def delete(self, path: str, category: Category, status: int = 204) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path, category, status)


def routes(forge: Forge, tables: Sequence[Table]) -> list[Route]:
    """Routes below ``/api/v1``; the methods of one path share a route, so that others get 405."""
    by_path: dict[str, dict[str, Entry]] = {}
    for table in tables:
        for entry in table.entries:
            by_path.setdefault(entry.path, {})[entry.method] = entry
    return [
        Route(f"/api/v1{path}", _endpoint(forge, entries), methods=list(entries)) for path, entries in by_path.items()
    ]


def _endpoint(forge: Forge, entries: dict[str, Entry]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        entry = entries["GET" if request.method == "HEAD" else request.method]
        try:
            raw = await _read(request)
            return await run_in_threadpool(_answer, forge, entry, request, raw)
        except InterlockError as error:
            return requests.failure(error, forge.present.root)

    return endpoint


def _answer(forge: Forge, entry: Entry, request: Request, raw: bytes) -> Response:
    caller = requests.authenticate(forge.accounts, request.headers)
    caller.need(entry.category, write=entry.method != "GET")
    call = Call(forge, caller, request, raw)
    result = entry.handler(call)
    if entry.method != "GET":
        forge.outbox.wake()
    if isinstance(result, Response):
        return result
    if isinstance(result, Page):
        return _page(call, result)
    if result is None:
        return Response(status_code=entry.status)
    return JSONResponse(result, status_code=entry.status)


def _page(call: Call, page: Page) -> Response:
    """``page`` counts from 1, ``limit`` is at most 50 and 30 by default (Gitea's DEFAULT_PAGING_NUM)."""
    number, limit = _count(call.query("page"), 1), min(50, _count(call.query("limit"), 30))
    start = (number - 1) * limit
    total = len(page.items)
    links = []
    if start + limit < total:
        last = -(-total // limit)
        links += [(number + 1, "next"), (last, "last")]
    if number > 1:
        links += [(1, "first"), (number - 1, "prev")]
    url = f"{call.forge.present.root}{call.request.url.path}"
    others = [(key, value) for key, value in call.request.query_params.items() if key not in ("page", "limit")]
    headers = {"X-Total-Count": str(total), "Access-Control-Expose-Headers": "X-Total-Count, Link"}
    if links:
        headers["Link"] = ",".join(
            f'<{url}?{urlencode([*others, ("limit", limit), ("page", target)])}>; rel="{name}"'
            for target, name in links
        )
    return JSONResponse([page.show(item) for item in page.items[start : start + limit]], headers=headers)


def _count(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,6}", text) else default


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise InputError("body-too-large", "the body is too large", expected=f"at most {MAX_BODY} bytes")
    return body
