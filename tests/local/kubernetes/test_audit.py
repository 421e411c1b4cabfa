"""The audit log: every write, whole, by whom and why allowed; never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import RefusedError
from interlock.local.kubernetes.audit import AuditLog
from interlock.local.kubernetes.store import Store


def events(cluster: Any, **wanted: str) -> list[dict[str, Any]]:
    lines = cluster.config.audit_log.read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [item for item in found if wanted.items() <= item["objectRef"].items()]


def test_a_write_is_recorded_with_its_answer(cluster: Any, client: KubernetesClient, namespace: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": namespace},
        "data": {"x": "1"},
    }
    applied = client.apply(config, field_manager="sam")
    (event,) = events(cluster, resource="configmaps", namespace=namespace, name="a")
    assert (event["apiVersion"], event["kind"], event["stage"]) == ("audit.k8s.io/v1", "Event", "ResponseComplete")
    assert (event["verb"], event["level"], event["responseStatus"]["code"]) == ("patch", "RequestResponse", 201)
    assert event["requestURI"].endswith("/configmaps/a?fieldManager=sam&force=false")
    assert event["user"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    assert event["sourceIPs"] == ["127.0.0.1"]
    assert event["requestObject"]["data"] == {"x": "1"}
    assert event["responseObject"] == applied
    assert event["responseObject"]["metadata"]["managedFields"][0]["manager"] == "sam"
    assert event["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert event["requestReceivedTimestamp"] <= event["stageTimestamp"]


def test_a_refused_write_is_recorded_too(cluster: Any, namespace: str) -> None:
    with cluster.client("viewer-token-0123456789") as viewer, pytest.raises(RefusedError):
        viewer.delete("apps/v1", "Deployment", "payments", namespace=namespace)
    (event,) = events(cluster, resource="deployments", namespace=namespace)
    assert (event["user"]["username"], event["verb"]) == ("viewer", "delete")
    assert (event["responseStatus"]["code"], event["responseStatus"]["reason"]) == (403, "Forbidden")
    assert event["annotations"]["authorization.k8s.io/decision"] == "forbid"


def test_reads_are_not_recorded(cluster: Any, client: KubernetesClient, namespace: str) -> None:
    client.list("v1", "ConfigMap", namespace=namespace)
    assert not [item for item in events(cluster) if item["verb"] in ("get", "list", "watch")]


def test_secrets_and_tokens_are_never_in_the_log(cluster: Any, client: KubernetesClient, namespace: str) -> None:
    value = "c3VwZXItc2VjcmV0LXZhbHVl"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "data": {"k": value},
    }
    client.create(secret)
    client.patch("v1", "Secret", "s", {"stringData": {"k": "super-secret-value-2"}}, namespace=namespace)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa", "namespace": namespace}}
    client.create(account)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/sa/token"
    token = client.request("POST", path, body={"kind": "TokenRequest", "spec": {}})["status"]["token"]
    text = cluster.config.audit_log.read_text()
    for hidden in (value, "super-secret-value", token, "admin-token"):
        assert hidden not in text
    recorded = events(cluster, resource="secrets", namespace=namespace)
    assert [(item["level"], item["verb"]) for item in recorded] == [("Metadata", "create"), ("Metadata", "patch")]
    assert all("responseObject" not in item and "requestObject" not in item for item in recorded)
    (issued,) = events(cluster, resource="serviceaccounts", subresource="token", namespace=namespace)
    assert issued["level"] == "Metadata"


def test_controllers_are_recorded_under_their_own_names(
    cluster: Any, client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    client.delete("v1", "Namespace", namespace)
    wait_for("v1", "Namespace", None, namespace, lambda found: found is None)
    names = {item["user"]["username"] for item in events(cluster, namespace=namespace)}
    assert "system:serviceaccount:kube-system:namespace-controller" in names


def test_the_log_can_be_read_by_its_owner_alone(cluster: Any, client: KubernetesClient) -> None:
    assert cluster.config.audit_log.stat().st_mode & 0o777 == 0o600


def test_an_event_that_a_crash_kept_from_the_file_is_appended_at_the_next_start(tmp_path: Path) -> None:
    store, path = Store(tmp_path / "store.db"), tmp_path / "audit.log"
    path.write_text('{"auditID": "one"}\n{"auditID": "tw')
    with store.transaction():
        store.queue_line('{"auditID": "one"}')
        store.queue_line('{"auditID": "two"}')
    AuditLog(path, store, new_id=str).close()
    assert [json.loads(line)["auditID"] for line in path.read_text().splitlines()] == ["one", "two"]
    AuditLog(path, store, new_id=str).close()
    assert len(path.read_text().splitlines()) == 2
    store.close()
