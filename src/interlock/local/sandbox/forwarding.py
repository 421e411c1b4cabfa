"""From a Pod's loopback to the few addresses that it may reach: each listening socket leads to one and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any

from interlock.errors import InternalError

_CHUNK = 64 * 1024
_START_SECONDS = 10


class Served:
    """One address, until `close`."""

    def __init__(self, forwarder: Forwarder, server: asyncio.Server) -> None:
        self._forwarder = forwarder
        self._server = server

    def close(self) -> None:
        self._forwarder.call(self._end())

    async def _end(self) -> None:
        self._server.close()


class Forwarder:
    """Carries connections in a thread of its own, from `start` until `close`."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="forwarding", daemon=True)

    def start(self) -> None:
        """Raises InternalError ``forwarding-not-started``."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise InternalError("forwarding-not-started", "the endpoints cannot be served")

    def close(self) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_START_SECONDS)

    def serve(self, listening: socket.socket, address: str) -> Served:
        """Forward what ``listening`` accepts to ``host:port``; the socket is the server's from now on."""
        host, _, port = address.rpartition(":")
        server = self.call(asyncio.start_server(_to(host, int(port)), sock=listening))
        return Served(self, server)

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of ``work`` in the forwarder's thread; None when that has ended."""
        if self._loop is None or self._loop.is_closed():
            work.close()
            return None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._stop.wait()


def _to(host: str, port: int):  # type: ignore[no-untyped-def]
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer), return_exceptions=True)
        for end in (writer, far_writer):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()

    return serve


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()
