"""Resolvers over a cluster in memory, repositories on disk and a scripted server on loopback."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from interlock.formats import yaml
from interlock.formats.tekton.task import Param
from interlock.tekton.engine.memory import Cluster, MemoryClient
from interlock.tekton.engine.resolvers import ResolverConfig, Resolvers
from interlock.tekton.spec.resolution import Resolved
from interlock.tekton.spec.resolution.lock import Lock

TASK = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Task",
    "metadata": {"name": "greet"},
    "spec": {"steps": [{"name": "hello", "image": "alpine", "script": "echo hello"}]},
}
TASK_TEXT = yaml.dump(TASK)


def params(**values: str) -> list[Param]:
    """``http_username`` is ``http-username``."""
    return [Param(name=name.replace("_", "-"), value=value) for name, value in values.items()]


@dataclass
class World:
    """What resolvers can reach."""

    folder: Path
    client: MemoryClient
    server: Script

    def resolvers(
        self, *, pinned: Lock | None = None, names: Mapping[str, str] | None = None, data: str = "data", **config: Any
    ) -> Resolvers:
        return Resolvers(
            self.client,
            ResolverConfig.model_validate(config),
            self.folder / data,
            pinned=pinned,
            names=names,
        )

    def secret(self, name: str, namespace: str = "default", **values: str) -> None:
        self.client.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
                "stringData": {key.replace("_", "."): value for key, value in values.items()},
            }
        )

    def repository(self, name: str = "catalog") -> Repo:
        path = self.folder / "repositories" / name
        path.mkdir(parents=True)
        repo = Repo(path)
        repo.git("init", "--quiet", "--initial-branch=main")
        return repo


@dataclass
class Repo:
    path: Path

    def git(self, *arguments: str) -> str:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY.items()},
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], links: Mapping[str, str] | None = None) -> str:
        """The id of a commit with these files and links."""
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        for name, target in (links or {}).items():
            (self.path / name).symlink_to(target)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "Change")
        return self.git("rev-parse", "HEAD")


_IDENTITY = {"NAME": "Test", "EMAIL": "test@example.test", "DATE": "2026-01-01T00:00:00Z"}


@dataclass
class Script:
    """``answers`` by path (without query): status, body, headers."""

    url: str
    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def put(self, path: str, body: str | bytes | dict[str, Any], status: int = 200, **headers: str) -> None:
        data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
        self.answers[path] = (status, data, {key.replace("_", "-"): value for key, value in headers.items()})


@pytest.fixture
def server() -> Iterator[Script]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            made.asked.append((path, self.headers.get("Authorization")))
            status, body, headers = made.answers.get(path, (404, b"{}", {}))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        made = Script(f"http://127.0.0.1:{listener.server_address[1]}")
        thread = threading.Thread(target=lambda: listener.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        yield made
        listener.shutdown()
        thread.join(10)


@pytest.fixture
def world(tmp_path: Path, server: Script) -> World:
    return World(tmp_path, Cluster().client(), server)


@pytest.fixture
def task_text() -> str:
    return TASK_TEXT


@pytest.fixture
def get() -> Callable[..., Resolved]:
    """``get(resolvers, "git", url=…)`` resolves a Task for the run ``default/run``."""

    def resolve(
        resolvers: Resolvers, resolver: str, *, run_namespace: str = "default", as_kind: str = "Task", **values: str
    ) -> Resolved:
        return resolvers.resolve(resolver, params(**values), namespace=run_namespace, kind=as_kind, owner="run")

    return resolve
