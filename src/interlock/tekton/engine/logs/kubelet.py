"""The part of the kubelet's API that logs need, on the loopback.

``GET /containerLogs/<namespace>/<pod>/<container>`` with the options of ``pods/log``
(pkg/kubelet/server/server.go getContainerLogs), and ``GET /logs/<namespace>/<taskrun>/<step>``, the whole log of a
step over all attempts. With a secret only its holders are answered (`interlock.clients.kubelets`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from interlock.clients import kubelets
from interlock.errors import InputError, InterlockError, NotFoundError
from interlock.tekton.engine.logs import BOARD, Board, path_of, pod_records
from interlock.tekton.engine.logs import reading as log_reading
from interlock.tekton.engine.logs.reading import Options
from interlock.tekton.engine.storage import Storage

_CHUNK = 64 * 1024
_PATIENCE = 30.0


@dataclass(frozen=True)
class _Served:
    storage: Storage
    board: Board
    secret: bytes | None


class LogServer:
    """Serves logs masked as they were written, read-only. ``secret_file``: who may ask; None: everybody here."""

    def __init__(self, storage: Storage, port: int, *, secret_file: Path | None = None, board: Board = BOARD) -> None:
        secret = kubelets.read_secret(secret_file) if secret_file is not None else None
        self._board = board
        handler = type("Handler", (_Handler,), {"served": _Served(storage, board, secret)})
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
    served: _Served
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    """Of a request that does not come: whoever has no right to a log holds no thread either."""

    def do_GET(self) -> None:
        secret = self.served.secret
        if secret is not None and not kubelets.accepted(secret, self.path, _lower(self.headers)):
            self._answer(HTTPStatus.UNAUTHORIZED, b"Unauthorized\n")
            return
        # From here on the other side may be as slow as it likes.
        self.connection.settimeout(None)
        url = urlsplit(self.path)
        try:
            match url.path.split("/")[1:]:
                case ["containerLogs", namespace, pod, container]:
                    query = dict(parse_qsl(url.query))
                    self._container(namespace, pod, container, Options.of(query, datetime.now(UTC)))
                case ["logs", namespace, task_run, step]:
                    self._stream(self._step(namespace, task_run, step))
                case _:
                    raise NotFoundError("log-path", "no such log; expected /logs/<namespace>/<taskrun>/<step>")
        except NotFoundError as error:
            self._answer(HTTPStatus.NOT_FOUND, f"{error.message}\n".encode())
        except InterlockError as error:
            self._answer(HTTPStatus.BAD_REQUEST, f"{error.message}\n".encode())

    def _container(self, namespace: str, pod: str, container: str, options: Options) -> None:
        storage = self.served.storage
        record = pod_records.read(storage, namespace, pod)
        if record is None:
            raise NotFoundError("pod-unknown", f'pod "{pod}" does not exist')
        if container not in record.containers:
            raise NotFoundError("container-unknown", f'container "{container}" not found in pod "{pod}"')
        if options.previous:
            raise InputError(
                "container-previous", f'previous terminated container "{container}" in pod "{pod}" not found'
            )
        path = path_of(storage, namespace, record.task_run, container, record.retries)
        gone = log_reading.waiting_on(self.connection.fileno())
        with closing(log_reading.read(path, options, gone, board=self.served.board)) as chunks:
            self._stream(chunks)

    def _step(self, namespace: str, task_run: str, step: str) -> Iterator[bytes]:
        """Raises NotFoundError."""
        try:
            first = self.served.storage.log(namespace, task_run, step)
        except InputError as error:
            raise NotFoundError(error.code, error.message) from error
        paths = [first, *sorted(first.parent.glob(f"retry*/{first.name}"), key=_attempt)]
        if not any(path.is_file() for path in paths):
            raise NotFoundError("log-path", "no such log; expected /logs/<namespace>/<taskrun>/<step>")
        return (chunk for path in paths if path.is_file() for chunk in _content(path))

    def _stream(self, chunks: Iterator[bytes]) -> None:
        self._start(HTTPStatus.OK)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in chunks:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self._start(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _start(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if self.served.secret is not None:
            header = self.headers.get("Authorization", "")
            if status != HTTPStatus.UNAUTHORIZED:
                self.send_header(kubelets.PROOF, kubelets.proof(self.served.secret, header))

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not events of the engine."""


def _lower(headers: Any) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _attempt(path: Path) -> int:
    return int(path.parent.name.removeprefix("retry"))


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            yield data
