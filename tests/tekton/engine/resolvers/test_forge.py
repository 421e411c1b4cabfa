"""The git resolver against this machine's own forge: by its stable name, with a token, by clone and by API."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.errors import RefusedError
from interlock.local.forge import Config, create_app
from interlock.tekton.spec.resolution import RefSource, Resolved

Get = Callable[..., Resolved]
NAME = "https://git.acme.test"


class Server(uvicorn.Server):
    """Says when it serves, and ends at once when told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = threading.Event()

    async def main_loop(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self.serves.set()
        await self._end.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)


@pytest.fixture
def forge(tmp_path: Path, task_text: str) -> Iterator[tuple[str, str, str]]:
    """(address, token, commit) of a forge with the private repository ``acme/catalog``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    secret = tmp_path / "admin.token"
    config = Config(port=port, data=tmp_path / "forge", root_url=url, admin_token_file=secret)
    server = Server(uvicorn.Config(create_app(config), host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.serves.wait(20)
    try:
        token = secret.read_text().strip()
        with ForgeClient(url, token) as client:
            client.create_org("acme")
            client.create_repository("acme", "catalog")
        clone = Repository.clone_mirror(f"{url}/acme/catalog.git", tmp_path / "seed.git", lambda: token)
        tree = clone.write_tree({"task/greet.yaml": task_text.encode()})
        commit = clone.commit_tree(tree, [], "Begin", author=("Test", "test@acme.test"))
        clone.push(f"{commit}:refs/heads/main")
        yield url, token, commit
    finally:
        server.end()
        thread.join(20)
    assert not thread.is_alive()


def test_a_task_of_the_forge(world: Any, get: Get, forge: tuple[str, str, str]) -> None:
    url, token, commit = forge
    world.secret("forge-token", token=token)
    resolvers = world.resolvers(names={NAME: url})
    given = {"revision": "main", "pathInRepo": "task/greet.yaml"}
    found = get(resolvers, "git", url=f"{NAME}/acme/catalog.git", gitToken="forge-token", **given)
    assert found.source == RefSource(f"git+{NAME}/acme/catalog.git", {"sha1": commit}, "task/greet.yaml")
    api = {"org": "acme", "repo": "catalog", "scmType": "gitea", "serverURL": NAME, "token": "forge-token"}
    found = get(resolvers, "git", **api, **given)
    assert found.source is not None and found.source.digest == {"sha1": commit}
    assert found.object["metadata"]["name"] == "greet"


def test_a_private_repository_needs_a_token_every_time(world: Any, get: Get, forge: tuple[str, str, str]) -> None:
    url, token, commit = forge
    world.secret("forge-token", token=token)
    resolvers = world.resolvers(names={NAME: url})
    given = {"url": f"{NAME}/acme/catalog.git", "revision": commit, "pathInRepo": "task/greet.yaml"}
    get(resolvers, "git", gitToken="forge-token", **given)
    kept = [path for path in (world.folder / "data").rglob("*") if path.is_file()]
    assert not any(token.encode() in path.read_bytes() for path in kept), "the token is in its Secret only"
    assert not any(path.name == "interlock-credentials" for path in kept)
    # Neither the clone nor the cache of whoever had a token serves who has none.
    with pytest.raises(RefusedError) as caught:
        get(resolvers, "git", **given)
    assert "error resolving repository: clone error: authentication required" in caught.value.message
    assert token not in "".join(str(part) for part in caught.value.lines())
