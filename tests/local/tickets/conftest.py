"""A ticket system that serves on a port of its own, with the accounts of the sample estate."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn

from interlock.clients.tickets import TicketsClient
from interlock.local.tickets import APPROVER, ITIL, Config, User, create_app, write_users

USERS = (
    User(name="interlock", token="token-of-interlock", roles=(ITIL,)),
    User(name="dana", token="token-of-dana-0123", roles=(ITIL,), full_name="Dana D.", email="dana@acme.test"),
    User(name="carol", token="token-of-carol-012", roles=(APPROVER,)),
    User(name="chris", token="token-of-chris-012", roles=(ITIL, APPROVER)),
    User(name="pat", token="token-of-pat-01234"),
)


class Clock:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


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
        options = uvicorn.Config(
            create_app(config, now=Clock()), log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
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
def config(tmp_path: Path) -> Config:
    write_users(tmp_path / "users.yaml", USERS)
    return Config(port=0, data=tmp_path / "data", users=tmp_path / "users.yaml")


@pytest.fixture
def url(config: Config) -> Iterator[str]:
    with serving(config) as address:
        yield address


@pytest.fixture
def serve() -> Callable[..., object]:
    return serving


As = Callable[[str], TicketsClient]


@pytest.fixture
def as_(url: str) -> Iterator[As]:
    """``as_("carol")`` is a client with that user's token."""
    made: dict[str, TicketsClient] = {}

    def client(name: str) -> TicketsClient:
        if name not in made:
            made[name] = TicketsClient(url, next(user.token for user in USERS if user.name == name))
        return made[name]

    yield client
    for item in made.values():
        item.close_connections()


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """The bare API, as dana."""
    headers = {"Authorization": f"Bearer {USERS[1].token}"}
    with httpx.Client(base_url=f"{url}/api/now/table/", headers=headers, trust_env=False) as client:
        yield client
