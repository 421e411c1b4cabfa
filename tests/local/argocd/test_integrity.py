"""Which commits may sync. The platform's promise rests on this: an unproven commit reaches no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from interlock.formats.signatures import openpgp

if TYPE_CHECKING:
    from .conftest import Key, World

SETTINGS = "app/settings.yaml"


def source(world: World, branch: str) -> dict[str, Any]:
    return {"repoURL": world.repo_url, "targetRevision": branch, "path": "app"}


def strict(world: World, *keys: str, url: str | None = None) -> dict[str, Any]:
    policy = {"repos": [{"url": url or world.repo_url}], "gpg": {"mode": "strict", "keys": list(keys)}}
    return {"sourceIntegrity": {"git": {"policies": [policy]}}}


def keyring_of(world: World, data: dict[str, str]) -> dict[str, Any]:
    """Argo CD's keyring on the hub."""
    metadata = {"name": "argocd-gpg-keys-cm", "namespace": world.name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
def keyring(world: World, seal_key: Key, other_key: Key) -> tuple[Any, ...]:
    """Files with the certificates of both keys: which of them counts is the project's business."""
    paths = []
    for name, key in (("seal", seal_key), ("other", other_key)):
        path = world.folder / f"{name}.asc"
        path.write_text(key.certificate)
        paths.append(path)
    return tuple(paths)


@pytest.mark.parametrize("field", ["signatureKeys", "sourceIntegrity"])
def test_a_sealed_commit_syncs_and_goes_on_healing_while_main_carries_an_unsealed_one(
    world: World, seal_key: Key, keyring: Any, field: str
) -> None:
    keys = {"signatureKeys": [{"keyID": seal_key.key_id}]}
    world.project(**(keys if field == "signatureKeys" else strict(world, seal_key.key_id)))
    main = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    seal = world.repo.seal(main, seal_key)
    world.start(keys=keyring)
    world.application(source=source(world, "sealed"))
    world.synced(seal)
    assert world.value() == "one"

    world.repo.commit({SETTINGS: world.config_map("settings", "unproven")})
    world.edit("settings", "forged")
    world.until(world.value, lambda value: value == "one", "healed")
    status = world.synced(seal)
    assert status.get("conditions") is None


@pytest.mark.parametrize("mode", ["head", "strict"])
def test_an_unsigned_commit_on_the_tracked_branch_stops_everything_and_says_why(
    world: World, seal_key: Key, keyring: Any, mode: str
) -> None:
    rules = strict(world, seal_key.key_id)
    rules["sourceIntegrity"]["git"]["policies"][0]["gpg"]["mode"] = mode
    world.project(**rules)
    good = world.repo.commit({SETTINGS: world.config_map("settings", "one")}, key=seal_key)
    world.start(keys=keyring)
    world.application()
    world.synced(good)

    bad = world.repo.commit({SETTINGS: world.config_map("settings", "unproven")})
    text = f"GIT/GPG: Failed verifying revision {bad} by 'Dana <dana@acme.test>': unsigned (key_id=)"
    world.until(lambda: world.conditions("ComparisonError"), lambda found: found == [text], "refused")
    status = world.wait(lambda found: found["operationState"]["phase"] == "Error", "operation refused")
    assert status["operationState"]["message"] == f"ComparisonError: {text}"
    assert status["sync"]["revision"] == bad
    (refusal,) = world.until(lambda: world.conditions("SyncError"), bool, "not tried again")
    assert refusal == f"Failed last sync attempt to [{bad}]: ComparisonError: {text}"
    assert world.value() == "one"

    # As upstream: while the tracked branch ends there, nothing is healed either.
    world.edit("settings", "forged")
    reconciled = world.status()["reconciledAt"]
    world.wait(lambda found: found["reconciledAt"] != reconciled, "compared again")
    assert world.value() == "forged"

    world.repo.move("main", world.repo.repository.commit(bad).parents[0])
    fixed = world.repo.commit({SETTINGS: world.config_map("settings", "two")}, key=seal_key)
    status = world.synced(fixed)
    assert world.value() == "two"
    assert status.get("conditions") is None


def test_a_signature_by_a_key_that_the_project_does_not_name_is_refused(
    world: World, seal_key: Key, other_key: Key, keyring: Any
) -> None:
    world.project(signatureKeys=[{"keyID": seal_key.key_id}])
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "one")}, key=other_key)
    world.start(keys=keyring)
    world.application()
    (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert message.endswith(
        f"{commit} by 'Dana <dana@acme.test>': signed with unallowed key (key_id={other_key.key_id})"
    )
    assert world.value() is None


def test_a_seal_by_another_key_of_the_keyring_proves_nothing(
    world: World, seal_key: Key, other_key: Key, keyring: Any
) -> None:
    world.project(**strict(world, seal_key.key_id))
    main = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.repo.seal(main, other_key)
    world.start(keys=keyring)
    world.application(source=source(world, "sealed"))
    (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert "signed with unallowed key" in message
    assert world.value() is None


def test_a_key_that_is_not_in_the_keyring_is_refused_until_it_is(world: World, seal_key: Key) -> None:
    world.project(signatureKeys=[{"keyID": seal_key.key_id}])
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "one")}, key=seal_key)
    world.start()
    world.application()
    (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert "signed with key not in keyring" in message
    world.wait(lambda found: (found.get("operationState") or {}).get("phase") == "Error")
    primary = openpgp.key_id(openpgp.fingerprint(seal_key.certificate))
    world.hub.create(keyring_of(world, {primary: seal_key.certificate}))
    world.until(lambda: world.conditions("ComparisonError"), lambda found: not found, "accepted")
    # The attempt on this commit has failed; as upstream, the next one needs a new commit or a person.
    assert world.conditions("SyncError")
    world.patch({"operation": {"sync": {"revision": commit, "syncOptions": ["CreateNamespace=true"]}}})
    world.synced(commit)
    assert world.value() == "one"


@pytest.mark.parametrize("name", ["signing subkey", "lower case", "any"])
def test_a_keyring_entry_that_is_not_named_by_the_primary_key_does_not_count(
    world: World, seal_key: Key, name: str
) -> None:
    primary = openpgp.key_id(openpgp.fingerprint(seal_key.certificate))
    names = {"signing subkey": seal_key.key_id, "lower case": primary.lower(), "any": "seal.asc"}
    world.project(signatureKeys=[{"keyID": seal_key.key_id}])
    world.repo.commit({SETTINGS: world.config_map("settings", "one")}, key=seal_key)
    world.hub.create(keyring_of(world, {names[name]: seal_key.certificate}))
    world.start()
    world.application()
    (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert "signed with key not in keyring" in message


def test_two_policies_for_one_repository_fail_every_commit(world: World, seal_key: Key, keyring: Any) -> None:
    rules = strict(world, seal_key.key_id)
    policies = rules["sourceIntegrity"]["git"]["policies"]
    policies.append({"repos": [{"url": "*"}], "gpg": {"mode": "none"}})
    world.project(**rules)
    world.repo.commit({SETTINGS: world.config_map("settings", "one")}, key=seal_key)
    world.start(keys=keyring)
    world.application()
    (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
    assert f"multiple (2) git source integrity policies found for repo URL: {world.repo_url}" in message
    assert world.status()["sync"]["status"] == "Unknown"
    assert world.value() is None


@pytest.mark.parametrize("verified", [True, False])
def test_only_a_policy_for_every_url_holds_for_another_spelling_of_the_repository(
    world: World, seal_key: Key, keyring: Any, verified: bool
) -> None:
    """As 3.5.1: the project permits ``….git`` too, and no policy is found for it."""
    rules = strict(world, seal_key.key_id, url="*" if verified else None)
    world.project(sourceRepos=[world.repo_url], **rules)
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "unproven")})
    bare = world.repo.repository.path
    bare.with_name("env-prod.git").symlink_to(bare)
    world.start(keys=keyring)
    world.application(source={**source(world, "refs/heads/main"), "repoURL": f"{world.repo_url}.git"})
    if verified:
        (message,) = world.until(lambda: world.conditions("ComparisonError"), bool)
        assert f"Failed verifying revision {commit}" in message
        assert world.value() is None
    else:
        world.synced(commit)


def test_without_a_policy_any_commit_syncs(world: World) -> None:
    commit = world.repo.commit({SETTINGS: world.config_map("settings", "one")})
    world.start()
    world.application()
    world.synced(commit)
