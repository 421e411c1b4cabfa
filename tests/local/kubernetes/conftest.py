"""A running cluster on an ephemeral port, in a thread of this process."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.local import serving
from interlock.local.kubernetes import tls
from interlock.local.kubernetes.config import Config, Tls
from interlock.local.kubernetes.server import listen
from interlock.local.kubernetes.tokens import User, write_tokens

ADMIN = "admin-token-0123456789"
VIEWER = "viewer-token-0123456789"


@dataclass
class RunningCluster:
    """``url`` is where it answers; `client` speaks as a user of the token file."""

    config: Config
    url: str
    server: serving.Server
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop

    def client(self, token: str | None = ADMIN, **options: Any) -> KubernetesClient:
        return KubernetesClient(self.url, token=token, ca_file=self.config.tls.ca, **options)

    def http(self, token: str | None = ADMIN) -> httpx.Client:
        """For what `KubernetesClient` has no method for."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        trust = ssl.create_default_context(cafile=str(self.config.tls.ca))
        return httpx.Client(base_url=self.url, headers=headers, verify=trust, timeout=10, trust_env=False)

    def call(self, function: Callable[[], None]) -> None:
        """Run ``function`` on the server's thread, and wait for it."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(function)
        self.loop.call_soon_threadsafe(done.set)
        assert done.wait(5)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


def configure(folder: Path, **options: object) -> Config:
    """A configuration in ``folder`` with its own CA, and the users admin (system:masters) and viewer (no group)."""
    now = datetime.now(UTC)
    ca, key = tls.write_ca(folder / "ca", name="test CA", now=now)
    cert, private = tls.write_server_certificate(folder / "tls", ca_cert=ca, ca_key=key, names=["dev-cluster"], now=now)
    options.setdefault("port", 0)
    options.setdefault("admission", ("interlock.tekton.spec.webhooks",))
    users = [User(name="admin", token=ADMIN, groups=("system:masters",)), User(name="viewer", token=VIEWER)]
    write_tokens(folder / "tokens.yaml", users)
    return Config(
        name="test",
        data=folder / "data",
        tls=Tls(cert=cert, key=private, ca=ca),
        tokens=folder / "tokens.yaml",
        **options,
    )


def start(config: Config) -> RunningCluster:
    server, listener = listen(config)
    port = listener.getsockname()[1]
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    class Told(type(server)):  # type: ignore[misc]
        async def startup(self, sockets: object = None) -> None:
            await super().startup(sockets)
            loops.append(asyncio.get_running_loop())
            ready.set()

    server.__class__ = Told
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    assert ready.wait(10)
    return RunningCluster(config, f"https://127.0.0.1:{port}", server, thread, loops[0])


@pytest.fixture
def configure_cluster() -> Callable[..., Config]:
    return configure


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., RunningCluster]]:
    """Starts clusters of the test's own: ``run(names=...)``; all are stopped at the end."""
    running: list[RunningCluster] = []

    def starts(folder: Path = tmp_path, **options: object) -> RunningCluster:
        running.append(start(configure(folder, **options)))
        return running[-1]

    yield starts
    for cluster in running:
        cluster.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """One cluster for all tests that keep to their own namespace."""
    running = start(configure(tmp_path_factory.mktemp("cluster")))
    yield running
    running.stop()


@pytest.fixture
def client(cluster: RunningCluster) -> Iterator[KubernetesClient]:
    with cluster.client() as client:
        yield client


@pytest.fixture
def http(cluster: RunningCluster) -> Iterator[httpx.Client]:
    """As the user admin."""
    with cluster.http() as http:
        yield http


@pytest.fixture
def namespace(client: KubernetesClient) -> str:
    """A namespace of the test's own."""
    created = client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}})
    return str(created["metadata"]["name"])


@pytest.fixture
def wait_for(client: KubernetesClient) -> Callable[..., dict[str, Any]]:
    """``wait_for(api_version, kind, namespace, name, condition)``: the object once ``condition`` holds, by a watch.

    ``condition`` gets None while the object does not exist.
    """

    def waits(
        api_version: str,
        kind: str,
        namespace: str | None,
        name: str,
        condition: Callable[[dict[str, Any] | None], object],
        using: KubernetesClient = client,
    ) -> Any:
        listed = using.list(api_version, kind, namespace=namespace, field_selector=f"metadata.name={name}")
        current = listed.items[0] if listed.items else None
        if condition(current):
            return current
        events = using.watch(
            api_version,
            kind,
            namespace=namespace,
            field_selector=f"metadata.name={name}",
            resource_version=listed.resource_version,
            timeout_seconds=20,
        )
        with events:
            for event in events:
                if event.type == "BOOKMARK":
                    continue
                current = None if event.type == "DELETED" else event.object
                if condition(current):
                    return current
        raise AssertionError(f"{kind} {name} did not get there: {current}")

    return waits
