"""Watches: no gap, no repetition, gone when too old; and `follow`, which heals what breaks."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.clients.kubernetes import KubernetesClient, Synced, WatchEvent, follow
from interlock.errors import ConflictError, RefusedError
from interlock.local.kubernetes import tls
from interlock.local.kubernetes.config import Config
from interlock.local.kubernetes.store import Store


def config_map(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def said(events: Iterator[Any], count: int) -> list[tuple[str, str]]:
    return [(event.type, event.object["metadata"]["name"]) for event in itertools.islice(events, count)]


def test_a_watch_goes_on_where_the_list_ended(client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace, "before"))
    version = client.list("v1", "ConfigMap", namespace=namespace).resource_version
    client.create(config_map(namespace, "a"))
    client.patch("v1", "ConfigMap", "a", {"data": {"x": "1"}}, namespace=namespace)
    client.delete("v1", "ConfigMap", "a", namespace=namespace)
    with client.watch("v1", "ConfigMap", namespace=namespace, resource_version=version, timeout_seconds=5) as events:
        relevant = (event for event in events if event.object["metadata"].get("name") == "a")
        assert said(relevant, 3) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_a_watch_sees_what_happens_later(client: KubernetesClient, namespace: str) -> None:
    version = client.list("v1", "Secret", namespace=namespace).resource_version
    with client.watch("v1", "Secret", namespace=namespace, resource_version=version, timeout_seconds=5) as events:
        client.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late", "namespace": namespace}})
        event = next(events)
    assert (event.type, event.object["kind"]) == ("ADDED", "Secret")
    assert event.resource_version == event.object["metadata"]["resourceVersion"]


def test_an_object_that_leaves_the_selection_is_deleted_for_the_watcher(
    client: KubernetesClient, namespace: str
) -> None:
    version = client.list("v1", "ConfigMap", namespace=namespace).resource_version
    client.create(config_map(namespace, "a", color="red"))
    client.patch("v1", "ConfigMap", "a", {"metadata": {"labels": {"color": "blue"}}}, namespace=namespace)
    client.patch("v1", "ConfigMap", "a", {"metadata": {"labels": {"color": "red"}}}, namespace=namespace)
    with client.watch(
        "v1", "ConfigMap", namespace=namespace, resource_version=version, label_selector="color=red", timeout_seconds=5
    ) as events:
        assert said(events, 3) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


def test_a_watch_without_a_version_starts_with_what_there_is(client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace, "a", mine="yes"))
    with client.watch("v1", "ConfigMap", namespace=namespace, label_selector="mine", timeout_seconds=5) as events:
        assert said(events, 1) == [("ADDED", "a")]


def test_a_watch_ends_after_its_time_and_says_how_far_it_got(client: KubernetesClient, namespace: str) -> None:
    version = client.list("v1", "ConfigMap", namespace=namespace).resource_version
    leases = "coordination.k8s.io/v1"
    client.create(config_map(namespace, "unrelated"))
    with client.watch(leases, "Lease", namespace=namespace, resource_version=version, timeout_seconds=1) as events:
        (bookmark,) = events
    assert bookmark.type == "BOOKMARK"
    assert int(bookmark.resource_version) > int(version)


def test_the_initial_list_can_come_as_events(http: httpx.Client, client: KubernetesClient, namespace: str) -> None:
    client.create(config_map(namespace, "a", mine="yes"))
    query = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&labelSelector=mine&timeoutSeconds=5"
    with http.stream("GET", f"/api/v1/namespaces/{namespace}/configmaps?{query}") as response:
        lines = response.iter_lines()
        assert '"type":"ADDED"' in next(lines)
        assert '"k8s.io/initial-events-end":"true"' in next(lines)


def test_a_version_that_is_forgotten_is_gone(run: Callable[..., Any]) -> None:
    cluster = run()
    with cluster.client() as client:
        first = client.create(config_map("default", "a"))["metadata"]["resourceVersion"]
        for index in range(3):
            client.patch("v1", "ConfigMap", "a", {"data": {"n": str(index)}}, namespace="default")
        store = cluster.server.config.app.state.api.cluster.store

        def compact() -> None:
            with store.transaction():
                store.compact(int(first) + 1)

        cluster.call(compact)
        for version in (first, "999999999"):
            with pytest.raises(ConflictError) as caught:
                next(client.watch("v1", "ConfigMap", namespace="default", resource_version=version, timeout_seconds=5))
            assert caught.value.code == "kubernetes-expired"


def test_stopping_a_watch_wakes_its_reader(client: KubernetesClient, namespace: str) -> None:
    version = client.list("coordination.k8s.io/v1", "Lease", namespace=namespace).resource_version
    events = client.watch("coordination.k8s.io/v1", "Lease", namespace=namespace, resource_version=version)
    ended = threading.Event()

    def read() -> None:
        assert list(events) == []
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    events.stop()
    assert ended.wait(5)


class Following:
    """`follow` in a thread; what it says is collected."""

    def __init__(self, client: KubernetesClient, **options: Any) -> None:
        self.said: list[str] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(client, options), daemon=True)
        self._thread.start()

    def _run(self, client: KubernetesClient, options: dict[str, Any]) -> None:
        for event in follow(client, "v1", "ConfigMap", label_selector="followed", **options):
            with self._news:
                self.said.append(_word(event))
                self._news.notify_all()

    def until(self, *words: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self.said[-len(words) :] == list(words), 10), self.said

    def ended(self) -> bool:
        self._thread.join(5)
        return not self._thread.is_alive()


def _word(event: WatchEvent | Synced) -> str:
    return "SYNCED" if isinstance(event, Synced) else f"{event.type} {event.object['metadata']['name']}"


def test_follow_hands_over_everything_and_heals_a_restart(run: Callable[..., Any], tmp_path: Path) -> None:
    cluster = run()
    client = cluster.client()
    client.create(config_map("default", "a", followed="yes"))
    client.create(config_map("default", "b", followed="yes"))
    following = Following(client, namespace="default")
    following.until("ADDED a", "ADDED b", "SYNCED")
    client.create(config_map("default", "c", followed="yes"))
    following.until("SYNCED", "ADDED c")

    cluster.stop()
    again = run(port=int(cluster.url.rpartition(":")[2]))
    with again.client() as other:
        other.delete("v1", "ConfigMap", "a", namespace="default")
    following.until("ADDED c", "DELETED a")
    client.close()
    assert following.ended()


def test_follow_finds_what_changed_while_the_history_was_lost(run: Callable[..., Any]) -> None:
    cluster = run()
    client = cluster.client()
    for name in ("a", "b"):
        client.create(config_map("default", name, followed="yes"))
    following = Following(client, namespace="default")
    following.until("ADDED a", "ADDED b", "SYNCED")
    cluster.stop()
    change(cluster.config)
    run(port=int(cluster.url.rpartition(":")[2]))
    following.until("MODIFIED b", "ADDED c", "DELETED a", "SYNCED")
    client.close()
    assert following.ended()


def change(config: Config) -> None:
    """What happens while nobody watches, and is then forgotten."""
    store = Store(config.data / "store.db")
    found = {name: store.get("/configmaps", "default", name) for name in ("a", "b")}
    with store.transaction():
        assert found["a"] is not None and found["b"] is not None
        store.delete("/configmaps", found["a"])
        store.put("/configmaps", {**found["b"], "data": {"x": "1"}})
        fresh = config_map("default", "c", followed="yes")
        store.put("/configmaps", {**fresh, "metadata": {**fresh["metadata"], "uid": "c"}})
        store.compact(store.revision)
    store.close()


def test_follow_does_not_hide_that_the_token_is_refused(cluster: Any) -> None:
    with cluster.client("wrong-token") as stranger, pytest.raises(RefusedError) as caught:
        next(follow(stranger, "v1", "ConfigMap"))
    assert caught.value.code == "kubernetes-unauthenticated"


def test_certificates_are_kept_while_they_are_good(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ca, key = tls.write_ca(tmp_path, name="ca", now=now)
    first = tls.write_server_certificate(tmp_path, ca_cert=ca, ca_key=key, names=["a"], now=now)[0].read_bytes()

    def write(names: list[str], when: datetime) -> bytes:
        return tls.write_server_certificate(tmp_path, ca_cert=ca, ca_key=key, names=names, now=when)[0].read_bytes()

    assert write(["a"], now) == first
    renamed = write(["a", "b"], now)
    assert renamed != first
    assert write(["a", "b"], now + timedelta(days=810)) != renamed
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
