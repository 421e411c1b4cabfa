"""From a commit to the cluster, and back to what the commit says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from interlock.errors import NotFoundError

if TYPE_CHECKING:
    from .conftest import World


def phase(status: dict[str, Any]) -> Any:
    return (status.get("operationState") or {}).get("phase")


def test_a_commit_reaches_the_cluster_and_the_status_says_what_argo_cd_says(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application()
    status = world.synced(commit)
    assert world.value() == "one"
    spec = world.app()["spec"]
    assert status["sync"] == {
        "status": "Synced",
        "revision": commit,
        "comparedTo": {"source": spec["source"], "destination": spec["destination"]},
    }
    assert status["resources"] == [
        {"version": "v1", "kind": "ConfigMap", "namespace": world.name, "name": "settings", "status": "Synced"}
    ]
    assert status["health"]["status"] == "Healthy"
    assert status["sourceType"] == "Directory"
    assert status["operationState"]["operation"]["initiatedBy"] == {"automated": True}
    assert status["operationState"]["syncResult"]["resources"][-1]["message"] == "configmap/settings serverside-applied"
    (row,) = status["history"]
    assert (row["id"], row["revision"], row["initiatedBy"]) == (0, commit, {"automated": True})
    assert "operation" not in world.app()
    live = world.live("ConfigMap", "settings")
    assert live is not None
    tracking = live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracking == f"{world.name}:/ConfigMap:{world.name}/settings"
    assert [entry["manager"] for entry in live["metadata"]["managedFields"]] == ["argocd-controller"]


def test_the_next_commit_follows_with_its_own_history_row(world: World) -> None:
    first = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(revisionHistoryLimit=2)
    world.synced(first)
    for value in ("two", "three"):
        status = world.synced(world.repo.commit({"app/settings.yaml": world.config_map("settings", value)}))
    assert world.value() == "three"
    assert [row["id"] for row in status["history"]] == [1, 2]


def test_a_change_by_hand_is_healed_without_a_history_row(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start(resync_ms=60_000)
    world.application()
    world.synced(commit)
    world.edit("settings", "forged")
    world.until(world.value, lambda value: value == "one", "healed")
    status = world.wait(lambda found: phase(found) == "Succeeded" and found["sync"]["status"] == "Synced")
    operation = status["operationState"]["operation"]["sync"]
    assert operation["autoHealAttemptsCount"] >= 1
    assert operation["resources"] == [{"kind": "ConfigMap", "name": "settings"}]
    assert len(status["history"]) == 1


def test_a_deleted_object_comes_back(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start(resync_ms=60_000)
    world.application()
    world.synced(commit)
    before = world.live("ConfigMap", "settings")
    world.prod.delete("v1", "ConfigMap", "settings", namespace=world.name)
    after = world.until(lambda: world.live("ConfigMap", "settings"), bool, "recreated")
    assert before is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_without_self_heal_a_change_by_hand_stays_and_is_said(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(automated={})
    world.synced(commit)
    world.edit("settings", "forged")
    status = world.wait(lambda found: found["sync"]["status"] == "OutOfSync", "out of sync")
    assert status["resources"][0]["status"] == "OutOfSync"
    assert world.value() == "forged"


def test_without_automation_nothing_is_applied(world: World) -> None:
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(automated={"enabled": False})
    status = world.wait(lambda found: (found.get("sync") or {}).get("status") == "OutOfSync")
    assert status["health"]["status"] == "Missing"
    assert "operationState" not in status
    assert world.value() is None


def test_an_operation_asked_for_by_hand_syncs_that_revision(world: World) -> None:
    old = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "two")})
    world.start()
    world.application(automated={"enabled": False})
    world.wait(lambda found: (found.get("sync") or {}).get("status") == "OutOfSync")
    sync = {"revision": old, "syncOptions": ["CreateNamespace=true"]}
    world.patch({"operation": {"initiatedBy": {"username": "pat"}, "sync": sync}})
    status = world.wait(lambda found: phase(found) == "Succeeded")
    assert world.value() == "one"
    assert status["operationState"]["syncResult"]["revision"] == old
    assert status["history"][0]["initiatedBy"] == {"username": "pat"}


def test_with_prune_off_what_left_git_stays_and_is_marked(world: World) -> None:
    keep = {"app/settings.yaml": world.config_map("settings", "one")}
    first = world.repo.commit({**keep, "app/extra.yaml": world.config_map("extra", "x")})
    world.start()
    world.application()
    world.synced(first)
    commit = world.repo.commit({"app/extra.yaml": None})
    status = world.wait(
        lambda found: found["sync"] == {**found["sync"], "status": "OutOfSync", "revision": commit}, "out of sync"
    )
    extra = next(item for item in status["resources"] if item["name"] == "extra")
    assert extra["requiresPruning"] is True
    assert world.value("extra") == "x"
    # What only needs pruning starts no operation: the last one is still that of the first commit.
    assert status["operationState"]["syncResult"]["revision"] == first


def test_with_prune_on_what_left_git_goes(world: World) -> None:
    world.repo.commit(
        {"app/settings.yaml": world.config_map("settings", "one"), "app/extra.yaml": world.config_map("extra", "x")}
    )
    world.start()
    world.application(automated={"prune": True, "selfHeal": True})
    world.synced()
    commit = world.repo.commit({"app/extra.yaml": None})
    status = world.synced(commit)
    assert world.value("extra") is None
    results = {item["name"]: item["status"] for item in status["operationState"]["syncResult"]["resources"]}
    assert results == {"settings": "Synced", "extra": "Pruned"}


def test_an_object_can_forbid_its_pruning(world: World) -> None:
    world.repo.commit(
        {
            "app/settings.yaml": world.config_map("settings", "one"),
            "app/extra.yaml": world.config_map("extra", "x", sync_options="Prune=false"),
        }
    )
    world.start()
    world.application(automated={"prune": True})
    world.synced()
    commit = world.repo.commit({"app/extra.yaml": None})
    status = world.wait(
        lambda found: (
            phase(found) == "Succeeded" and (found["operationState"].get("syncResult") or {}).get("revision") == commit
        )
    )
    result = next(item for item in status["operationState"]["syncResult"]["resources"] if item["name"] == "extra")
    assert (result["status"], result["message"]) == ("PruneSkipped", "ignored (no prune)")
    assert world.value("extra") == "x"


def test_an_empty_commit_does_not_wipe_out_everything(world: World) -> None:
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(automated={"prune": True})
    world.synced()
    world.repo.commit({"app/settings.yaml": None, "app/readme.md": "nothing"})
    (message,) = world.until(lambda: world.conditions("SyncError"), bool, "refused")
    assert "auto-sync will wipe out all resources" in message
    assert world.value() == "one"


def test_an_operation_that_names_objects_prunes_these_and_no_others(world: World) -> None:
    """Nothing is desired any more, pruning is off, and somebody asks for one object by name: so a removal deletes."""
    files: dict[str, str | None] = {f"app/{name}.yaml": world.config_map(name, "x") for name in ("settings", "extra")}
    world.repo.commit(files)
    world.start()
    world.application(automated={"prune": False, "selfHeal": True})
    world.synced()
    commit = world.repo.commit({**dict.fromkeys(files), "app/readme.md": "nothing"})
    world.wait(lambda found: (found.get("sync") or {}).get("revision") == commit)
    assert (world.value(), world.value("extra")) == ("x", "x")
    named = {"group": "", "kind": "ConfigMap", "namespace": world.name, "name": "extra"}
    world.patch({"operation": {"sync": {"revision": commit, "prune": True, "resources": [named]}}})
    world.until(lambda: world.value("extra"), lambda found: found is None, "pruned")
    status = world.wait(lambda found: phase(found) == "Succeeded")
    (result,) = status["operationState"]["syncResult"]["resources"]
    assert (result["name"], result["status"]) == ("extra", "Pruned")
    assert world.value() == "x"


def test_the_namespace_is_created_and_not_tracked(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application()
    world.synced(commit)
    namespace = world.prod.get("v1", "Namespace", world.name)
    assert "annotations" not in namespace["metadata"]


def test_without_create_namespace_a_missing_one_fails_the_sync(world: World) -> None:
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(options=())
    status = world.wait(lambda found: phase(found) == "Failed")
    assert "one or more objects failed to apply (dry run)" in status["operationState"]["message"]
    assert world.name in status["operationState"]["message"]


def deployment(world: World, **annotations: str) -> str:
    lines = "".join(f'\n    argocd.argoproj.io/{key.replace("_", "-")}: "{text}"' for key, text in annotations.items())
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: payments
  annotations:{lines or " {}"}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: payments}}
  template:
    metadata:
      labels: {{app: payments}}
    spec:
      containers:
        - name: payments
          image: registry.acme.test/payments:main-1
"""


