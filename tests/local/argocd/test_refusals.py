"""What is refused: by the project, by the clock, and because it cannot be read or is not handled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from interlock.clients.git import binary
from interlock.errors import UnreachableError
from interlock.local.argocd.repositories import Mirror

if TYPE_CHECKING:
    from .conftest import World

SETTINGS = "app/settings.yaml"


def phase(status: dict[str, Any]) -> Any:
    return (status.get("operationState") or {}).get("phase")


@pytest.mark.parametrize(
    ("project", "spec", "message"),
    [
        ({"sourceRepos": ["https://git/other/*"]}, {}, "application repo https://git/acme/env-prod is not permitted"),
        ({"destinations": [{"server": "https://prod-cluster", "namespace": "other"}]}, {}, "do not match any of the"),
        ({}, {"destination": {"server": "https://nowhere", "namespace": "x"}}, 'cluster "https://nowhere" not found'),
        ({}, {"destination": {"name": "nowhere", "namespace": "x"}}, "there are no clusters with this name: nowhere"),
        ({}, {"project": "absent"}, "Application referencing project absent which does not exist"),
        ({"permitOnlyProjectScopedClusters": True}, {}, "permitOnlyProjectScopedClusters of project prod is not"),
        ({}, {"sources": [{"repoURL": "x"}]}, "spec.sources is not supported by interlock.local yet"),
        (
            {},
            {"source": {"repoURL": "x", "path": "a", "kustomize": {"namePrefix": "x-"}}},
            "spec.source.kustomize is not",
        ),
        ({}, {"source": {"repoURL": "x"}}, "spec.source.path or spec.source.chart are required"),
    ],
)
def test_an_application_that_is_not_permitted_or_not_handled(
    world: World, project: dict[str, Any], spec: dict[str, Any], message: str
) -> None:
    world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.project(**project)
    world.start()
    world.application(**spec)
    found = world.until(lambda: world.conditions("InvalidSpecError"), bool, "refused")
    assert any(message in item for item in found)
    status = world.status()
    assert (status["sync"]["status"], status["health"]["status"]) == ("Unknown", "Unknown")
    assert world.value() is None


def test_a_kind_that_the_project_denies_fails_the_sync_before_anything_is_applied(world: World) -> None:
    world.project(namespaceResourceBlacklist=[{"group": "", "kind": "Secret"}])
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: creds}\nstringData: {a: b}\n"
    world.repo.commit({SETTINGS: world.config_map("settings", "one"), "app/secret.yaml": secret})
    world.start()
    world.application()
    status = world.wait(lambda found: phase(found) == "Failed")
    assert "resource :Secret is not permitted in project prod" in status["operationState"]["message"]
    assert world.value() is None


def test_a_kind_that_the_cluster_does_not_serve_is_named(world: World) -> None:
    widget = "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {name: w}\n"
    world.repo.commit({SETTINGS: world.config_map("settings", "one"), "app/widget.yaml": widget})
    world.start()
    world.application()
    status = world.wait(lambda found: phase(found) == "Failed")
    assert 'Make sure the "Widget" CRD is installed on the destination cluster.' in status["operationState"]["message"]
    assert world.value() is None


def test_a_deny_window_holds_back_a_commit_and_the_healing(world: World) -> None:
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application()
    world.synced(commit)
    world.project(syncWindows=[{"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}])
    second = world.repo.commit({SETTINGS: world.config_map("settings", "two")})
    status = world.wait(lambda found: found["sync"]["revision"] == second)
    assert status["sync"]["status"] == "OutOfSync"
    world.edit("settings", "forged")
    reconciled = world.status()["reconciledAt"]
    world.wait(lambda found: found["reconciledAt"] != reconciled)
    assert world.value() == "forged"
    # A person may not either, unless the window says so.
    world.patch({"operation": {"sync": {"revision": second}}})
    message = "Sync operation blocked by sync window"
    world.wait(lambda found: found["operationState"].get("message", "").startswith(message))
    world.project(syncWindows=[])
    world.synced(second)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"app/bad.yaml": "a: 1\na: 2\n"}, "app/bad.yaml:2:1: key 'a' appears twice"),
        ({"app/bad.yaml": "just: text\n"}, "app/bad.yaml:1:1: no Kubernetes object"),
        ({"app/bad.yaml": "apiVersion: v1\nkind: ConfigMap\n"}, "ConfigMap without metadata.name"),
        (
            {"app/Chart.yaml": "apiVersion: v1\nname: x\nversion: 1.0.0\n"},
            "app/Chart.yaml:1:13: Chart.yaml: apiVersion is",
        ),
        ({"app/kustomization.yaml": "resources: []\n"}, "Kustomize is not supported"),
        ({SETTINGS: None}, "app: app path does not exist"),
    ],
)
def test_a_commit_that_cannot_be_rendered_leaves_everything_as_it_is(
    world: World, files: dict[str, str | None], message: str
) -> None:
    first = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application(automated={"prune": True, "selfHeal": True, "allowEmpty": True})
    world.synced(first)
    world.repo.commit(files)
    (found,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert found.startswith("Failed to load target state: ")
    assert message in found
    status = world.status()
    assert status["sync"]["status"] == "Unknown"
    assert status["operationState"]["syncResult"]["revision"] == first
    assert world.value() == "one"


def test_a_branch_that_does_not_exist(world: World) -> None:
    world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application(source={"repoURL": world.repo_url, "targetRevision": "sealed", "path": "app"})
    (found,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert "sealed" in found


def tag(world: World, name: str, commit: str) -> None:
    binary.run(["update-ref", f"refs/tags/{name}", commit], folder=world.repo.repository.path)


def test_a_branch_by_its_full_name_is_no_tag_that_is_called_alike(world: World) -> None:
    old = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    new = world.repo.commit({SETTINGS: world.config_map("settings", "two")})
    tag(world, "main", old)
    world.start()
    world.application(source={"repoURL": world.repo_url, "targetRevision": "refs/heads/main", "path": "app"})
    world.synced(new)
    assert world.value() == "two"


@pytest.mark.parametrize("revision", ["main", "refs/heads/main"])
def test_a_name_that_two_refs_answer_to_is_refused(world: World, revision: str) -> None:
    """Upstream follows one or the other, from one refresh to the next."""
    first = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application(source={"repoURL": world.repo_url, "targetRevision": revision, "path": "app"})
    world.synced(first)
    tag(world, revision, first)
    world.repo.commit({SETTINGS: world.config_map("settings", "two")})
    (found,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert f"several refs have this name, and Argo CD follows any of them: {revision}: refs/" in found
    assert world.value() == "one"


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({"hook": "PreSync"}, "hooks are not supported by interlock.local yet: ConfigMap/settings (PreSync)"),
        ({"sync_options": "Replace=true"}, "sync option Replace=true is not supported by interlock.local yet"),
    ],
)
def test_objects_that_ask_for_what_is_not_handled(world: World, annotations: dict[str, str], message: str) -> None:
    world.repo.commit({SETTINGS: world.config_map("settings", "one", **annotations)})
    world.start()
    world.application()
    (found,) = world.until(lambda: world.conditions("InvalidSpecError"), bool)
    assert message in found
    assert world.value() is None


def test_a_failing_sync_is_retried_and_then_left_until_the_next_commit(world: World) -> None:
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: [1]\n"
    commit = world.repo.commit({SETTINGS: bad})
    world.start()
    backoff = {"duration": "10ms", "factor": 1}
    world.application(
        syncPolicy={
            "automated": {},
            "syncOptions": ["CreateNamespace=true"],
            "retry": {"limit": 2, "backoff": backoff},
        }
    )
    status = world.wait(lambda found: phase(found) == "Failed")
    assert status["operationState"]["retryCount"] == 2
    assert status["operationState"]["message"].endswith("(retried 2 times).")
    (refusal,) = world.until(lambda: world.conditions("SyncError"), bool)
    assert refusal.startswith(f"Failed last sync attempt to [{commit}]: one or more objects failed to apply (dry run)")
    assert "history" not in status
    fixed = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.synced(fixed)
    assert world.conditions("SyncError") == []


def test_while_the_forge_is_away_what_is_known_is_healed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application()
    world.synced(commit)
    tried = threading.Event()

    def away(*_: object) -> None:
        tried.set()
        raise UnreachableError("git-unreachable", "connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(Mirror, "update", away)
        second = world.repo.commit({SETTINGS: world.config_map("settings", "two")})
        assert tried.wait(10)
        world.edit("settings", "forged")
        world.until(world.value, lambda value: value == "one", "healed")
        assert world.conditions("ComparisonError") == []
    world.synced(second)


def test_a_repository_that_is_gone_is_said_and_changes_nothing(world: World) -> None:
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application(automated={"prune": True, "selfHeal": True, "allowEmpty": True})
    world.synced(commit)
    bare = world.repo.repository.path
    bare.rename(bare.with_name("gone"))
    (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert message.startswith("Failed to load target state: ")
    assert world.status()["sync"]["status"] == "Unknown"
    assert world.value() == "one"
    bare.with_name("gone").rename(bare)
    world.synced(commit)
