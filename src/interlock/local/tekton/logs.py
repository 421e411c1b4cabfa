"""Step logs over HTTP on the loopback: ``GET /logs/<namespace>/<taskrun>/<step>``."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from interlock.errors import InputError
from interlock.local.tekton.storage import Storage


class LogServer:
    """Serves what `Storage.log` names, masked as it was written, read-only."""

    def __init__(self, storage: Storage, port: int) -> None:
        handler = type("Handler", (_Handler,), {"storage": storage})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="logs", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    storage: Storage
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        try:
            if len(parts) != 4 or parts[0] != "logs":
                raise InputError("log-path", "not a log")
            body = self.storage.log(parts[1], parts[2], parts[3]).read_bytes()
        except (InputError, OSError):
            self._answer(HTTPStatus.NOT_FOUND, b"no such log; expected /logs/<namespace>/<taskrun>/<step>\n")
            return
        self._answer(HTTPStatus.OK, body)

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not events of the engine."""
