"""A registry that serves on a port of its own, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from interlock.local.registry import Config, create_app


@contextmanager
def serving(config: Config) -> Iterator[str]:
    with socket.create_server((config.host, config.port)) as listener:
        options = uvicorn.Config(create_app(config), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server, started = uvicorn.Server(options), threading.Event()
        startup = server.startup

        async def told(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            started.set()

        server.startup = told  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert started.wait(10)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    """``serve(allow_delete=True)`` starts a registry and gives an HTTP client of it; all are stopped at the end."""
    stack: list[tuple[object, httpx.Client]] = []

    def start(folder: Path = tmp_path, **options: object) -> httpx.Client:
        manager = serving(Config.model_validate({"port": 0, "data": folder / "data", **options}))
        client = httpx.Client(base_url=manager.__enter__(), trust_env=False, timeout=20)
        stack.append((manager, client))
        return client

    yield start
    for manager, client in stack:
        client.close()
        manager.__exit__(None, None, None)  # type: ignore[attr-defined]


@pytest.fixture
def http(serve: Callable[..., httpx.Client]) -> httpx.Client:
    return serve()
