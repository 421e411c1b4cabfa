"""Uvicorn around the app: TLS, readiness, graceful stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import uvicorn
from starlette.applications import Starlette

from interlock.clients.process import notify_ready
from interlock.errors import UnreachableError
from interlock.local.kubernetes.config import Config
from interlock.local.kubernetes.server import create_app

_STOP_SECONDS = 2


class Server(uvicorn.Server):
    """Says when it is ready, and ends the running watches first when it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.close_watches()
        await super().shutdown(sockets)


def server(config: Config) -> tuple[Server, socket.socket]:
    """The server and its bound socket. Raises UnreachableError ``port-in-use``, and what `create_app` raises."""
    # With the protocol named asyncio turns Nagle's algorithm off; without, every answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        where = f"{config.host}:{config.port}"
        raise UnreachableError("port-in-use", f"cannot listen: {error.strerror}", where=where) from error
    config = config.model_copy(update={"port": listener.getsockname()[1]})
    try:
        app = create_app(config)
    except BaseException:
        listener.close()
        raise
    settings = uvicorn.Config(
        app,
        ssl_certfile=config.tls.cert,
        ssl_keyfile=config.tls.key,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=_STOP_SECONDS,
        timeout_keep_alive=60,
        server_header=False,
        ws="none",
    )
    return Server(settings, app), listener


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Uvicorn raises the signal again when it has stopped; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    running, listener = server(config)
    host, port = listener.getsockname()
    print(f"kubernetes: cluster {config.name} at https://{host}:{port}", file=sys.stderr, flush=True)
    asyncio.run(running.serve(sockets=[listener]))
