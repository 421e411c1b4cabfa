"""A hub and a prod cluster that really serve, env repositories on disk, and engines that reconcile them."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysequoia
import pytest

from interlock.clients.git import Repository, binary
from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, NotFoundError
from interlock.formats import yaml
from interlock.formats.signatures import openpgp
from interlock.local import serving
from interlock.local.argocd.config import Cluster, Config, SelfHeal
from interlock.local.argocd.engine import Engine
from interlock.local.kubernetes import tls
from interlock.local.kubernetes.config import Config as ClusterConfig
from interlock.local.kubernetes.config import Tls
from interlock.local.kubernetes.server import listen
from interlock.local.kubernetes.tokens import User, write_tokens

Object = dict[str, Any]
TOKEN = "argocd-token-0123456789"
DEADLINE = 10.0
NOW = datetime.now(UTC)


@dataclass
class RunningCluster:
    name: str
    url: str
    ca: Path
    token: Path
    server: serving.Server
    thread: threading.Thread
    client: KubernetesClient

    def entry(self) -> Cluster:
        server = f"https://{self.name}-cluster"
        return Cluster(name=self.name, server=server, url=self.url, token=self.token, ca=self.ca)

    def stop(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join(10)


def start_cluster(name: str, folder: Path, ca: Path, key: Path) -> RunningCluster:
    """``workloads`` off: the tests decide what the status of a Deployment says."""
    cert, private = tls.write_server_certificate(folder / name, ca_cert=ca, ca_key=key, names=[name], now=NOW)
    write_tokens(folder / name / "tokens.yaml", [User(name="argocd", token=TOKEN, groups=("system:masters",))])
    (folder / name / "token").write_text(TOKEN)
    config = ClusterConfig(
        name=name,
        port=0,
        data=folder / name / "data",
        tls=Tls(cert=cert, key=private, ca=ca),
        tokens=folder / name / "tokens.yaml",
        workloads=False,
    )
    server, listener = listen(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    client = KubernetesClient(url, token=TOKEN, ca_file=ca)
    return RunningCluster(name, url, ca, folder / name / "token", server, thread, client)


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningCluster]]:
    folder = tmp_path_factory.mktemp("clusters")
    ca, key = tls.write_ca(folder / "ca", name="test CA", now=NOW)
    running = {name: start_cluster(name, folder, ca, key) for name in ("hub", "prod")}
    yield running
    for cluster in running.values():
        cluster.stop()


@pytest.fixture(scope="session")
def hub(clusters: dict[str, RunningCluster]) -> KubernetesClient:
    return clusters["hub"].client


@pytest.fixture(scope="session")
def prod(clusters: dict[str, RunningCluster]) -> KubernetesClient:
    return clusters["prod"].client


@dataclass(frozen=True)
class Key:
    """An OpenPGP key: `sign` is what `Repository.commit_tree` takes."""

    secret: str
    certificate: str
    key_id: str

    def sign(self, payload: bytes) -> str:
        return openpgp.sign(self.secret, payload)


def new_key(name: str) -> Key:
    secret = str(pysequoia.Tsk.generate(user_id=f"{name} <{name}@acme.test>"))
    certificate = openpgp.certificate(secret)
    answer = openpgp.verify(b"x", openpgp.sign(secret, b"x"), [certificate])
    return Key(secret, certificate, answer.signing_key[-16:].upper())  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def seal_key() -> Key:
    return new_key("seal")


@pytest.fixture(scope="session")
def other_key() -> Key:
    return new_key("mallory")


@dataclass
class EnvRepo:
    """A bare repository that engines fetch from; commits are made without a work tree."""

    repository: Repository
    files: dict[str, bytes] = field(default_factory=dict)

    def commit(
        self,
        changes: dict[str, str | None],
        *,
        branch: str = "main",
        message: str = "Change",
        key: Key | None = None,
        parents: list[str] | None = None,
    ) -> str:
        """Commit on top of ``branch``; None removes a file. The new commit's id."""
        tip = self.repository.refs().get(f"refs/heads/{branch}")
        content = {path: None if text is None else text.encode() for path, text in changes.items()}
        tree = self.repository.write_tree(content, tip)
        above = parents if parents is not None else [tip] if tip else []
        sign = key.sign if key else None
        commit = self.repository.commit_tree(
            tree, above, message, author=("Dana", "dana@acme.test"), date=NOW, sign=sign
        )
        self.move(branch, commit)
        return commit

    def seal(self, commit: str, key: Key) -> str:
        """Move ``sealed`` to a seal of ``commit``."""
        tip = self.repository.refs().get("refs/heads/sealed")
        seal = self.repository.commit_tree(
            self.repository.tree(commit),
            [*([tip] if tip else []), commit],
            f"Seal prod {commit[:7]}\n\nArgocd-gpg-seal: entry-1",
            author=("Interlock", "interlock@acme.test"),
            date=NOW,
            sign=key.sign,
        )
        self.move("sealed", seal)
        return seal

    def move(self, branch: str, commit: str) -> None:
        binary.run(["update-ref", f"refs/heads/{branch}", commit], folder=self.repository.path)


_NUMBERS = itertools.count()


