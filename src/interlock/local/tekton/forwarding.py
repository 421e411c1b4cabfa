"""Outside the sandboxes: one unix socket an endpoint, forwarding to that one address and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InternalError

_CHUNK = 64 * 1024
_START_SECONDS = 10


class Forwarder:
    """Serves ``folder/<name>.sock`` for each endpoint, in a thread of its own, until `close`."""

    def __init__(self, endpoints: Mapping[str, str], folder: Path) -> None:
        self._endpoints = dict(endpoints)
        self._folder = folder
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="forwarding", daemon=True)

    def start(self) -> None:
        """Raises InternalError ``forwarding-not-started``: a path too long for a socket, or an unwritable folder."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise InternalError(
                "forwarding-not-started", "the endpoints' sockets cannot be served", where=str(self._folder)
            )

    def close(self) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)

    def route(self, name: str) -> tuple[str, Path]:
        """(host:port, socket) of an endpoint. Raises KeyError."""
        return self._endpoints[name], self._folder / f"{name}.sock"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        servers = []
        for name, address in self._endpoints.items():
            path = self._folder / f"{name}.sock"
            path.unlink(missing_ok=True)
            host, _, port = address.rpartition(":")
            servers.append(await asyncio.start_unix_server(_to(host, int(port)), path=str(path)))
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()


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
