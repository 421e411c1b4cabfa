"""The routes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from interlock.local.registry import blobs, manifests, uploads
from interlock.local.registry.config import Config
from interlock.local.registry.identities import read_identities
from interlock.local.registry.problem import Problem
from interlock.local.registry.service import Service
from interlock.local.registry.store import Store

Handler = Callable[[Service, Request], Awaitable[Response]]

_log = logging.getLogger("interlock.registry")


def create_app(config: Config, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Starlette:
    """The registry as an ASGI application. Opens the store; closes it at shutdown."""
    identities = read_identities(config.tokens) if config.tokens else None
    service = Service(config, Store(config.data), identities, now)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.store.close()

    async def root(service: Service, request: Request) -> Response:
        service.greet(request)
        return JSONResponse({})

    # One route for each set of methods; the first that fits the path wins, so uploads stand before blobs.
    table: list[tuple[str, dict[str, Handler]]] = [
        ("/v2/", {"GET": root, "HEAD": root}),
        ("/v2/{name:path}/blobs/uploads/", {"POST": uploads.begin}),
        (
            "/v2/{name:path}/blobs/uploads/{upload}",
            {"GET": uploads.status, "PATCH": uploads.append, "PUT": uploads.finish, "DELETE": uploads.cancel},
        ),
        ("/v2/{name:path}/blobs/{digest}", {"GET": blobs.get, "HEAD": blobs.get, "DELETE": blobs.delete}),
        (
            "/v2/{name:path}/manifests/{reference}",
            {"GET": manifests.get, "HEAD": manifests.get, "PUT": manifests.put, "DELETE": manifests.delete},
        ),
        ("/v2/{name:path}/tags/list", {"GET": manifests.tags}),
        ("/v2/{name:path}/referrers/{digest}", {"GET": manifests.referrers}),
    ]
    routes = [
        Route(path, _endpoint(service, handlers), methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        for path, handlers in table
    ]
    return Starlette(routes=[*routes, Route("/v2", _endpoint(service, {"GET": root}))], lifespan=lifespan)


def _endpoint(service: Service, handlers: dict[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            handler = handlers.get(request.method)
            if handler is None:
                raise Problem(405, "UNSUPPORTED", f"{request.method} is not possible here")
            response = await handler(service, request)
        except Problem as problem:
            level = logging.DEBUG if problem.status == 404 and request.method in ("GET", "HEAD") else logging.INFO
            _log.log(level, "refused %s %s: %s %s", request.method, request.url.path, problem.code, problem.message)
            response = problem.response()
        except ClientDisconnect:
            _log.info("broken off %s %s", request.method, request.url.path)
            response = Response(status_code=400)
        else:
            if request.method not in ("GET", "HEAD"):
                _log.info("done %s %s: %d", request.method, request.url.path, response.status_code)
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        return response

    return answer
