"""A kill at any moment: what was begun is finished, and nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import World

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: payments
  annotations: {argocd.argoproj.io/sync-wave: "-1"}
spec:
  replicas: 1
  selector:
    matchLabels: {app: payments}
  template:
    metadata:
      labels: {app: payments}
    spec:
      containers:
        - name: payments
          image: registry.acme.test/payments:main-1
"""


def test_an_operation_between_two_waves_goes_on_with_the_next_one(world: World) -> None:
    commit = world.repo.commit(
        {"app/deployment.yaml": DEPLOYMENT, "app/after.yaml": world.config_map("after", "x", sync_wave="1")}
    )
    engine = world.start()
    world.application()
    waiting = "waiting for healthy state of apps/Deployment/payments"
    world.wait(lambda found: found.get("operationState", {}).get("message") == waiting)
    engine.stop()
    live = world.live("Deployment", "payments", api_version="apps/v1")
    assert live is not None
    before = live["metadata"]["generation"]
    started = world.status()["operationState"]["startedAt"]
    # The branch moves on meanwhile: the operation stays with the commit that it began with.
    later = world.repo.commit({"app/later.yaml": world.config_map("later", "y")})

    world.start()
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    world.prod.replace_status({**live, "status": {"observedGeneration": before, **counts}})
    status = world.synced(later)
    assert [row["revision"] for row in status["history"]] == [commit, later]
    assert status["history"][0]["deployStartedAt"] == started
    live = world.live("Deployment", "payments", api_version="apps/v1")
    assert live is not None
    assert live["metadata"]["generation"] == before


def test_an_operation_that_was_only_recorded_is_carried_out(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    app = world.application(automated={"enabled": False})
    operation = {"sync": {"revision": commit, "syncOptions": ["CreateNamespace=true"]}}
    state = {"operation": operation, "phase": "Running", "startedAt": "2026-01-01T00:00:00Z"}
    world.patch({"operation": operation, "status": {"operationState": state}})
    world.start()
    status = world.wait(lambda found: found["operationState"]["phase"] == "Succeeded")
    assert world.value() == "one"
    assert status["operationState"]["startedAt"] == "2026-01-01T00:00:00Z"
    assert len(status["history"]) == 1
    assert "operation" not in world.app()
    assert app["metadata"]["uid"] == world.app()["metadata"]["uid"]


def test_an_operation_that_waits_for_its_retry_is_retried(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.application(automated={"enabled": False})
    operation = {
        "sync": {"revision": commit, "syncOptions": ["CreateNamespace=true"]},
        "retry": {"limit": 3, "backoff": {"duration": "1ms"}},
    }
    state = {
        "operation": operation,
        "phase": "Running",
        "message": "it failed. Retrying attempt #1",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:01Z",
        "retryCount": 1,
    }
    world.patch({"operation": operation, "status": {"operationState": state}})
    world.start()
    status = world.wait(lambda found: found["operationState"]["phase"] == "Succeeded")
    assert status["operationState"]["retryCount"] == 1
    assert world.value() == "one"


def test_an_engine_without_its_data_folder_starts_from_the_objects(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    engine = world.start()
    world.application()
    before = world.synced(commit)
    engine.stop()
    world.edit("settings", "forged")
    world.start(data=world.folder / "empty")
    world.until(world.value, lambda value: value == "one", "healed")
    status = world.synced(commit)
    assert status["history"] == before["history"]


def test_an_operation_can_be_terminated(world: World) -> None:
    world.repo.commit(
        {"app/deployment.yaml": DEPLOYMENT, "app/after.yaml": world.config_map("after", "x", sync_wave="1")}
    )
    world.start()
    world.application()
    waiting = "waiting for healthy state of apps/Deployment/payments"
    world.wait(lambda found: found.get("operationState", {}).get("message") == waiting)
    world.patch({"status": {"operationState": {"phase": "Terminating"}}})
    status = world.wait(lambda found: found["operationState"]["phase"] == "Failed")
    assert status["operationState"]["message"] == "Operation terminated"
    assert world.value("after") is None
