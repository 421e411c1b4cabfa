"""For whoever asks: real clients of the field, and an HTTP server to reach.

A test that needs a real client is skipped, visibly, where it is absent.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy, or that counts which lines run, makes no test fail: no seconds are asserted.
settings.register_profile("interlock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("interlock")


@pytest.fixture
def client() -> Callable[[str], str]:
    """``client("cosign")`` is the path of that program, or a skip that names it (see .ci/run)."""

    def find(name: str) -> str:
        folder = os.environ.get("INTERLOCK_REAL_CLIENTS", "")
        path = shutil.which(name, path=os.pathsep.join(filter(None, [folder, os.environ.get("PATH", "")])))
        if path is None:
            pytest.skip(f"real client absent: {name}")
        return path

    return find


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"answered " + self.path.encode())

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def http_server() -> Iterator[int]:
    """The loopback port of an HTTP server that says which path it was asked for."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield http.server_address[1]
    http.shutdown()
    http.server_close()
    thread.join()
