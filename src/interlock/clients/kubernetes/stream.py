"""One watch connection: lines of JSON until the server, or `Watch.stop`, ends it."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import httpx

from interlock.clients.kubernetes import status
from interlock.clients.kubernetes.objects import WatchEvent
from interlock.errors import UnreachableError


class Watch(Iterator[WatchEvent]):
    """Iterates over the events of one connection; ends when the server ends it.

    `stop` may be called from any thread and wakes a blocked reader. Raises ConflictError ``kubernetes-expired`` when
    the version to start from is too old, UnreachableError when the connection breaks.
    """

    def __init__(self, response: httpx.Response, on_close: Callable[[Watch], None]) -> None:
        self._response = response
        self._lines = response.iter_lines()
        self._on_close = on_close
        self._stopped = False

    def __next__(self) -> WatchEvent:
        try:
            line = next(self._lines)
            event: dict[str, Any] = json.loads(line)
            kind, found = event["type"], dict(event["object"])
        except StopIteration:
            self._close()
            raise
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError, LookupError, TypeError) as error:
            self._close()
            if self._stopped:
                raise StopIteration from None
            raise UnreachableError("kubernetes-unreachable", f"watch broke: {error}", where=self._where) from error
        if kind == "ERROR":
            self._close()
            raise status.error_of(found, where=self._where)
        return WatchEvent(kind, found)

    @property
    def _where(self) -> str:
        return f"WATCH {self._response.request.url}"

    def stop(self) -> None:
        """End the watch from any thread: closing the socket is what wakes a blocked read."""
        self._stopped = True
        network = self._response.extensions.get("network_stream")
        raw = network.get_extra_info("socket") if network is not None else None
        if raw is not None:
            with contextlib.suppress(OSError):
                # The plain socket's own method: SSLSocket.shutdown would drop the TLS state under the reader.
                socket.socket.shutdown(raw, socket.SHUT_RDWR)

    def _close(self) -> None:
        self._response.close()
        self._on_close(self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._close()
