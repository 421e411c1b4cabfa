"""The toolbox against the real stand-ins of forge and registry, each on a port of its own."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn

from interlock.clients import files
from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository, keys
from interlock.clients.registry import RegistryClient
from interlock.local import forge as forge_app
from interlock.local import registry as registry_app
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.world import World

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(app: object, port: int) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))  # type: ignore[arg-type]
    started = threading.Event()
    startup = server.startup

    async def told(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = told  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@dataclass
class Estate:
    """Forge with organisation ``acme`` and account ``interlock-ci``; registry without accounts; a step's home."""

    forge: str
    registry: str
    root: ForgeClient
    ci: ForgeClient
    token_file: Path
    ssh_key: Path
    folder: Path
    said: list[str] = field(default_factory=list)

    def world(self, home: Path) -> World:
        return World(
            home=home,
            names={"https://git": self.forge, "registry.acme.test": self.registry},
            now=lambda: NOW,
            say=self.said.append,
        )

    def seed(self, name: str, files: Mapping[str, bytes]) -> str:
        """A repository of the organisation with one commit on ``main``; returns its id."""
        self.root.create_repository("acme", name)
        with_token = self.token_file.read_text().strip()
        repository = Repository.clone_mirror(f"{self.forge}/acme/{name}", self.folder / name, lambda: with_token)
        commit = repository.commit_tree(
            repository.write_tree(dict(files)), [], "Begin", author=("Dana", "dana@acme.test"), date=NOW
        )
        repository.push(f"{commit}:refs/heads/main")
        return commit

    def client(self) -> RegistryClient:
        return RegistryClient(self.registry)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("estate")
    port = free_port()
    config = forge_app.Config(
        port=port,
        data=folder / "forge",
        root_url=f"http://127.0.0.1:{port}",
        admin_token_file=folder / "admin.token",
    )
    registry_port = free_port()
    registry = registry_app.create_app(registry_app.Config(port=registry_port, data=folder / "registry"))
    with (
        serving(forge_app.create_app(config), port) as forge_url,
        serving(registry, registry_port) as registry_url,
        ForgeClient(forge_url, (folder / "admin.token").read_text().strip()) as root,
    ):
        root.create_org("acme")
        team = root.create_team("acme", "pipelines", permission="write")
        root.create_user("interlock-ci", email="ci@acme.test", password=PASSWORD)
        root.add_member(team, "interlock-ci")
        token = root.create_token("interlock-ci", PASSWORD, name="t", scopes=("write:repository", "write:issue"))
        files.write_durably(folder / "token", token, mode=0o600)
        private, public = keys.generate_ssh("interlock-ci")
        files.write_durably(folder / "id_ed25519", private, mode=0o600)
        (folder / "id_ed25519.pub").write_text(public)
        with ForgeClient(forge_url, token) as ci:
            yield Estate(forge_url, registry_url, root, ci, folder / "token", folder / "id_ed25519", folder / "clones")


@pytest.fixture
def estate(servers: Estate) -> Estate:
    servers.said.clear()
    return servers


@pytest.fixture
def world(estate: Estate, tmp_path: Path) -> World:
    home = tmp_path / "home"
    home.mkdir()
    return estate.world(home)


class Written(Results):
    """Every result, kept for the test."""

    def __init__(self) -> None:
        super().__init__({})
        self.values: dict[str, object] = {}

    def write(self, name: str, value: str | Mapping[str, object]) -> None:
        self.values[name] = value


@pytest.fixture
def results() -> Written:
    return Written()


@pytest.fixture
def jar() -> Callable[..., bytes]:
    """A minimal jar with the coordinates that Maven writes into one."""

    def make(group: str, artifact: str, version: str) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as bundle:
            bundle.writestr(
                zipfile.ZipInfo(f"META-INF/maven/{group}/{artifact}/pom.properties"),
                f"groupId={group}\nartifactId={artifact}\nversion={version}\n",
            )
        return target.getvalue()

    return make


@pytest.fixture
def docker_login(tmp_path: Path) -> Callable[[str, str, str], Path]:
    def make(host: str, user: str, password: str) -> Path:
        folder = tmp_path / "docker"
        folder.mkdir()
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        (folder / ".dockerconfigjson").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        return folder

    return make
