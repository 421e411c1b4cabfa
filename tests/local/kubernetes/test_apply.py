"""Server-side apply through the API."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, InputError


def deployment(namespace: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "registry.acme.test/payments:1"}
    template = {"metadata": {"labels": {"app": "p"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": "p"}}, "template": template, "paused": True, **spec},
    }


def managers(obj: dict[str, Any]) -> dict[str, str]:
    return {row["manager"]: row["operation"] for row in obj["metadata"]["managedFields"]}


def test_apply_creates_and_repeats_without_a_change(client: KubernetesClient, namespace: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": namespace},
        "data": {"a": "1"},
    }
    first = client.apply(config, field_manager="argocd-controller")
    assert managers(first) == {"argocd-controller": "Apply"}
    again = client.apply(config, field_manager="argocd-controller")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_defaults_belong_to_nobody_who_applies(client: KubernetesClient, namespace: str) -> None:
    applied = client.apply(deployment(namespace), field_manager="a")
    assert applied["spec"]["replicas"] == 1
    other = client.apply(deployment(namespace, replicas=0), field_manager="b")
    assert other["spec"]["replicas"] == 0


def test_a_conflict_names_manager_and_field_and_force_takes_over(client: KubernetesClient, namespace: str) -> None:
    client.apply(deployment(namespace, replicas=2), field_manager="argocd-controller")
    with pytest.raises(ConflictError) as caught:
        client.apply(deployment(namespace, replicas=3), field_manager="sam")
    assert caught.value.code == "kubernetes-apply-conflict"
    assert caught.value.got == '.spec.replicas: conflict with "argocd-controller"'
    taken = client.apply(deployment(namespace, replicas=3), field_manager="sam", force=True)
    assert taken["spec"]["replicas"] == 3
    with pytest.raises(ConflictError):
        client.apply(deployment(namespace, replicas=2), field_manager="argocd-controller")


def test_an_edit_is_recorded_and_conflicts(client: KubernetesClient, namespace: str) -> None:
    client.apply(deployment(namespace, replicas=2), field_manager="argocd-controller")
    edited = client.patch(
        "apps/v1", "Deployment", "p", {"spec": {"replicas": 5}}, namespace=namespace, field_manager="kubectl-edit"
    )
    assert managers(edited).items() >= {"argocd-controller": "Apply", "kubectl-edit": "Update"}.items()
    with pytest.raises(ConflictError) as caught:
        client.apply(deployment(namespace, replicas=2), field_manager="argocd-controller")
    assert 'conflict with "kubectl-edit" using apps/v1' in str(caught.value.got)


def test_a_field_that_is_left_out_is_removed_unless_somebody_else_has_it(
    client: KubernetesClient, namespace: str
) -> None:
    labelled = deployment(namespace)
    labelled["metadata"]["labels"] = {"mine": "1", "ours": "1"}
    client.apply(labelled, field_manager="a")
    shared = {**deployment(namespace)}
    shared["metadata"] = {**shared["metadata"], "labels": {"ours": "1"}}
    client.apply(shared, field_manager="b")
    left = client.apply(deployment(namespace), field_manager="a")
    assert left["metadata"]["labels"] == {"ours": "1"}


def test_an_applied_container_is_removed_with_its_defaults(client: KubernetesClient, namespace: str) -> None:
    two = deployment(namespace)
    two["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "registry.acme.test/side:1"})
    client.apply(two, field_manager="a")
    one = client.apply(deployment(namespace), field_manager="a")
    assert [item["name"] for item in one["spec"]["template"]["spec"]["containers"]] == ["app"]


def test_the_status_has_its_own_ownership(client: KubernetesClient, namespace: str) -> None:
    client.apply(deployment(namespace, replicas=1), field_manager="a")
    status = {**deployment(namespace), "status": {"replicas": 4}}
    applied = client.apply(status, field_manager="watcher", subresource="status", force=True)
    assert applied["status"]["replicas"] == 4
    row = next(row for row in applied["metadata"]["managedFields"] if row["manager"] == "watcher")
    assert (row["subresource"], row["fieldsV1"]) == ("status", {"f:status": {"f:replicas": {}}})


def test_applying_onto_another_version_is_a_conflict(client: KubernetesClient, namespace: str) -> None:
    client.apply(deployment(namespace), field_manager="a")
    stale = deployment(namespace, replicas=0)
    stale["metadata"]["resourceVersion"] = "1"
    with pytest.raises(ConflictError) as caught:
        client.apply(stale, field_manager="a")
    assert caught.value.code == "kubernetes-conflict"


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"managedFields": [{"manager": "x"}]}},
        {"kind": "StatefulSet"},
        {"apiVersion": None},
        {"spec": "text"},
    ],
)
def test_configurations_that_cannot_be_applied_are_refused(
    client: KubernetesClient, namespace: str, change: dict[str, Any]
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/p"
    with pytest.raises(InputError):
        client.request(
            "PATCH",
            path,
            params={"fieldManager": "a"},
            body={**deployment(namespace), **change},
            content_type="application/apply-patch+yaml",
        )


def test_a_manager_can_forget_all_owners(client: KubernetesClient, namespace: str) -> None:
    client.apply(deployment(namespace, replicas=1), field_manager="a")
    client.patch("apps/v1", "Deployment", "p", {"metadata": {"managedFields": [{}]}}, namespace=namespace)
    client.apply(deployment(namespace, replicas=0), field_manager="b")


def test_custom_resources_are_applied_by_their_schema(client: KubernetesClient, namespace: str) -> None:
    application: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "payments-dev", "namespace": namespace},
        "spec": {
            "project": "dev",
            "destination": {"server": "https://dev-cluster"},
            "source": {"repoURL": "https://git/x"},
        },
    }
    client.apply(application, field_manager="interlock")
    changed = client.patch(
        "argoproj.io/v1alpha1",
        "Application",
        "payments-dev",
        {"status": {"sync": {"status": "Synced"}}},
        namespace=namespace,
    )
    assert changed["status"] == {"sync": {"status": "Synced"}}
    applied = client.apply(
        {**application, "spec": {**application["spec"], "project": "test"}}, field_manager="interlock"
    )
    assert applied["status"] == {"sync": {"status": "Synced"}}
