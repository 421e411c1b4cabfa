"""The HTTP application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from interlock.local.forge import api
from interlock.local.forge.api import people, protections, pulls, repositories, statuses
from interlock.local.forge.config import Config
from interlock.local.forge.forge import Forge
from interlock.local.forge.smart_http import SmartHttp


def create_app(config: Config) -> Starlette:
    """Open the forge over ``config.data`` (recovering what a kill left) and serve it; closing the app closes it."""
    forge = Forge(config)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        forge.outbox.start()
        try:
            yield
        finally:
            forge.close()

    tables = [people.table, protections.table, pulls.table, statuses.table, repositories.table]
    routes = [
        Route("/healthz", lambda request: PlainTextResponse("ok"), methods=["GET"]),
        *api.routes(forge, tables),
        *SmartHttp(forge).routes(),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _http_error})
    app.state.forge = forge
    return app


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for that class
    return JSONResponse({"message": error.detail}, status_code=error.status_code, headers=error.headers)
