"""``kill -9`` at any moment: what was acknowledged is there, and recorded, after the next start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, UnreachableError
from interlock.formats import yaml
from interlock.local.kubernetes.store import GoneError, Store

ADMIN = "admin-token-0123456789"


class Process:
    """``python -m interlock.local.kubernetes``, ready as the notify protocol says."""

    def __init__(self, folder: Path, config: Path) -> None:
        path = folder / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(str(path))
            channel.settimeout(30)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "interlock.local.kubernetes", "--config", str(config)],
                env={**os.environ, "NOTIFY_SOCKET": str(path)},
                stderr=subprocess.PIPE,
                text=True,
            )
            assert channel.recv(100) == b"READY=1"

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture
def folder(tmp_path: Path, configure_cluster: Callable[..., Any]) -> Path:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = configure_cluster(tmp_path, port=port)
    (tmp_path / "config.yaml").write_text(yaml.dump(config.model_dump(mode="json", exclude_none=True)))
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def starts() -> Process:
        started.append(Process(folder, folder / "config.yaml"))
        return started[-1]

    yield starts
    for process in started:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


def client_of(folder: Path) -> KubernetesClient:
    config = yaml.load((folder / "config.yaml").read_bytes(), file="config.yaml").value
    return KubernetesClient(f"https://127.0.0.1:{config['port']}", token=ADMIN, ca_file=folder / "ca" / "ca.crt")


def test_acknowledged_writes_survive_a_kill(folder: Path, start: Callable[[], Process]) -> None:
    running = start()
    acknowledged: list[str] = []
    enough = threading.Event()

    def write() -> None:
        with client_of(folder) as client, contextlib.suppress(UnreachableError):
            for index in range(10_000):
                config = {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": f"c{index}", "namespace": "default"},
                }
                client.create(config)
                acknowledged.append(f"c{index}")
                if index == 40:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(30)
    running.end(signal.SIGKILL)
    writer.join(10)

    running = start()
    with client_of(folder) as client:
        listed = client.list("v1", "ConfigMap", namespace="default")
        names = {item["metadata"]["name"] for item in listed.items}
        token_before = client.request("GET", "/openid/v1/jwks")
    assert set(acknowledged) <= names
    # Nothing is recorded twice, and each write is recorded: the one in flight at the kill too, if it took place.
    events = [json.loads(line) for line in (folder / "data" / "audit.log").read_text().splitlines()]
    recorded = [item["objectRef"]["name"] for item in events if item["user"]["username"] == "admin"]
    assert sorted(recorded) == sorted(name for name in names if name.startswith("c"))
    assert running.end(signal.SIGTERM) == 0

    start()
    with client_of(folder) as client:
        assert client.request("GET", "/openid/v1/jwks") == token_before
        assert client.list("v1", "ConfigMap", namespace="default").resource_version == listed.resource_version


def test_a_graceful_stop_does_not_wait_for_watchers(folder: Path, start: Callable[[], Process]) -> None:
    running = start()
    with client_of(folder) as client:
        events = client.watch("v1", "ConfigMap", namespace="kube-public")
        assert next(events).type == "ADDED"
        assert running.end(signal.SIGTERM) == 0
        assert [event for event in events if event.type != "BOOKMARK"] == []


def test_manifests_of_the_configuration_are_created_once(run: Callable[..., Any], tmp_path: Path) -> None:
    manifest = tmp_path / "more.yaml"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: mine\n  namespace: default\ndata:\n  a: '1'\n"
    manifest.write_text(f"apiVersion: v1\nkind: List\nitems: []\n---\n{text}")
    cluster = run(bootstrap=(manifest,))
    with cluster.client() as client:
        client.patch("v1", "ConfigMap", "mine", {"data": {"a": "2"}}, namespace="default")
    cluster.stop()
    with run(bootstrap=(manifest,)).client() as client:
        assert client.get("v1", "ConfigMap", "mine", "default")["data"] == {"a": "2"}


def test_a_role_gets_the_rules_that_a_newer_version_needs(run: Callable[..., Any], tmp_path: Path) -> None:
    """RBAC auto-reconciliation: nothing is taken away, and a role that says so is left alone."""
    manifest = tmp_path / "roles.yaml"
    api = "rbac.authorization.k8s.io/v1"

    def start(*resources: str) -> Any:
        rules = [{"apiGroups": [""], "resources": [name], "verbs": ["get"]} for name in resources]
        roles = [
            {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
            for name in ("mine", "kept")
        ]
        manifest.write_text(yaml.dump(*roles))
        return run(bootstrap=(manifest,))

    def rules(client: KubernetesClient, name: str) -> list[str]:
        return [rule["resources"][0] for rule in client.get(api, "ClusterRole", name)["rules"]]

    cluster = start("pods")
    extra = {"apiGroups": [""], "resources": ["events"], "verbs": ["get"]}
    off = {"metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}}
    with cluster.client() as client:
        rule = client.get(api, "ClusterRole", "mine")["rules"][0]
        client.patch(api, "ClusterRole", "mine", {"rules": [rule, extra]})
        client.patch(api, "ClusterRole", "kept", off)
    cluster.stop()
    cluster = start("pods", "pods/log")
    with cluster.client() as client:
        assert rules(client, "mine") == ["pods", "events", "pods/log"]
        assert rules(client, "kept") == ["pods"]
        version = client.get(api, "ClusterRole", "mine")["metadata"]["resourceVersion"]
    cluster.stop()
    with start("pods", "pods/log").client() as client:
        assert client.get(api, "ClusterRole", "mine")["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "yaml-syntax"),
        ("kind: ConfigMap\n", "manifest-invalid"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Bad_Name\n", "manifest-refused"),
        ("apiVersion: nowhere.test/v1\nkind: Nothing\nmetadata:\n  name: a\n", "manifest-refused"),
    ],
)
def test_a_manifest_that_cannot_be_created_stops_the_start(
    run: Callable[..., Any], tmp_path: Path, text: str, code: str
) -> None:
    manifest = tmp_path / "broken.yaml"
    manifest.write_text(text)
    with pytest.raises(InputError) as caught:
        run(bootstrap=(manifest,))
    assert caught.value.code.startswith(code.partition("-")[0])
    if code.startswith("manifest"):
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\n", "file-invalid"),
        ("name: x\nprot: 1\n", "file-invalid"),
        (None, "file-missing"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(tmp_path: Path, text: str | None, expected: str) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    found = subprocess.run(
        [sys.executable, "-m", "interlock.local.kubernetes", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode in (2, 3)
    assert f"[{expected}]" in found.stderr
    assert "Traceback" not in found.stderr


def config_map(name: str, value: int) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "n", "uid": name}, "value": value}


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    heard: list[int] = []
    store.listen(lambda change: heard.append(change.revision))
    before = store.revision
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put("/configmaps", config_map("a", 1))
        raise ZeroDivisionError
    with store.transaction(dry_run=True):
        store.put("/configmaps", config_map("a", 1))
    assert (store.revision, store.objects("/configmaps"), heard) == (before, [], [])
    with store.transaction():
        store.put("/configmaps", config_map("a", 1))
    assert heard == [before + 1]
    store.close()


def test_the_past_can_be_listed_until_it_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    with store.transaction():
        store.put("/configmaps", config_map("a", 1))
        store.put("/configmaps", config_map("b", 1))
    then = store.revision
    expected = store.objects("/configmaps")
    with store.transaction():
        store.put("/configmaps", config_map("a", 2))
        store.delete("/configmaps", config_map("b", 1))
        store.put("/configmaps", config_map("c", 1))
    assert store.objects_at("/configmaps", "n", then) == expected
    assert [change.type for change in store.changes("/configmaps", then)] == ["MODIFIED", "DELETED", "ADDED"]
    with store.transaction():
        store.compact(then + 1)
    with pytest.raises(GoneError):
        store.objects_at("/configmaps", "n", then)
    store.close()
