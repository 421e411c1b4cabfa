"""``pods/log``: asked of the node's kubelet, refused as Kubernetes refuses it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.tekton.engine.logs import Board, LogWriter, path_of, pod_records
from interlock.tekton.engine.logs.kubelet import LogServer
from interlock.tekton.engine.logs.pod_records import PodRecord
from interlock.tekton.engine.storage import Storage

ADMIN = "admin-token-0123456789"
NODE = "node"
PATIENCE = 20


@dataclass
class Estate:
    """A cluster, and the kubelet of its one node."""

    cluster: Any
    client: KubernetesClient
    http: httpx.Client
    storage: Storage
    board: Board
    kubelet: LogServer

    def log(self, path: str, *, token: str = ADMIN) -> httpx.Response:
        return self.http.get(f"/api/v1/namespaces/default/pods/{path}", headers={"Authorization": f"Bearer {token}"})

    def pod(self, name: str, *, node: str | None = NODE, **state: Any) -> None:
        """A pod with the containers ``a`` and ``b``; ``state`` is that of ``a``."""
        spec: dict[str, Any] = {
            "initContainers": [{"name": "first", "image": "i"}],
            "containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}],
            **({"nodeName": node} if node else {}),
        }
        meta = {"name": name, "namespace": "default"}
        self.client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        if state:
            statuses = [{"name": "a", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": state}]
            self.client.patch(
                "v1",
                "Pod",
                name,
                {"status": {"phase": "Running", "containerStatuses": statuses}},
                namespace="default",
                subresource="status",
            )
        pod_records.write(self.storage, "default", name, PodRecord(name, "uid", 0, ("first", "a", "b")))

    def writer(self, pod: str, container: str = "a") -> LogWriter:
        return LogWriter(path_of(self.storage, "default", pod, container), board=self.board)


@pytest.fixture
def estate(run: Callable[..., Any], tmp_path: Path) -> Iterator[Estate]:
    (tmp_path / "secret").write_text("0123456789abcdef0123456789")
    storage, board = Storage(tmp_path / "node"), Board()
    kubelet = LogServer(storage, 0, secret_file=tmp_path / "secret", board=board)
    kubelet.start()
    address = f"127.0.0.1:{kubelet.port}"
    nodes = {NODE: {"address": address, "secret_file": tmp_path / "secret"}}
    (tmp_path / "wrong").write_text("another secret of this length")
    nodes |= {"stranger": {"address": address, "secret_file": tmp_path / "wrong"}}
    nodes |= {"down": {"address": "127.0.0.1:1", "secret_file": tmp_path / "secret"}}
    cluster = run(kubelets=nodes)
    client = cluster.client()
    with httpx.Client(base_url=cluster.url, verify=_context(cluster), timeout=PATIENCE) as http:
        yield Estate(cluster, client, http, storage, board, kubelet)
    client.close()
    board.close()
    kubelet.close()


def _context(cluster: Any) -> Any:

    return ssl.create_default_context(cafile=str(cluster.config.tls.ca))


RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def test_a_log_and_parts_of_it(estate: Estate) -> None:
    estate.pod("web", **RUNNING)
    with estate.writer("web") as writer:
        writer.write(b"one\ntwo\n")
    answer = estate.log("web/log?container=a")
    assert (answer.status_code, answer.text) == (200, "one\ntwo\n")
    assert answer.headers["content-type"].startswith("text/plain")
    assert estate.log("web/log?container=a&tailLines=1&limitBytes=2").text == "tw"


def test_it_is_streamed_while_it_grows(estate: Estate) -> None:
    estate.pod("web", **RUNNING)
    path = path_of(estate.storage, "default", "web", "a")
    estate.board.expect(path)
    url = "/api/v1/namespaces/default/pods/web/log?container=a&follow=true"
    with estate.writer("web") as writer:
        writer.write(b"one\n")
        with estate.http.stream("GET", url, headers={"Authorization": f"Bearer {ADMIN}"}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "one"
            writer.write(b"two\n")
            assert next(lines) == "two"
            estate.board.end(path)
            writer.close()
            assert list(lines) == []


def test_the_kubelet_notices_that_the_client_has_left(estate: Estate) -> None:
    estate.pod("web", **RUNNING)
    path = path_of(estate.storage, "default", "web", "a")
    estate.board.expect(path)
    url = "/api/v1/namespaces/default/pods/web/log?container=a&follow=true"
    with estate.writer("web") as writer:
        writer.write(b"one\n")
        with estate.http.stream("GET", url, headers={"Authorization": f"Bearer {ADMIN}"}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "one"
            followers = [thread for thread in threading.enumerate() if "process_request_thread" in thread.name]
            assert len(followers) == 1
            # Dropping the iterator closes the connection.
            del lines
    for thread in followers:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_server_that_stops_ends_the_streams(estate: Estate) -> None:
    estate.pod("web", **RUNNING)
    estate.board.expect(path_of(estate.storage, "default", "web", "a"))
    url = "/api/v1/namespaces/default/pods/web/log?container=a&follow=true"
    seen: list[str] = []
    first = threading.Event()

    def follow() -> None:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        own = httpx.Client(base_url=estate.cluster.url, verify=_context(estate.cluster), timeout=PATIENCE)
        with own, own.stream("GET", url, headers=headers) as answer:
            for line in answer.iter_lines():
                seen.append(line)
                first.set()

    follower = threading.Thread(target=follow)
    with estate.writer("web") as writer:
        writer.write(b"one\n")
        follower.start()
        assert first.wait(PATIENCE)
        estate.client.close()
        estate.cluster.stop()
        follower.join(PATIENCE)
    assert not follower.is_alive()
    assert seen == ["one"]


REFUSALS = [
    (
        "web/log",
        400,
        "a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [first]",
    ),
    ("web/log?container=c", 400, "container c is not valid for pod web"),
    ("web/log?container=b", 400, 'container "b" in pod "web" is not available'),
    ("new/log?container=a", 400, 'container "a" in pod "new" is waiting to start: PodInitializing'),
    (
        "web/log?container=a&previous=true",
        400,
        'previous terminated container "a" in pod "web" not found',
    ),
    ("none/log", 404, 'pods "none" not found'),
    (
        "web/log?container=a&tailLines=-1",
        422,
        'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ),
    ("lost/log?container=a", 404, 'nodes "nowhere" not found'),
    ("web/exec?command=sh", 501, "pods/exec: interlock.local runs no containers"),
]


def test_refusals_in_the_words_of_kubernetes(estate: Estate) -> None:
    estate.pod("web", **RUNNING)
    estate.pod("new", waiting={"reason": "PodInitializing"})
    estate.pod("lost", node="nowhere", **RUNNING)
    for path, code, message in REFUSALS:
        answer = estate.log(path)
        assert (answer.status_code, answer.json()["message"]) == (code, message)


def test_a_pod_that_is_only_simulated_has_no_log(estate: Estate) -> None:
    estate.pod("simulated", node=None)
    answer = estate.log("simulated/log?container=a")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith('container "a" in pod "simulated" has no log: no container runs')


def test_a_kubelet_that_cannot_be_reached_or_is_another(estate: Estate) -> None:
    estate.pod("away", node="down", **RUNNING)
    estate.pod("odd", node="stranger", **RUNNING)
    away, odd = estate.log("away/log?container=a"), estate.log("odd/log?container=a")
    assert (away.status_code, odd.status_code) == (500, 500)
    assert 'Get "http://127.0.0.1:1/containerLogs/default/away/a"' in away.json()["message"]
    assert "refused this API server" in odd.json()["message"]


def test_reading_a_log_is_a_right_of_its_own(estate: Estate) -> None:
    """``pods/log`` is a resource of RBAC, apart from ``pods``."""
    estate.pod("web", **RUNNING)
    with estate.writer("web") as writer:
        writer.write(b"one\n")
    account = {"kind": "User", "name": "viewer", "apiGroup": "rbac.authorization.k8s.io"}

    def grant(name: str, resource: str) -> None:
        rule = {"apiGroups": [""], "resources": [resource], "verbs": ["get"]}
        api = "rbac.authorization.k8s.io/v1"
        meta = {"name": name, "namespace": "default"}
        estate.client.create({"apiVersion": api, "kind": "Role", "metadata": meta, "rules": [rule]})
        reference = {"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"apiVersion": api, "kind": "RoleBinding", "metadata": meta, "roleRef": reference}
        estate.client.create({**binding, "subjects": [account]})

    token = "viewer-token-0123456789"
    grant("pods", "pods")
    refused = estate.log("web/log?container=a", token=token)
    assert refused.status_code == 403
    assert 'cannot get resource "pods/log"' in refused.json()["message"]
    grant("logs", "pods/log")
    assert estate.log("web/log?container=a", token=token).text == "one\n"


def test_the_simulator_leaves_the_pods_of_a_node_alone(estate: Estate, wait_for: Callable[..., Any]) -> None:
    estate.pod("theirs")
    estate.pod("ours", node=None)
    # The simulator speaks of its own pod; until then it has had the other one before its eyes.
    wait_for(
        "v1",
        "Pod",
        "default",
        "ours",
        lambda pod: pod is not None and "interlock.dev/simulated" in (pod["metadata"].get("annotations") or {}),
        using=estate.client,
    )
    theirs = estate.client.get("v1", "Pod", "theirs", "default")
    assert "annotations" not in theirs["metadata"]
    assert theirs["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_discovery_names_the_subresource(estate: Estate) -> None:
    listed = estate.http.get("/api/v1", headers={"Authorization": f"Bearer {ADMIN}"}).json()["resources"]
    (found,) = [item for item in listed if item["name"] == "pods/log"]
    assert (found["kind"], found["verbs"]) == ("Pod", ["get"])


COLUMNS: list[tuple[list[Any], list[Any], str, list[str]]] = [
    ([{"terminated": {"exitCode": 0}}], [{"running": {}}], "Running", ["1/2", "Running"]),
    ([{"waiting": {"reason": "PodInitializing"}}], [], "Pending", ["0/2", "Init:0/1"]),
    ([{"terminated": {"exitCode": 1, "reason": "Error"}}], [], "Failed", ["0/2", "Init:Error"]),
    ([], [{"terminated": {"exitCode": 0, "reason": "Completed"}}], "Succeeded", ["0/2", "Completed"]),
    ([], [{"terminated": {"exitCode": 1, "reason": "Error"}}], "Failed", ["0/2", "Error"]),
]


def test_columns_of_pods(estate: Estate) -> None:
    estate.pod("web")

    def statuses(states: list[Any], names: str) -> list[Any]:
        return [
            {"name": name, "state": state, "ready": "running" in state, "restartCount": 0, "image": "", "imageID": ""}
            for name, state in zip(names, states, strict=False)
        ]

    accept = "application/json;as=Table;g=meta.k8s.io;v=v1"
    headers = {"Authorization": f"Bearer {ADMIN}", "Accept": accept}
    for init, containers, phase, shown in COLUMNS:
        change = {
            "phase": phase,
            "initContainerStatuses": statuses(init, "f"),
            "containerStatuses": statuses(containers, "ab"),
        }
        estate.client.patch("v1", "Pod", "web", {"status": change}, namespace="default", subresource="status")
        table = estate.http.get("/api/v1/namespaces/default/pods", headers=headers).json()
        assert table["rows"][0]["cells"][1:3] == shown
