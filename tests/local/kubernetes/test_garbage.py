"""Owner references: dependents go with their owner, in the three ways of deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.clients.kubernetes import KubernetesClient


def config_map(namespace: str, name: str, *owners: dict[str, Any], block: bool = False) -> dict[str, Any]:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
    metadata = {"name": name, "namespace": namespace, "ownerReferences": references}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def gone(found: Any) -> bool:
    return found is None


def test_dependents_follow_their_owner(client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]) -> None:
    owner = client.create(config_map(namespace, "owner"))
    child = client.create(config_map(namespace, "child", owner))
    client.create(config_map(namespace, "grandchild", child))
    client.delete("v1", "ConfigMap", "owner", namespace=namespace)
    wait_for("v1", "ConfigMap", namespace, "grandchild", gone)


def test_a_dependent_stays_while_one_owner_is_left(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    first, second = (client.create(config_map(namespace, name)) for name in ("first", "second"))
    client.create(config_map(namespace, "only-first", first))
    client.create(config_map(namespace, "shared", first, second))
    client.delete("v1", "ConfigMap", "first", namespace=namespace)
    wait_for("v1", "ConfigMap", namespace, "only-first", gone)
    assert client.get("v1", "ConfigMap", "shared", namespace)
    client.delete("v1", "ConfigMap", "second", namespace=namespace)
    wait_for("v1", "ConfigMap", namespace, "shared", gone)


def test_orphans_stay_without_their_owner(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    owner = client.create(config_map(namespace, "owner"))
    client.create(config_map(namespace, "child", owner))
    client.delete("v1", "ConfigMap", "owner", namespace=namespace, propagation="Orphan")
    wait_for("v1", "ConfigMap", namespace, "owner", gone)
    assert "ownerReferences" not in client.get("v1", "ConfigMap", "child", namespace)["metadata"]


def test_in_the_foreground_the_owner_waits_for_what_blocks_it(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    owner = client.create(config_map(namespace, "owner"))
    child = config_map(namespace, "child", owner, block=True)
    child["metadata"]["finalizers"] = ["acme.test/hold"]
    client.create(child)
    answer = client.delete("v1", "ConfigMap", "owner", namespace=namespace, propagation="Foreground")
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    wait_for("v1", "ConfigMap", namespace, "child", lambda found: found["metadata"].get("deletionTimestamp"))
    assert client.get("v1", "ConfigMap", "owner", namespace)
    client.patch("v1", "ConfigMap", "child", {"metadata": {"finalizers": None}}, namespace=namespace)
    wait_for("v1", "ConfigMap", namespace, "owner", gone)


def test_an_object_whose_owner_never_was_is_collected(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
    client.create(config_map(namespace, "child", ghost))
    wait_for("v1", "ConfigMap", namespace, "child", gone)


def test_an_owner_of_a_kind_that_is_not_served_protects(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    child = config_map(namespace, "child", {"metadata": {"name": "x", "uid": "u"}})
    child["metadata"]["ownerReferences"][0] |= {"apiVersion": "unknown.test/v1", "kind": "Thing"}
    client.create(child)
    # The collector works in order: when it has collected what came later, it has looked at this one too.
    client.create(config_map(namespace, "later", {"metadata": {"name": "ghost", "uid": "g"}}))
    wait_for("v1", "ConfigMap", namespace, "later", gone)
    assert client.get("v1", "ConfigMap", "child", namespace)
