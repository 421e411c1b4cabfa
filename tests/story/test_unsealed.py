"""A commit on main of env-prod that nobody judged: it never runs, the rest keeps healing, and a revert releases the
queue. The attacker is the forge's administrator, who takes the protection away."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from .story_world.deliveries import Proposal, commit, fresh_clone
from .story_world.estate import ARGOCD, ORGANISATION, Estate, refresh, settled
from .story_world.waiting import eventually


def attack(estate: Estate) -> str:
    """One more commit on env-prod's main, by a push; its id."""
    clone = fresh_clone(estate, "dana", "env-prod")

    def more(folder: Path) -> None:
        values = folder / "apps" / "payments" / "values.prod.yaml"
        values.write_text(values.read_text().replace("replicas: 1", "replicas: 7"))

    made = commit(estate, "dana", clone, "Nobody approved this", more, sign=False)
    administrator = estate.forge("root-admin")
    rule = administrator.protection(ORGANISATION, "env-prod", "main")
    open_to_all = dataclasses.replace(rule, enable_push_whitelist=False, require_signed_commits=False)
    administrator.protect(ORGANISATION, "env-prod", open_to_all)
    estate.git("dana", "push", "--quiet", "origin", "main", cwd=clone)
    administrator.protect(ORGANISATION, "env-prod", rule)
    return made


@pytest.fixture
def attacked(estate: Estate) -> Iterator[str]:
    """The attacker's commit, with the controller at work. In the end what is sealed is restored, if need be."""
    yield attack(estate)
    if not settled(estate, "prod"):
        restore(estate)


@pytest.fixture(scope="class")
def unsealed(estate: Estate) -> Iterator[str]:
    """The attacker's commit, with the controller stopped."""
    estate.run("local", "stop", "controller")
    try:
        yield attack(estate)
    finally:
        estate.run("local", "start", "controller")
        eventually(estate.ready, what="the controller runs again")
    restore(estate)


def restore(estate: Estate) -> Proposal:
    """By the command that the gate names, and two people's approval: a restoring revert changes nothing that runs."""
    estate.run("revert", "payments", "--env", "prod", "--restore", "--as", "dana")
    pull = estate.pulls("env-prod", "main")[-1]
    proposal = Proposal(estate, "env-prod", pull.number, pull.head_ref)
    proposal.approve("rita")
    proposal.approve("pat")
    eventually(lambda: settled(estate, "prod"), what="the queue is released")
    return proposal


class TestWithTheControllerStopped:
    def test_nothing_syncs(self, estate: Estate, unsealed: str) -> None:
        sealed = estate.branch("env-prod", "sealed")
        assert estate.branch("env-prod") == unsealed

        found = refresh(estate, "payments-prod")

        assert found["status"]["sync"]["revision"] == sealed
        assert (found["status"]["sync"]["status"], found["status"]["health"]["status"]) == ("Synced", "Healthy")
        assert estate.deployment("payments", "prod")["spec"]["replicas"] == 1

    def test_a_changed_object_heals_to_what_is_sealed(self, estate: Estate, unsealed: str) -> None:
        before = estate.image("payments", "prod")
        patch = {"spec": {"replicas": 5}}
        estate.bootstrap("prod").patch("apps/v1", "Deployment", "payments", patch, namespace="payments")

        eventually(lambda: estate.deployment("payments", "prod")["spec"]["replicas"] == 1, what="replicas heal")

        assert eventually(lambda: estate.image("payments", "prod")) == before

    def test_a_deleted_object_comes_back(self, estate: Estate, unsealed: str) -> None:
        uid = estate.deployment("payments", "prod")["metadata"]["uid"]
        before = estate.image("payments", "prod")
        estate.bootstrap("prod").delete("apps/v1", "Deployment", "payments", namespace="payments")

        eventually(lambda: estate.deployment("payments", "prod")["metadata"]["uid"] != uid, what="it is there again")

        assert eventually(lambda: estate.image("payments", "prod")) == before

    def test_not_even_an_application_that_follows_main_syncs_it(self, estate: Estate, unsealed: str) -> None:
        """The hub's administrator points Argo CD at main: the project trusts the seal key alone."""
        hub = estate.bootstrap("hub")
        shadow = estate.application("payments", "prod")
        shadow = {
            **{key: shadow[key] for key in ("apiVersion", "kind", "spec")},
            "metadata": {"name": "shadow-prod", "namespace": "argocd"},
        }
        shadow["spec"]["source"]["targetRevision"] = "refs/heads/main"
        hub.create(shadow)
        try:

            def told() -> str | None:
                found = hub.get(*ARGOCD, "shadow-prod", "argocd")
                conditions = found.get("status", {}).get("conditions", [])
                return next((item["message"] for item in conditions if item["type"] == "ComparisonError"), None)

            message = eventually(told, what="Argo CD refuses the revision")
            assert "GIT/GPG: Failed verifying revision" in message
            operation = hub.get(*ARGOCD, "shadow-prod", "argocd")["status"].get("operationState", {})
            assert operation.get("phase") in (None, "Running", "Error", "Failed")
            assert "syncResult" not in operation or not operation["syncResult"].get("resources")
            assert estate.deployment("payments", "prod")["spec"]["replicas"] == 1
        finally:
            hub.delete(*ARGOCD, "shadow-prod", namespace="argocd")

    def test_the_proof_of_what_runs_still_holds(self, estate: Estate, unsealed: str) -> None:
        refresh(estate, "payments-prod")
        eventually(lambda: estate.image("payments", "prod"))

        assert estate.run("trace", "prod/payments", "--json").json["overall"] == "valid"


def test_the_queue_is_blocked_until_a_revert_restores_what_is_sealed(
    estate: Estate, promotion: Proposal, attacked: str
) -> None:
    before, sealed = estate.image("payments", "prod"), estate.branch("env-prod", "sealed")

    gate = promotion.says(queue_open="queue-blocked")
    assert f"{attacked[:12]}: merge-not-a-merge" in gate.report
    assert estate.branch("env-prod", "sealed") == sealed

    released = restore(estate).pull

    assert released.merged_by == "interlock"
    seal = estate.forge().commit(ORGANISATION, "env-prod", estate.branch("env-prod", "sealed"))
    assert seal.parents == (sealed, released.merge_commit_sha)
    assert estate.image("payments", "prod") == before
    assert estate.run("trace", "prod/payments", "--json").json["overall"] == "valid"
    eventually(lambda: "queue-open" not in promotion.gate().standing, what="the next delivery may go on")


def test_a_restoring_revert_needs_two_people_other_than_its_author(estate: Estate, attacked: str) -> None:
    estate.run("revert", "payments", "--env", "prod", "--restore", "--as", "dana")
    pull = estate.pulls("env-prod", "main")[-1]
    proposal = Proposal(estate, "env-prod", pull.number, pull.head_ref)
    proposal.approve("dana-alt")
    proposal.approve("rita")

    gate = proposal.says(approval_anyone="approval-by-author")

    assert "dana-alt: approval-by-author" in gate.report
    assert not any(name.startswith("record-") for name in gate.standing)
    assert not proposal.pull.merged
    proposal.approve("sam")
    eventually(lambda: settled(estate, "prod"), what="the queue is released")
