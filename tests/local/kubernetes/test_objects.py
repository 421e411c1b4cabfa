"""Objects through the client: create, read, replace, patch, delete, select, page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError, UnreachableError


def config_map(namespace: str, name: str = "settings", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def deployment(namespace: str, name: str = "payments", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "app", "image": "registry.acme.test/payments:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def test_an_object_is_completed_when_it_is_created(client: KubernetesClient, namespace: str) -> None:
    created = client.create(config_map(namespace, data={"a": "1"}))
    metadata = created["metadata"]
    assert created["data"] == {"a": "1"}
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert client.get("v1", "ConfigMap", "settings", namespace) == created


def test_a_name_is_taken_once(client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace))
    with pytest.raises(ConflictError) as caught:
        client.create(config_map(namespace))
    assert caught.value.code == "kubernetes-already-exists"


def test_a_replacement_of_an_older_version_is_refused(client: KubernetesClient, namespace: str) -> None:
    first = client.create(config_map(namespace, data={"a": "1"}))
    client.replace({**first, "data": {"a": "2"}})
    with pytest.raises(ConflictError) as caught:
        client.replace({**first, "data": {"a": "3"}})
    assert caught.value.code == "kubernetes-conflict"
    assert client.get("v1", "ConfigMap", "settings", namespace)["data"] == {"a": "2"}


def test_an_unchanged_object_is_not_written(client: KubernetesClient, namespace: str) -> None:
    created = client.create(config_map(namespace, data={"a": "1"}))
    assert client.replace(created)["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


def test_only_the_specification_counts_up_the_generation(client: KubernetesClient, namespace: str) -> None:
    client.create(deployment(namespace))
    patch = {"metadata": {"labels": {"a": "b"}}}
    labelled = client.patch("apps/v1", "Deployment", "payments", patch, namespace=namespace)
    assert labelled["metadata"]["generation"] == 1
    paused = client.patch("apps/v1", "Deployment", "payments", {"spec": {"paused": True}}, namespace=namespace)
    assert paused["metadata"]["generation"] == 2


def test_status_is_written_through_its_subresource_alone(client: KubernetesClient, namespace: str) -> None:
    run = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": "r", "namespace": namespace}}
    created = client.create({**run, "spec": {"pipelineRef": {"name": "a"}}, "status": {"forged": True}})
    assert "status" not in created
    changed = client.patch(
        "tekton.dev/v1",
        "PipelineRun",
        "r",
        {"spec": {"pipelineRef": {"name": "b"}}, "status": {"x": 1}},
        namespace=namespace,
        subresource="status",
    )
    assert (changed["spec"], changed["status"]) == (created["spec"], {"x": 1})
    assert changed["metadata"]["generation"] == 1
    kept = client.patch("tekton.dev/v1", "PipelineRun", "r", {"status": {"x": 2}}, namespace=namespace)
    assert kept["status"] == {"x": 1}
    again = client.replace_status({**kept, "status": {"x": 3}})
    assert again["status"] == {"x": 3}


def test_a_dry_run_answers_like_the_write_and_leaves_nothing(client: KubernetesClient, namespace: str) -> None:
    answer = client.create(config_map(namespace, data={"a": "1"}), dry_run=True)
    assert answer["metadata"]["uid"]
    with pytest.raises(NotFoundError):
        client.get("v1", "ConfigMap", "settings", namespace)
    before = client.list("v1", "ConfigMap", namespace=namespace).resource_version
    client.apply(config_map(namespace, data={"a": "1"}), field_manager="m", dry_run=True)
    assert client.list("v1", "ConfigMap", namespace=namespace).resource_version == before


def test_deletion_of_another_object_of_the_same_name_is_refused(client: KubernetesClient, namespace: str) -> None:
    old = client.create(config_map(namespace))["metadata"]["uid"]
    client.delete("v1", "ConfigMap", "settings", namespace=namespace, uid=old)
    client.create(config_map(namespace))
    with pytest.raises(ConflictError) as caught:
        client.delete("v1", "ConfigMap", "settings", namespace=namespace, uid=old)
    assert caught.value.code == "kubernetes-conflict"


def test_a_finalizer_holds_an_object_until_it_is_removed(client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace, metadata={"finalizers": ["acme.test/hold"]}))
    client.delete("v1", "ConfigMap", "settings", namespace=namespace)
    held = client.get("v1", "ConfigMap", "settings", namespace)
    assert held["metadata"]["deletionTimestamp"]
    with pytest.raises(InputError):
        patch = {"metadata": {"finalizers": ["acme.test/hold", "acme.test/new"]}}
        client.patch("v1", "ConfigMap", "settings", patch, namespace=namespace)
    client.patch("v1", "ConfigMap", "settings", {"metadata": {"finalizers": None}}, namespace=namespace)
    with pytest.raises(NotFoundError):
        client.get("v1", "ConfigMap", "settings", namespace)


def test_lists_are_selected_and_paged_in_one_consistent_view(client: KubernetesClient, namespace: str) -> None:
    for index in range(7):
        client.create(config_map(namespace, f"c{index}", metadata={"labels": {"parity": str(index % 2)}}))
    odd = client.list("v1", "ConfigMap", namespace=namespace, label_selector="parity=1")
    assert [item["metadata"]["name"] for item in odd.items] == ["c1", "c3", "c5"]
    assert {item["kind"] for item in odd.items} == {"ConfigMap"}
    one = client.list("v1", "ConfigMap", namespace=namespace, field_selector="metadata.name=c4")
    assert [item["metadata"]["name"] for item in one.items] == ["c4"]

    path = f"/api/v1/namespaces/{namespace}/configmaps"
    selector = {"labelSelector": "parity", "limit": 3}
    page = client.request("GET", path, params=selector)
    client.delete("v1", "ConfigMap", "c5", namespace=namespace)
    client.create(config_map(namespace, "c3a", metadata={"labels": {"parity": "0"}}))
    names = [item["metadata"]["name"] for item in page["items"]]
    while token := page["metadata"].get("continue"):
        page = client.request("GET", path, params={**selector, "continue": token})
        names += [item["metadata"]["name"] for item in page["items"]]
    assert names == [f"c{index}" for index in range(7)]


@pytest.mark.parametrize("query", [{"labelSelector": "a=b=c"}, {"fieldSelector": "spec.x=1"}, {"continue": "zzz"}])
def test_a_bad_question_is_refused(client: KubernetesClient, namespace: str, query: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        client.request("GET", f"/api/v1/namespaces/{namespace}/configmaps", params=query)
    assert caught.value.code == "kubernetes-bad-request"


def test_faults_are_named_with_their_field(client: KubernetesClient, namespace: str) -> None:
    broken = deployment(namespace)
    broken["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    with pytest.raises(InputError) as caught:
        client.create(broken)
    assert caught.value.code == "kubernetes-invalid"
    assert "spec.template.metadata.labels" in str(caught.value.got)


@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": {"name": "Bad_Name"}},
        {"metadata": {"name": "../../etc"}},
        {"metadata": {}},
        {"metadata": {"name": "x", "labels": {"a b": "c"}}},
        {"metadata": {"name": "x"}, "data": {"a": 1}},
        {"metadata": "text"},
    ],
)
def test_malformed_objects_are_refused(client: KubernetesClient, namespace: str, obj: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        client.request(
            "POST", f"/api/v1/namespaces/{namespace}/configmaps", body={"apiVersion": "v1", "kind": "ConfigMap", **obj}
        )


@pytest.mark.parametrize(
    ("content", "content_type", "code"),
    [
        (b"{", "application/json", 400),
        (b'{"a":1,"a":2}', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"a: 1", "text/plain", 415),
        (b"a: &x 1", "application/yaml", 400),
        (b"k8s\x00\xff\xff", "application/vnd.kubernetes.protobuf", 400),
        (b"x" * (3 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_malformed_bodies_are_refused(
    http: httpx.Client, namespace: str, content: bytes, content_type: str, code: int
) -> None:
    answer = http.post(
        f"/api/v1/namespaces/{namespace}/configmaps", content=content, headers={"Content-Type": content_type}
    )
    assert answer.status_code == code
    assert answer.json()["kind"] == "Status"


def test_unknown_fields_are_refused_when_asked_to_be_strict_and_dropped_otherwise(
    http: httpx.Client, client: KubernetesClient, namespace: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    typo = deployment(namespace, replicsa=3)
    with pytest.raises(InputError) as caught:
        client.request("POST", path, params={"fieldValidation": "Strict"}, body=typo)
    assert 'unknown field "spec.replicsa"' in str(caught.value)
    answer = http.post(path, json=typo)
    assert 'unknown field "spec.replicsa"' in answer.headers["warning"].replace("\\", "")
    assert "replicsa" not in answer.json()["spec"]


def test_secrets_take_text_and_keep_bytes(client: KubernetesClient, namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}
    created = client.create({**secret, "stringData": {"a": "hello"}, "data": {"b": "d29ybGQ="}})
    assert created["data"] == {"a": "aGVsbG8=", "b": "d29ybGQ="}
    assert "stringData" not in created
    assert created["type"] == "Opaque"
    with pytest.raises(InputError):
        client.create({**secret, "metadata": {"name": "t", "namespace": namespace}, "data": {"b": "not base64!"}})


def test_an_immutable_config_map_stays_as_it_is(client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace, data={"a": "1"}, immutable=True))
    with pytest.raises(InputError):
        client.patch("v1", "ConfigMap", "settings", {"data": {"a": "2"}}, namespace=namespace)


def test_a_service_keeps_its_address(client: KubernetesClient, namespace: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "payments", "namespace": namespace},
        "spec": {"ports": [{"port": 80}]},
    }
    address = client.create(service)["spec"]["clusterIP"]
    again = client.replace({**service, "spec": {"ports": [{"port": 81}]}})
    assert again["spec"]["clusterIP"] == address
    assert again["spec"]["ports"] == [{"port": 81, "protocol": "TCP", "targetPort": 81}]
    with pytest.raises(InputError):
        client.patch("v1", "Service", "payments", {"spec": {"clusterIP": "10.96.200.200"}}, namespace=namespace)
    other = client.create({**service, "metadata": {"name": "other", "namespace": namespace}})
    assert other["spec"]["clusterIP"] != address


def test_what_is_not_there_is_not_found(client: KubernetesClient, namespace: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.get("v1", "ConfigMap", "absent", namespace)
    assert caught.value.code == "kubernetes-not-found"
    with pytest.raises(NotFoundError) as caught:
        client.get("nowhere.test/v1", "Nothing", "absent", namespace)
    assert caught.value.code == "kubernetes-kind-unknown"
    with pytest.raises(NotFoundError):
        client.create(config_map("no-such-namespace"))
    for path in ("/api/v2", "/apis/none.test", "/nothing", "/openapi/v2", "/api/v1/namespaces/a/b/c/d/e"):
        with pytest.raises(NotFoundError):
            client.request("GET", path)


def test_a_namespace_takes_its_content_with_it(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    client.create(config_map(namespace, metadata={"finalizers": ["acme.test/hold"]}))
    client.create(deployment(namespace))
    client.delete("v1", "Namespace", namespace)
    assert client.get("v1", "Namespace", namespace)["status"]["phase"] == "Terminating"
    with pytest.raises(RefusedError) as caught:
        client.create(config_map(namespace, "late"))
    assert "being terminated" in str(caught.value)
    client.patch("v1", "ConfigMap", "settings", {"metadata": {"finalizers": None}}, namespace=namespace)
    wait_for("v1", "Namespace", None, namespace, lambda found: found is None)
    assert client.list("apps/v1", "Deployment", namespace=namespace).items == []


def test_a_new_namespace_has_its_service_account_and_the_cas_certificate(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    wait_for("v1", "ServiceAccount", namespace, "default", bool)
    found = wait_for("v1", "ConfigMap", namespace, "kube-root-ca.crt", bool)
    assert found["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")


def test_scale_is_a_view_of_the_replicas(client: KubernetesClient, namespace: str) -> None:
    client.create(deployment(namespace, paused=True))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/payments/scale"
    scale = client.request("GET", path)
    assert scale["spec"] == {"replicas": 0}
    client.request("PUT", path, body={**scale, "spec": {"replicas": 2}})
    assert client.get("apps/v1", "Deployment", "payments", namespace)["spec"]["replicas"] == 2
    with pytest.raises(ConflictError):
        client.request("PUT", path, body={**scale, "spec": {"replicas": 3}})


def test_concurrent_writers_lose_no_write(client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace, data={"count": "0"}))

    def count() -> None:
        for _ in range(10):
            while True:
                found = client.get("v1", "ConfigMap", "settings", namespace)
                try:
                    client.replace({**found, "data": {"count": str(int(found["data"]["count"]) + 1)}})
                    break
                except ConflictError:
                    continue

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("v1", "ConfigMap", "settings", namespace)["data"] == {"count": "40"}


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with KubernetesClient("http://127.0.0.1:9", token="t") as nobody, pytest.raises(UnreachableError) as caught:
        nobody.get("v1", "ConfigMap", "a", "b")
    assert caught.value.code == "kubernetes-unreachable"


def test_a_server_of_another_ca_is_not_trusted(cluster: Any) -> None:
    with KubernetesClient(cluster.url, token="t") as stranger, pytest.raises(UnreachableError):
        stranger.version()
