"""What the engines' processes share: the listener, readiness, a stop within seconds of SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import uvicorn
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette

from interlock.clients.process import notify_ready
from interlock.errors import UnreachableError

_STOP_SECONDS = 2


class HttpConfig(BaseModel):
    """Where an engine listens. Relative paths in a configuration file are relative to the file's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    """0: any free port (tests)."""


Http = TypeVar("Http", bound=HttpConfig)


class Server(uvicorn.Server):
    """Tells the supervisor when the socket is open; calls the app's ``state.before_stop`` when told to stop."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        getattr(self.config.app.state, "before_stop", lambda: None)()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def server(config: Http, create_app: Callable[[Http], Starlette], **options: Any) -> tuple[Server, socket.socket]:
    """The server and its bound socket; ``create_app`` is given the port that a 0 became.

    Raises UnreachableError ``port-in-use``, and what ``create_app`` raises.
    """
    # With the protocol named asyncio turns Nagle's algorithm off; without, every answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        where = f"{config.host}:{config.port}"
        raise UnreachableError("port-in-use", f"cannot listen: {error.strerror}", where=where) from error
    try:
        app = create_app(config.model_copy(update={"port": listener.getsockname()[1]}))
    except BaseException:
        listener.close()
        raise
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=_STOP_SECONDS,
        **options,
    )
    return Server(settings), listener


def serve(config: Http, create_app: Callable[[Http], Starlette]) -> None:
    """Serve until SIGTERM or SIGINT. Raises as `server` does."""
    wait(*server(config, create_app))


def wait(running: Server, listener: socket.socket) -> None:
    """Let ``running`` serve until SIGTERM or SIGINT."""
    host, port = listener.getsockname()
    logging.info("serving at %s://%s:%d", "https" if running.config.is_ssl else "http", host, port)
    asyncio.run(running.serve(sockets=[listener]))