def become_available(world: World) -> None:
    live = world.until(lambda: world.live("Deployment", "payments", api_version="apps/v1"), bool, "deployed")
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    live["status"] = {"observedGeneration": live["metadata"]["generation"], **counts}
    world.prod.replace_status(live)


def test_a_wave_waits_for_the_health_of_the_one_before(world: World) -> None:
    world.repo.commit(
        {
            "app/deployment.yaml": deployment(world, sync_wave="-1"),
            "app/after.yaml": world.config_map("after", "x", sync_wave="1"),
        }
    )
    world.start()
    world.application()
    waiting = "waiting for healthy state of apps/Deployment/payments"
    world.wait(lambda found: found.get("operationState", {}).get("message") == waiting)
    assert world.value("after") is None
    become_available(world)
    status = world.synced()
    assert world.value("after") == "x"
    assert status["summary"] == {"images": ["registry.acme.test/payments:main-1"]}
    waves = {item["name"]: item.get("syncWave") for item in status["resources"]}
    assert waves == {"payments": -1, "after": 1}


def test_health_follows_the_live_object(world: World) -> None:
    world.repo.commit({"app/deployment.yaml": deployment(world)})
    world.start(resync_ms=60_000)
    world.application()
    status = world.synced()
    assert status["health"]["status"] == "Progressing"
    assert status["health"]["message"] == f"Caused by apps/Deployment:{world.name}/payments"
    become_available(world)
    status = world.wait(lambda found: found["health"]["status"] == "Healthy", "healthy")
    assert status["resources"][0]["health"] == {"status": "Healthy"}


