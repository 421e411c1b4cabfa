"""HTTP on loopback for a system that can only be read."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "corpus-"  # followed by the name of whoever asks


@dataclass(frozen=True)
class Asked:
    """A request. ``path`` is decoded, without a slash at its end."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes

    @property
    def who(self) -> str | None:
        """Whose token came, as bearer, token or password; None without one that counts."""
        scheme, _, secret = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                secret = base64.b64decode(secret, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return None
        return secret.removeprefix(TOKEN) if secret.startswith(TOKEN) else None


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), headers=named)


System = Callable[[Asked], Answer]


@contextmanager
def serve(system: System, *, reads: Callable[[str, str], bool] = lambda *_: False) -> Iterator[str]:
    """The address of ``system`` while it answers. ``reads``: which methods and paths read, besides GET and HEAD."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path).rstrip("/") or "/"
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            reading = self.command in ("GET", "HEAD") or reads(self.command, path)
            asked = Asked(self.command, path, query, self.headers, body)
            answer = system(asked) if reading else as_json({"message": "a corpus is not written"}, 405)
            self.send_response(answer.status)
            # Each answer ends its connection: clients that a command leaves behind hold no socket.
            standard = {"Content-Type": answer.type, "Content-Length": str(len(answer.body)), "Connection": "close"}
            for name, value in {**standard, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
