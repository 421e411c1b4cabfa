"""Deployments: available when the image is there (and never a claim that it runs), waiting with a reason when not."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.formats.kubernetes import health
from interlock.local.kubernetes.workloads.images import Absent, Present, Registries


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """The reading half of a registry: manifests and blobs by digest; ``lose`` and ``add`` change what is there."""

    def __init__(self) -> None:
        self.content: dict[str, tuple[bytes, str]] = {}
        self.tags: dict[str, str] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                reference = self.path.rpartition("/")[2]
                found = registry.content.get(registry.tags.get(reference, reference))
                good = found is not None and self.path.startswith("/v2/integration/payments/")
                body, media = found if good and found else (b"{}", "application/json")
                self.send_response(200 if good else 404)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_GET = do_HEAD = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, content: bytes, media: str = "application/octet-stream") -> str:
        self.content[digest(content)] = (content, media)
        return digest(content)

    def image(self, text: str) -> tuple[str, str]:
        """An image of one layer: the digests of its manifest and of the layer."""
        config, layer = self.add(b"{}"), self.add(text.encode())
        media = "application/vnd.oci.image.manifest.v1+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": media,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": len(text)}],
        }
        return self.add(json.dumps(manifest).encode(), media), layer


@pytest.fixture
def registry() -> Iterator[Registry]:
    running = Registry()
    yield running
    running.close()


@pytest.fixture
def client(run: Callable[..., Any], registry: Registry) -> Iterator[KubernetesClient]:
    cluster = run(names={"registry.acme.test": registry.url})
    with cluster.client() as client:
        yield client


def name(manifest: str) -> str:
    return f"registry.acme.test/integration/payments:main-0123456789ab@{manifest}"


def deployment(image: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": "payments"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "payments", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def apply(client: KubernetesClient, image: str, **spec: Any) -> dict[str, Any]:
    return client.apply(deployment(image, **spec), field_manager="argocd-controller")


def condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    rows = (obj.get("status") or {}).get("conditions") or []
    return next((row for row in rows if row["type"] == kind), {})


def rolled_out(obj: dict[str, Any]) -> bool:
    return bool(health.assess(obj) == health.Health("Healthy") and condition(obj, "Available").get("status") == "True")


def pods(client: KubernetesClient) -> list[dict[str, Any]]:
    return client.list("v1", "Pod", namespace="default", label_selector="app=payments").items


PAYMENTS = ("apps/v1", "Deployment", "default", "payments")


def test_an_image_that_is_there_makes_the_deployment_available_and_says_that_nothing_runs(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    manifest, _ = registry.image("one")
    apply(client, name(manifest), replicas=2)
    live = wait_for(*PAYMENTS, rolled_out)
    assert condition(live, "Available")["reason"] == "SimulatedNoContainerRuns"
    assert "no container runs" in condition(live, "Available")["message"]
    assert condition(live, "Progressing")["reason"] == "NewReplicaSetAvailable"
    status = {field: value for field, value in live["status"].items() if field != "conditions"}
    assert status == {
        "observedGeneration": live["metadata"]["generation"],
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
    }
    for pod in pods(client):
        assert pod["metadata"]["annotations"]["interlock.dev/simulated"] == "true"
        assert pod["status"]["phase"] == "Running"
        assert "no container runs" in pod["status"]["message"]
        (container,) = pod["status"]["containerStatuses"]
        assert container["imageID"] == f"registry.acme.test/integration/payments@{manifest}"


@pytest.mark.parametrize("lost", ["manifest", "layer"])
def test_an_image_that_is_not_whole_is_waited_for_until_it_is(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any], lost: str
) -> None:
    manifest, layer = registry.image("one")
    missing = manifest if lost == "manifest" else layer
    kept = registry.content.pop(missing)
    apply(client, name(manifest))
    listed = client.list("v1", "Pod", namespace="default").resource_version
    with client.watch("v1", "Pod", namespace="default", resource_version="0", timeout_seconds=10) as events:
        waiting = next(
            event.object["status"]["containerStatuses"][0]["state"]["waiting"]
            for event in events
            if event.object.get("status", {}).get("containerStatuses")
        )
    assert waiting["reason"] == "ImagePullBackOff"
    assert missing in waiting["message"]
    live = client.get("apps/v1", "Deployment", "payments", "default")
    assert condition(live, "Available").get("status") != "True"
    assert int(listed) > 0
    registry.content[missing] = kept
    wait_for(*PAYMENTS, rolled_out)


def test_a_deadline_that_passes_is_said(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    apply(client, name(digest(b"never pushed")), progressDeadlineSeconds=1)
    live = wait_for(*PAYMENTS, lambda obj: condition(obj, "Progressing").get("status") == "False")
    assert condition(live, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert condition(live, "Available")["status"] == "False"
    found = health.assess(live)
    assert found is not None
    assert found.status == "Degraded"


def test_a_new_template_rolls_and_an_old_one_can_be_taken_up_again(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    first, second = registry.image("one")[0], registry.image("two")[0]
    apply(client, name(first), replicas=3)
    wait_for(*PAYMENTS, rolled_out)
    apply(client, name(second), replicas=3)
    wait_for(*PAYMENTS, lambda obj: rolled_out(obj) and revision(obj) == "2")
    assert {pod["spec"]["containers"][0]["image"] for pod in pods(client)} == {name(second)}
    sets = client.list("apps/v1", "ReplicaSet", namespace="default").items
    assert sorted((item["spec"]["replicas"], revision(item)) for item in sets) == [(0, "1"), (3, "2")]
    assert all(item["metadata"]["labels"]["pod-template-hash"] in item["metadata"]["name"] for item in sets)
    apply(client, name(first), replicas=3)
    wait_for(*PAYMENTS, lambda obj: rolled_out(obj) and revision(obj) == "3")
    assert len(client.list("apps/v1", "ReplicaSet", namespace="default").items) == 2


def revision(obj: dict[str, Any]) -> str:
    return str(obj["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision"))


def test_while_a_new_image_is_missing_the_old_pods_stay(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    good = registry.image("one")[0]
    apply(client, name(good), replicas=2)
    wait_for(*PAYMENTS, rolled_out)
    apply(client, name(digest(b"never pushed")), replicas=2, progressDeadlineSeconds=1)
    wait_for(*PAYMENTS, lambda obj: condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded")
    ready = [pod for pod in pods(client) if pod["status"]["phase"] == "Running"]
    assert [pod["spec"]["containers"][0]["image"] for pod in ready] == [name(good)] * 2


def test_history_beyond_its_limit_is_dropped(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    for number in range(1, 5):
        apply(client, name(registry.image(str(number))[0]), revisionHistoryLimit=1)
        wait_for(*PAYMENTS, lambda obj, number=number: rolled_out(obj) and revision(obj) == str(number))
    with client.watch("apps/v1", "ReplicaSet", namespace="default", timeout_seconds=10) as events:
        left: set[str] = set()
        for event in events:
            left = left - {revision(event.object)} if event.type == "DELETED" else left | {revision(event.object)}
            if left == {"3", "4"}:
                break
    assert left == {"3", "4"}


def test_recreate_ends_the_old_pods_first(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    first, second = registry.image("one")[0], registry.image("two")[0]
    apply(client, name(first), replicas=2, strategy={"type": "Recreate"})
    live = wait_for(*PAYMENTS, rolled_out)
    start = live["metadata"]["resourceVersion"]
    apply(client, name(second), replicas=2, strategy={"type": "Recreate"})
    wait_for(*PAYMENTS, lambda obj: rolled_out(obj) and revision(obj) == "2")
    alive, most = 2, 0
    with client.watch("v1", "Pod", namespace="default", resource_version=start, timeout_seconds=10) as events:
        for event in events:
            alive += {"ADDED": 1, "DELETED": -1}.get(event.type, 0)
            most = max(most, alive)
            if event.type == "MODIFIED" and event.object["status"]["phase"] == "Running" and alive == 2:
                break
    assert most == 2


def test_a_deleted_pod_is_replaced_and_a_deployment_takes_its_pods_with_it(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    apply(client, name(registry.image("one")[0]))
    wait_for(*PAYMENTS, rolled_out)
    (old,) = pods(client)
    client.delete("v1", "Pod", old["metadata"]["name"], namespace="default")
    wait_for(*PAYMENTS, lambda obj: not rolled_out(obj))
    wait_for(*PAYMENTS, rolled_out)
    (new,) = pods(client)
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    client.delete("apps/v1", "Deployment", "payments", namespace="default")
    wait_for("v1", "Pod", "default", new["metadata"]["name"], lambda found: found is None)


def test_scaling_down_and_a_pause(client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]) -> None:
    first, second = registry.image("one")[0], registry.image("two")[0]
    apply(client, name(first), replicas=3)
    wait_for(*PAYMENTS, rolled_out)
    apply(client, name(second), replicas=1, paused=True)
    live = wait_for(
        *PAYMENTS,
        lambda obj: (
            obj["status"]["observedGeneration"] == obj["metadata"]["generation"] and obj["status"]["replicas"] == 1
        ),
    )
    assert condition(live, "Progressing")["reason"] == "DeploymentPaused"
    assert [pod["spec"]["containers"][0]["image"] for pod in pods(client)] == [name(first)]


def test_a_pod_of_its_own_is_simulated_and_anothers_is_left_alone(
    client: KubernetesClient, registry: Registry, wait_for: Callable[..., Any]
) -> None:
    image = name(registry.image("one")[0])
    spec = {"containers": [{"name": "a", "image": image}]}
    owner = client.create(
        {
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "metadata": {"name": "t", "namespace": "default"},
            "spec": {"taskRef": {"name": "build"}},
        }
    )
    reference = {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "name": "t",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"name": "theirs", "namespace": "default", "ownerReferences": [reference]}
    client.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    client.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "own", "namespace": "default"}, "spec": spec}
    )
    wait_for("v1", "Pod", "default", "own", lambda pod: pod["status"]["phase"] == "Running")
    assert client.get("v1", "Pod", "theirs", "default")["status"]["phase"] == "Pending"


def test_what_a_registry_says_about_images(registry: Registry) -> None:
    registries = Registries({"registry.acme.test": registry.url, "down.acme.test": "http://127.0.0.1:9"})
    manifest, layer = registry.image("one")
    registry.tags["v1"] = manifest
    repository = "registry.acme.test/integration/payments"
    assert registries.check(f"{repository}@{manifest}") == Present(f"{repository}@{manifest}")
    assert registries.check(f"{repository}:v1") == Present(f"{repository}@{manifest}")

    def message(image: str) -> str:
        found = registries.check(image)
        assert isinstance(found, Absent)
        return found.message

    assert message(f"{repository}:v2") == f"manifest v2 is not in {repository}"
    assert "no registry is configured for other.test" in message("other.test/a/b:1")
    assert "registry-unreachable" in message("down.acme.test/a/b:1")
    assert "reference-" in message("not an image")
    registry.content[manifest] = (b"{}", "application/vnd.oci.image.manifest.v1+json")
    assert "digest" in message(f"{repository}@{manifest}")

    index_media = "application/vnd.oci.image.index.v1+json"
    child = digest(b"absent")
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child, "size": 6}
    index = registry.add(
        json.dumps({"schemaVersion": 2, "mediaType": index_media, "manifests": [entry]}).encode(), index_media
    )
    assert child in message(f"{repository}@{index}")
    assert layer in registry.content