def test_what_the_server_fills_in_is_no_difference(world: World) -> None:
    world.repo.commit({"app/deployment.yaml": deployment(world)})
    world.start()
    world.application()
    status = world.synced()
    started = status["operationState"]["startedAt"]
    reconciled = status["reconciledAt"]
    status = world.wait(lambda found: found["reconciledAt"] != reconciled, "compared again")
    assert status["sync"]["status"] == "Synced"
    assert status["operationState"]["startedAt"] == started


def test_an_engine_with_nothing_to_do_writes_nothing(world: World) -> None:
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    engine = world.start(resync_ms=600_000)
    world.application(destination={"name": "hub", "namespace": world.name})
    world.synced()
    app = world.app()["metadata"]["resourceVersion"]
    live = world.hub.get("v1", "ConfigMap", "settings", world.name)["metadata"]["resourceVersion"]
    # Wake it again and again, as watches and webhooks do.
    for _ in range(20):
        engine.reconciler.ask(world.name, latest=False)
        engine.reconciler.process(world.name)
    assert world.app()["metadata"]["resourceVersion"] == app
    assert world.hub.get("v1", "ConfigMap", "settings", world.name)["metadata"]["resourceVersion"] == live


def test_differences_can_be_ignored_by_json_pointer(world: World) -> None:
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(ignoreDifferences=[{"group": "", "kind": "ConfigMap", "jsonPointers": ["/data/value"]}])
    status = world.synced(commit)
    reconciled = status["reconciledAt"]
    world.edit("settings", "tuned by hand")
    status = world.wait(lambda found: found["reconciledAt"] != reconciled)
    assert status["sync"]["status"] == "Synced"
    assert world.value() == "tuned by hand"
    assert status["sync"]["comparedTo"]["ignoreDifferences"][0]["kind"] == "ConfigMap"


def test_a_client_side_apply_is_taken_over(world: World) -> None:
    world.prod.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})
    manual = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": world.name},
        "data": {"value": "one", "left": "over"},
    }
    world.prod.create(manual, field_manager="kubectl-client-side-apply")
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application()
    world.synced()
    live = world.live("ConfigMap", "settings")
    assert live is not None
    assert live["data"] == {"value": "one"}


def test_an_object_named_twice_is_warned_of(world: World) -> None:
    world.repo.commit(
        {"app/a.yaml": world.config_map("settings", "one"), "app/b.yaml": world.config_map("settings", "two")}
    )
    world.start()
    world.application()
    world.synced()
    (message,) = world.conditions("RepeatedResourceWarning")
    assert f"/ConfigMap/{world.name}/settings" in message
    assert world.value() == "two"


def test_applications_go_to_the_cluster_that_they_name(world: World) -> None:
    world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start()
    world.application(destination={"name": "hub", "namespace": world.name})
    world.synced()
    assert world.hub.get("v1", "ConfigMap", "settings", world.name)["data"] == {"value": "one"}
    assert world.value() is None


def test_a_refresh_can_be_asked_for(world: World) -> None:
    first = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    world.start(resync_ms=600_000)
    world.application()
    world.synced(first)
    commit = world.repo.commit({"app/settings.yaml": world.config_map("settings", "two")})
    world.patch({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
    world.synced(commit)
    assert "argocd.argoproj.io/refresh" not in world.app()["metadata"].get("annotations", {})


@pytest.mark.parametrize("finalizer", ["resources-finalizer.argocd.argoproj.io", None])
def test_resources_go_with_their_application_only_with_the_finalizer(world: World, finalizer: str | None) -> None:
    world.repo.commit(
        {
            "app/settings.yaml": world.config_map("settings", "one"),
            "app/kept.yaml": world.config_map("kept", "x", sync_options="Delete=false"),
        }
    )
    world.start()
    world.application()
    world.synced()
    if finalizer:
        world.patch({"metadata": {"finalizers": [finalizer]}})
    world.hub.delete("argoproj.io/v1alpha1", "Application", world.name, namespace=world.name)

    def gone() -> bool:
        try:
            world.app()
        except NotFoundError:
            return True
        return False

    world.until(gone, bool, "gone")
    assert world.value() == (None if finalizer else "one")
    assert world.value("kept") == "x"
