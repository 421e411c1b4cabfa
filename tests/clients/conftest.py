"""A scripted system: answers what a test says, or breaks as it says, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest

from interlock.clients.http import Patience
from interlock.local.kubernetes import tls


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    breaks: Literal["", "before", "within"] = ""
    """Whether the connection is reset: before the answer, or within its body."""
    pieces: Iterable[bytes] | None = None
    """The body, piece by piece, for as long as somebody reads."""


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Said = Answer | Callable[[Asked], Answer]


@dataclass
class Script:
    """``answers`` by ``METHOD /path``, the query included when it matters, else by ``*``; a list is said in turn, its
    last entry again and again.
    """

    url: str
    answers: dict[str, Said | list[Said]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def find(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        for key in (f"{asked.method} {asked.path}", f"{asked.method} {asked.path.partition('?')[0]}", "*"):
            if (found := self.answers.get(key)) is not None:
                if isinstance(found, list):
                    found = found.pop(0) if len(found) > 1 else found[0]
                return found(asked) if callable(found) else found
        return Answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not scripted"}]}')

    def sent(self, method: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == method]


@dataclass
class Clock:
    """Waits cost no time. ``slept`` is what was waited for, in seconds."""

    time: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    @property
    def patience(self) -> Patience:
        return Patience(now=lambda: self.time, sleep=self.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return clock.patience


@pytest.fixture
def script() -> Iterator[Script]:
    with _serving() as made:
        yield made


@pytest.fixture
def elsewhere() -> Iterator[Script]:
    """Another system: another port is another origin."""
    with _serving() as made:
        yield made


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """The CA of `secure`."""
    return tls.write_ca(tmp_path / "ca", name="test CA", now=datetime.now(UTC))[0]


@pytest.fixture
def secure(ca: Path, tmp_path: Path) -> Iterator[Script]:
    """A system with a certificate of a CA that is not public."""
    cert, key = tls.write_server_certificate(
        tmp_path / "tls", ca_cert=ca, ca_key=ca.with_suffix(".key"), names=[], now=datetime.now(UTC)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with _serving(context) as made:
        yield made


@contextlib.contextmanager
def _serving(secure: ssl.SSLContext | None = None) -> Iterator[Script]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = made.find(Asked(self.command, self.path, dict(self.headers), body))
            if answer.breaks == "before":
                return self.reset()
            self.send_response_only(answer.status)
            size = len(answer.body) * 2 if answer.breaks else len(answer.body)
            framing = {"Content-Length": str(size)} if answer.pieces is None else {"Transfer-Encoding": "chunked"}
            for name, value in {**framing, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in answer.pieces or ():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if self.command != "HEAD":
                self.wfile.write(answer.body)
            return self.reset() if answer.breaks else None

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def log_message(self, format: str, *values: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[socket.socket, object]:
            plain, address = super().get_request()
            if secure is None:
                return plain, address
            # The handshake is the handler thread's: a client that breaks it off must not end the server.
            return secure.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that goes away, or does not trust us, is what tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http" if secure is None else "https"
    made = Script(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer
