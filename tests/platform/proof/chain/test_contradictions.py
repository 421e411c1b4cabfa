"""What is wrong in the world is told by the link that it belongs to, with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from interlock.formats import yaml
from interlock.platform.books.vocabulary import Attested, Merged, Synced
from interlock.platform.domain.ids import EnvironmentName, ServiceName
from interlock.platform.domain.record import RecordApprovalState
from interlock.platform.domain.verdict import Verdict
from interlock.platform.kinds.image import NAME as IMAGE_KIND
from interlock.platform.kinds.onboarding import NAME as ONBOARDING
from interlock.platform.proof.chain import Trace, trace

HUB, PROD = "https://hub-cluster", "https://prod-cluster"
QUOTES = ServiceName("quotes")


def traced(world: Any) -> Trace:
    return trace(world.sources(), EnvironmentName("prod"), ServiceName("payments"), now=world.clock)


def told(world: Any) -> dict[str, str]:
    """Link -> reason, of every link that is not valid."""
    return {item.id: item.reason for item in traced(world).findings if item.verdict is not Verdict.VALID}


def workload(world: Any) -> dict[str, Any]:
    found: dict[str, Any] = world.clusters[PROD].objects["Deployment", "payments"]
    return found


def application(world: Any) -> dict[str, Any]:
    found: dict[str, Any] = world.clusters[HUB].objects["Application", "payments-prod"]
    return found


def container(world: Any) -> dict[str, Any]:
    found: dict[str, Any] = workload(world)["spec"]["template"]["spec"]["containers"][0]
    return found


def pull(world: Any) -> int:
    """Number of prod's pull request."""
    return int(world.found(Merged, "prod/payments")[-1].body["pull"])


# What runs


def test_nothing_runs(world: Any) -> None:
    del world.clusters[PROD].objects["Deployment", "payments"]
    assert told(world)["running-object"] == "not-running"


def test_it_is_not_available(world: Any) -> None:
    workload(world)["status"]["conditions"] = [
        {"type": "Available", "status": "False", "reason": "ImagePullBackOff", "message": "gone"}
    ]
    assert told(world) == {"running-object": "not-available"}


def test_another_image_was_set_by_hand(world: Any) -> None:
    _, other = world.build("two")
    container(world)["image"] = f"registry.acme.test/integration/payments:main-{'0' * 12}@{other}"
    found = told(world)
    assert found["sync"] == "sync-other-image"
    assert found["image-digest"] == "image-other-digest"


def test_a_pod_runs_another_image(world: Any) -> None:
    image = container(world)["image"]
    status = {"containerStatuses": [{"image": image, "imageID": "registry.acme.test/x@sha256:" + "9" * 64}]}
    world.clusters[PROD].put({"kind": "Pod", "metadata": {"name": "payments-1"}, "status": status})
    assert told(world) == {"running-object": "pod-other-image"}


def test_an_image_by_tag_only_is_no_proof(world: Any) -> None:
    container(world)["image"] = "registry.acme.test/integration/payments:latest"
    assert told(world)["running-object"] == "workload-image"


# Sync


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("source", "repoURL"), "https://git/acme/evil"),
        (("source", "repoURL"), "https://git/acme/env-prod.git"),
        (("source", "targetRevision"), "refs/heads/main"),
        (("source", "targetRevision"), "refs/tags/sealed"),
        (("source", "path"), "apps/other"),
        (("destination", "server"), "https://dev-cluster"),
    ],
)
def test_an_altered_application(world: Any, path: tuple[str, str], value: str) -> None:
    application(world)["spec"][path[0]][path[1]] = value
    assert told(world) == {"sync": "application-altered"}


@pytest.mark.parametrize(
    ("delivered", "found"), [("sealed", {}), ("refs/heads/sealed", {"sync": "application-altered"})]
)
def test_a_short_name_is_the_branch_only_where_the_delivered_file_says_it(
    world: Any, delivered: str, found: dict[str, str]
) -> None:
    """So it was onboarded before full names were written, and nothing has delivered its Application anew."""
    spec = application(world)["spec"]
    spec["source"]["targetRevision"] = delivered
    file = yaml.dump({"spec": {"project": "prod", **spec}})
    world.deliver("prod", {"argocd/payments.yaml": file}, IMAGE_KIND, service=QUOTES)
    spec["source"]["targetRevision"] = "sealed"
    assert told(world) == found


def test_out_of_sync(world: Any) -> None:
    application(world)["status"]["sync"]["status"] = "OutOfSync"
    assert told(world) == {"sync": "not-synced"}


def test_a_commit_of_main_that_was_never_sealed(world: Any) -> None:
    repo = world.repositories["env-prod"]
    tree = repo.write_tree({"apps/payments/values.prod.yaml": b"evil: true\n"}, base=world.tip("env-prod", "main"))
    rogue = world.commit("env-prod", [world.tip("env-prod", "main")], tree, "Rogue", by="dana", branch="main")
    application(world)["status"]["sync"]["revision"] = rogue
    found = told(world)
    assert found["sync"] == "sync-off-branch"
    assert found["seal"] == "seal-signature"


# Seal and merge


def test_a_seal_by_another_key(world: Any) -> None:
    decision = world.found(Merged, "prod/payments")[-1]
    forged = world.seal("prod", decision.body["merge"], decision.id, by="forge")
    application(world)["status"]["sync"]["revision"] = forged
    assert told(world) == {"seal": "seal-signature"}


def test_a_seal_that_names_another_kind_of_entry(world: Any) -> None:
    """As a seal of dev does, which proves Applications alone with the same key: who administers the forge can put it
    here, with whatever dev's main had."""
    repo, main = world.repositories["env-prod"], world.tip("env-prod", "main")
    tree = repo.write_tree({"apps/payments/templates/evil.yaml": b"kind: ConfigMap\n"}, base=main)
    evil = world.commit("env-prod", [main], tree, "Nobody approved this", by="dana", branch="main")
    foreign = world.found(Synced)[-1]
    application(world)["status"]["sync"]["revision"] = world.seal("prod", evil, foreign.id)

    found = told(world)

    links = ("seal", "merge", "approvals", "change-record")
    assert {link: found[link] for link in links} == dict.fromkeys(links, "seal-other-decision")
    assert traced(world).overall is Verdict.INVALID


@pytest.mark.parametrize(
    "break_it",
    [
        lambda world: application(world)["status"].update(sync="Synced"),
        lambda world: application(world)["status"].update(sync=None),
        lambda world: application(world).update(status=[]),
        lambda world: application(world).update(spec=None),
        lambda world: workload(world)["spec"]["template"].update(spec=None),
        lambda world: workload(world).update(status="Available"),
        lambda world: container(world).clear(),
        lambda world: world.clusters[HUB].objects["PipelineRun", world.run.name].update(status={"results": [{}]}),
        lambda world: world.registry.__setattr__("referrers", None),
    ],
)
def test_what_nobody_writes_ends_no_proof(world: Any, break_it: Any) -> None:
    """Who may write objects of a cluster may write any of them: every link is judged all the same."""
    break_it(world)
    found = traced(world)
    assert len(found.findings) == 13
    assert found.overall is not Verdict.VALID
    assert found.as_dict()["overall"] != "valid"
    assert {item.reason for item in found.findings if item.verdict is Verdict.UNKNOWN} <= {
        "link-failed",
        "never-synced",
        "rollout-unobserved",
    }


def test_a_seal_with_a_tree_of_its_own(world: Any) -> None:
    decision = world.found(Merged, "prod/payments")[-1]
    repo = world.repositories["env-prod"]
    tree = repo.write_tree({"apps/other/x.yaml": b"x: 1\n"}, base=world.tip("env-prod", "sealed"))
    made = world.seal("prod", decision.body["merge"], decision.id, tree=tree)
    application(world)["status"]["sync"]["revision"] = made
    assert told(world) == {"seal": "seal-tree"}


def test_a_merge_by_a_person(world: Any) -> None:
    tag, digest = world.build("two")
    world.ship("prod", tag, digest, merged_by="sam")
    assert told(world) == {"merge": "merge-signature"}


def test_a_merge_that_adds_something_of_its_own(world: Any) -> None:
    tag, digest = world.build("two")
    world.ship("prod", tag, digest, smuggled={"apps/payments/templates/evil.yaml": "kind: Secret\n"})
    found = told(world)
    assert found["merge"] == "merge-tree"
    assert found["approvals"] == "approval-result-changed"


def test_the_forge_says_somebody_else_merged(world: Any) -> None:
    number = pull(world)
    world.forge.pulls[number] = replace(world.forge.pulls[number], merged_by="sam")
    assert told(world) == {"merge": "merge-by-other"}


def test_rules_of_a_commit_that_was_never_sealed(world: Any) -> None:
    repo = world.repositories["platform"]
    tip = world.tip("platform", "main")
    lax = repo.read(tip, "platform.yaml").replace(b"changeRecord: true", b"changeRecord: false")
    tree = repo.write_tree({"platform.yaml": lax}, base=tip)
    rogue = world.commit("platform", [tip], tree, "Lax", by="pat", branch="main")
    tag, digest = world.build("two")
    world.ship("prod", tag, digest, platform_commit=rogue)
    found = told(world)
    assert found["approvals"] == found["change-record"] == found["merge"] == "rules-unsealed"


# Approvals and record


@pytest.mark.parametrize(
    ("reviewers", "reason"),
    [
        (("sam",), "approval-missing"),
        (("rita",), "approval-missing"),
        (("sam", "dana-alt"), "approval-by-author"),
        (("sam", "interlock-ci"), "approval-by-machine"),
    ],
)
def test_approvals_that_do_not_suffice(world: Any, reviewers: tuple[str, ...], reason: str) -> None:
    tag, digest = world.build("two")
    world.ship("prod", tag, digest, reviewers=reviewers)
    assert told(world) == {"approvals": reason}


@pytest.mark.parametrize("change", ["deleted", "dismissed", "another account", "another commit"])
def test_a_review_that_the_forge_now_tells_differently(world: Any, change: str) -> None:
    given = world.forge.given[pull(world)]
    if change == "deleted":
        given.pop()
    elif change == "dismissed":
        given[0] = replace(given[0], dismissed=True)
    elif change == "another account":
        given[0] = replace(given[0], user="pat")
    else:
        given[0] = replace(given[0], commit_id="0" * 40)
    assert told(world) == {"approvals": "live-differs"}


def test_a_review_after_the_merge_changes_nothing(world: Any) -> None:
    given = world.forge.given[pull(world)]
    given.append(replace(given[0], id=999, user="pat", state="COMMENT"))
    assert told(world) == {}


def test_a_rejected_record(world: Any) -> None:
    tag, digest = world.build("two")
    world.ship("prod", tag, digest, answer=RecordApprovalState.REJECTED)
    assert told(world) == {"change-record": "record-rejected"}


def test_a_record_whose_plan_was_changed_after_the_fact(world: Any) -> None:
    for number, found in world.tickets.records.items():
        world.tickets.records[number] = replace(found, raw={**found.raw, "backout_plan": "none"})
    assert told(world) == {"change-record": "live-differs"}


def test_a_record_that_lost_its_approval(world: Any) -> None:
    for name in world.tickets.rows:
        world.tickets.rows[name] = []
    assert told(world) == {"change-record": "live-differs"}


def test_a_record_that_is_gone(world: Any) -> None:
    world.tickets.records.clear()
    assert told(world) == {"change-record": "live-differs"}


def test_a_record_that_was_closed_is_as_it_should_be(world: Any) -> None:
    for number, found in world.tickets.records.items():
        world.tickets.records[number] = replace(found, state=3, close_code="successful", mod_count=9)
    assert told(world) == {}


# Image, statements, run, source


def test_a_moved_tag(world: Any) -> None:
    _, other = world.build("two")
    (tag,) = [name for name, digest in world.registry.tags.items() if digest != other]
    world.registry.tags[tag] = other
    assert told(world) == {"image-digest": "image-tag-moved"}


def test_a_signed_sbom_is_no_signature_of_the_image(world: Any) -> None:
    (signature,) = [
        item.digest
        for finding in traced(world).findings
        if finding.id == "signature"
        for item in finding.evidence
        if item.digest in world.registry.manifests
    ]
    del world.registry.manifests[signature]
    assert told(world) == {"signature": "signature-wrong-predicate"}


def test_a_statement_by_another_key(world: Any) -> None:
    attested = world.found(Attested)[-1].body["statements"]["sbom"]
    del world.registry.manifests[attested["manifest"]]
    assert told(world) == {"sbom": "signature-wrong-predicate"}


@pytest.mark.parametrize(("verdict", "reason"), [("fail", "scan-failed"), ("unknown", "scan-unknown")])
def test_a_scan_that_did_not_pass(world: Any, verdict: str, reason: str) -> None:
    tag, digest = world.build("two", verdict=verdict)
    world.ship("prod", tag, digest)
    assert told(world) == {"scan": reason}


@pytest.mark.parametrize("how", [{"isolation": "none"}, {"isolation": "container", "vouched": False}])
def test_steps_that_were_not_isolated_or_of_which_only_an_annotation_says_so(world: Any, how: dict[str, Any]) -> None:
    tag, digest = world.build("two", **how)
    world.ship("prod", tag, digest)
    assert told(world) == {"provenance": "isolation-weak"}


def test_source_that_is_not_on_main(world: Any) -> None:
    tag, digest = world.build("two", branch="feature")
    world.ship("prod", tag, digest)
    assert told(world) == {"source-commit": "source-off-main"}


def test_a_run_whose_results_were_changed_in_the_cluster(world: Any) -> None:
    run = world.clusters[HUB].objects["PipelineRun", world.run.name]
    run["status"]["results"][0]["value"] = "registry.acme.test/evil"
    assert told(world) == {"pipeline-run": "live-differs"}


def test_a_run_that_the_cluster_deleted_is_still_proven(world: Any) -> None:
    del world.clusters[HUB].objects["PipelineRun", world.run.name]
    assert told(world) == {}
    (finding,) = [item for item in traced(world).findings if item.id == "pipeline-run"]
    assert "deleted" in finding.detail


# The proof is recomputed


def test_a_stored_verdict_is_never_believed(world: Any) -> None:
    digest = world.found(Attested)[-1].subject
    world.ledger.append("checked", "prod/payments", key="lie", body={"verdict": "valid", "overall": "valid"})
    layer = world.registry.manifest("", digest).image.layers[0].digest
    world.registry.blobs[layer] = b"something else"
    assert told(world) == {"image-digest": "digest-mismatch"}


def test_another_services_delivery_does_not_void_the_proof(world: Any) -> None:
    before = traced(world)
    files = {"apps/quotes/values.prod.yaml": "image: {}\n"}
    revision = world.deliver("prod", files, ONBOARDING, service=QUOTES)
    application(world)["status"]["sync"]["revision"] = revision
    after = traced(world)
    assert told(world) == {}
    assert after.ids["seal"] == before.ids["seal"] != revision == after.ids["revision"]


def test_the_newest_of_several_deliveries_is_the_one_that_is_proven(world: Any) -> None:
    tag, digest = world.build("two")
    revision = world.ship("prod", tag, digest)
    found = traced(world)
    assert told(world) == {}
    assert found.ids["seal"] == revision
    assert found.ids["image"].endswith(digest)


def test_where_only_executed_counts_a_simulation_does_not_pass(strict_world: Any) -> None:
    found = traced(strict_world)
    assert all(item.verdict is Verdict.VALID for item in found.findings)
    assert not found.holds
    accepted = {item["id"]: item["accepted"] for item in found.as_dict()["links"]}
    assert [name for name, value in accepted.items() if not value] == ["running-object", "pipeline-run"]


CONFIRMED = "captured facts decide"


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ("forge", set()),
        ("tickets", set()),
        ("hub-cluster", set()),
        ("prod-cluster", {"running-object"}),
        ("registry", {"image-digest", "signature", "provenance", "sbom", "scan"}),
        ("git-payments", {"source-commit"}),
    ],
)
def test_a_source_that_does_not_answer(shared: Any, source: str, unknown: set[str]) -> None:
    """What was captured still decides, and the link says that the source was not asked."""
    shared.unreachable.add(source)
    found = {item.id: item for item in traced(shared).findings}
    shared.unreachable.clear()
    assert {name for name, item in found.items() if item.verdict is Verdict.UNKNOWN} == unknown
    assert not [item for item in found.values() if item.verdict is Verdict.INVALID]
    noted = {name for name, item in found.items() if CONFIRMED in item.detail}
    expected = {"forge": {"merge", "approvals"}, "tickets": {"change-record"}, "hub-cluster": {"sync", "pipeline-run"}}
    assert noted == expected.get(source, set())


@pytest.mark.parametrize("source", ["git-platform", "git-env-prod"])
def test_without_rules_or_desired_state_nothing_is_proven(shared: Any, source: str) -> None:
    shared.unreachable.add(source)
    found = traced(shared)
    shared.unreachable.clear()
    assert not found.holds
    assert not [item for item in found.findings if item.verdict is Verdict.INVALID]
    assert len([item for item in found.findings if item.verdict is Verdict.UNKNOWN]) > 6


def test_another_seal_key_as_trust_root_proves_nothing(world: Any, strict_world: Any) -> None:
    world.seal_cert = strict_world.seal_cert
    found = traced(world)
    assert not found.holds
    assert {item.reason for item in found.findings if item.id in ("seal", "merge", "approvals")} == {"rules-unsealed"}
