"""A registry that serves on a port of its own, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from interlock.local.registry import Config, create_app


class Server(uvicorn.Server):
    """Told to stop it stops at once, not at uvicorn's next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        self.loop, self.told = asyncio.get_running_loop(), asyncio.Event()
        self.ready.set()
        await self.told.wait()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.told.set)


@contextmanager
def serving(config: Config) -> Iterator[str]:
    # asyncio switches Nagle's algorithm off for sockets that say that they are TCP; others wait 40 ms an answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((config.host, config.port))
        options = uvicorn.Config(create_app(config), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = Server(options)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert server.ready.wait(10)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
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