@dataclass
class World:
    """One test's corner: its repository, namespaces, Application and engines, all called ``name``."""

    name: str
    folder: Path
    clusters: dict[str, RunningCluster]
    repo: EnvRepo
    engines: list[Engine] = field(default_factory=list)

    @property
    def hub(self) -> KubernetesClient:
        return self.clusters["hub"].client

    @property
    def prod(self) -> KubernetesClient:
        return self.clusters["prod"].client

    @property
    def repo_url(self) -> str:
        return "https://git/acme/env-prod"

    def config(self, **changes: Any) -> Config:
        settings: dict[str, Any] = {
            "port": 0,
            "data": self.folder / "mirrors",
            "namespace": self.name,
            "hub": self.clusters["hub"].entry(),
            "clusters": (self.clusters["prod"].entry(),),
            "names": {"https://git": f"file://{self.folder / 'git'}"},
            "resync_ms": 200,
            "self_heal": SelfHeal(initial_ms=0, factor=1, cap_ms=0),
            "wave_delay_ms": 10,
        }
        return Config(**(settings | changes))

    def start(self, **changes: Any) -> Engine:
        engine = Engine(self.config(**changes))
        engine.start()
        self.engines.append(engine)
        return engine

    def project(self, **spec: Any) -> None:
        wanted = {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            **spec,
        }
        self.hub.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "AppProject",
                "metadata": {"name": "prod", "namespace": self.name},
                "spec": wanted,
            },
            field_manager="test",
            force=True,
        )

    def application(
        self, *, automated: Object | None = None, options: tuple[str, ...] = ("CreateNamespace=true",), **changes: Any
    ) -> Object:
        """An Application of directory ``app`` on ``main``; ``changes`` replace fields of the spec.

        ``automated`` is ``{"selfHeal": True}`` unless given; {"enabled": False} switches it off.
        """
        spec: Object = {
            "project": "prod",
            "source": {"repoURL": self.repo_url, "targetRevision": "main", "path": "app"},
            "destination": {"server": "https://prod-cluster", "namespace": self.name},
            "syncPolicy": {
                "automated": {"selfHeal": True} if automated is None else automated,
                "syncOptions": list(options),
                "retry": {"limit": 0},
            },
        }
        spec.update(copy.deepcopy(changes))
        return self.hub.create(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": self.name, "namespace": self.name},
                "spec": spec,
            }
        )

    def app(self) -> Object:
        return self.hub.get("argoproj.io/v1alpha1", "Application", self.name, self.name)

    def status(self) -> Object:
        return self.app().get("status") or {}

    def wait(self, condition: Callable[[Object], object], what: str = "") -> Object:
        """The status of the Application once ``condition`` holds for it."""
        found: Object = eventually(self.status, condition, what)
        return found

    def synced(self, revision: str | None = None) -> Object:
        def settled(status: Object) -> bool:
            sync, state = status.get("sync") or {}, status.get("operationState") or {}
            return (
                sync.get("status") == "Synced"
                and state.get("phase") == "Succeeded"
                and (revision is None or sync.get("revision") == revision)
            )

        return self.wait(settled, f"synced to {revision}")

    def live(self, kind: str, name: str, *, api_version: str = "v1") -> Object | None:
        try:
            return self.prod.get(api_version, kind, name, self.name)
        except NotFoundError:
            return None

    def conditions(self, kind: str) -> list[str]:
        return [item["message"] for item in self.status().get("conditions") or [] if item["type"] == kind]

    @staticmethod
    def config_map(name: str, value: str, **annotations: str) -> str:
        """A ConfigMap as YAML; annotations of Argo CD by name with ``_`` for ``-``."""
        metadata: Object = {"name": name}
        if annotations:
            metadata["annotations"] = {
                f"argocd.argoproj.io/{key.replace('_', '-')}": text for key, text in annotations.items()
            }
        return yaml.dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}})

    def value(self, name: str = "settings") -> str | None:
        """What the live ConfigMap holds."""
        live = self.live("ConfigMap", name)
        return None if live is None else live["data"]["value"]

    def until(self, read: Callable[[], Any], condition: Callable[[Any], object], what: str = "") -> Any:
        return eventually(read, condition, what)

    def edit(self, name: str, value: str) -> None:
        """Somebody changes the live ConfigMap."""
        self.prod.patch("v1", "ConfigMap", name, {"data": {"value": value}}, namespace=self.name)

    def patch(self, patch: Object) -> Object:
        return self.hub.patch("argoproj.io/v1alpha1", "Application", self.name, patch, namespace=self.name)


def eventually(read: Callable[[], Any], condition: Callable[[Any], object], what: str = "") -> Any:
    end = time.monotonic() + DEADLINE
    while True:
        value = read()
        # A field that a condition looks for may not have been written yet.
        with contextlib.suppress(KeyError, TypeError):
            if condition(value):
                return value
        if time.monotonic() > end:
            raise AssertionError(f"never {what or 'so'}; last seen: {str(value)[-3000:]}")
        threading.Event().wait(0.03)


@pytest.fixture
def world(tmp_path: Path, clusters: dict[str, RunningCluster]) -> Iterator[World]:
    name = f"world-{next(_NUMBERS)}"
    bare = tmp_path / "git" / "acme" / "env-prod"
    bare.parent.mkdir(parents=True)
    world = World(name, tmp_path, clusters, EnvRepo(Repository.init(bare)))
    world.hub.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    world.project()
    yield world
    for engine in world.engines:
        engine.stop()
    for item in world.hub.list("argoproj.io/v1alpha1", "Application", namespace=name).items:
        try:
            world.hub.patch(
                "argoproj.io/v1alpha1",
                "Application",
                item["metadata"]["name"],
                {"metadata": {"finalizers": None}},
                namespace=name,
            )
        except (ConflictError, NotFoundError):
            continue
