"""The story of the README, as an outsider sees it: git, the forge's API, kubectl, cosign, and the command line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.tickets import ChangeRequest

from .story_world.estate import ORGANISATION, Estate

ENVIRONMENTS = ("dev", "test", "prod")
LINKS = [
    "running-object",
    "sync",
    "seal",
    "merge",
    "approvals",
    "change-record",
    "image-digest",
    "signature",
    "provenance",
    "sbom",
    "scan",
    "pipeline-run",
    "source-commit",
]

Client = Callable[[str], str]


@pytest.fixture(scope="module")
def trace(estate: Estate) -> dict[str, Any]:
    return estate.run("trace", "prod/payments", "--json").json  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def images(estate: Estate) -> dict[str, str]:
    return {name: estate.first[name] for name in ENVIRONMENTS}


def record(estate: Estate) -> ChangeRequest:
    return estate.tickets().get(estate.first["record"])


def test_every_engine_runs(estate: Estate) -> None:
    engines = estate.run("local", "status", "--json").json

    assert {engine["state"] for engine in engines.values()} == {"ready"}
    assert len(engines) == 10


def test_dev_test_and_prod_run_the_same_bytes(images: dict[str, str]) -> None:
    assert images["dev"] == images["test"] == images["prod"]
    assert "@sha256:" in images["prod"]


def test_the_pipeline_ran_every_task_of_the_golden_path(estate: Estate) -> None:
    commit = estate.first["commit"]

    run = estate.cluster().get("tekton.dev/v1", "PipelineRun", f"payments-{commit[:12]}", "ci")
    selector = f"tekton.dev/pipelineRun={run['metadata']['name']}"
    tasks = estate.cluster().list("tekton.dev/v1", "TaskRun", namespace="ci", label_selector=selector).items

    assert succeeded(run) == "True"
    assert {item["metadata"]["labels"]["tekton.dev/pipelineTask"] for item in tasks} == {
        "clone",
        "unit-test",
        "build-bar",
        "image-build",
        "sbom",
        "vulnerability-scan",
        "image-sign",
        "git-pr-bump",
    }
    results = {item["name"]: item["value"] for item in run["status"]["results"]}
    assert results["IMAGE_DIGEST"] in estate.first["prod"]
    assert results["CHAINS-GIT_COMMIT"] == commit


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_delivery_changes_tag_and_digest_and_nothing_else(estate: Estate, environment: str, tmp_path: Path) -> None:
    merge = estate.pull(f"env-{environment}", int(estate.first[f"pull-{environment}"])).merge_commit_sha
    clone = estate.clone("dana", f"env-{environment}", tmp_path / "clone")
    path = f"apps/payments/values.{environment}.yaml"

    changed = estate.git("dana", "diff", "--name-only", f"{merge}^1", str(merge), cwd=clone).out.split()
    before, after = (estate.git("dana", "show", f"{commit}:{path}", cwd=clone).out for commit in (f"{merge}^1", merge))

    assert changed == [path]
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    tag, digest = f"main-{estate.first['commit'][:12]}", estate.first[environment].rpartition("@")[2]
    assert sorted(lines) == sorted(['-   tag: ""', f'+   tag: "{tag}"', '-   digest: ""', f'+   digest: "{digest}"'])


def test_the_pipeline_not_a_person_opens_the_delivery_to_dev(estate: Estate) -> None:
    pull = estate.pull("env-dev", int(estate.first["pull-dev"]))

    assert (pull.user, pull.merged_by) == ("interlock-ci", "interlock")


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_whoever_promotes_signs_and_the_platform_merges(estate: Estate, environment: str) -> None:
    pull = estate.pull(f"env-{environment}", int(estate.first[f"pull-{environment}"]))
    head, merge = (
        estate.forge().commit(ORGANISATION, f"env-{environment}", str(sha))
        for sha in (pull.head_sha, pull.merge_commit_sha)
    )

    assert (pull.user, pull.merged_by) == ("dana", "interlock")
    assert head.verified
    assert merge.verified
    assert merge.parents[1] == pull.head_sha


def test_the_record_is_opened_filled_named_in_the_title_and_closed(estate: Estate) -> None:
    pull = estate.pull("env-prod", int(estate.first["pull-prod"]))
    found = record(estate)

    assert pull.title.startswith(f"{found.number} payments: main-")
    assert found.correlation_id == f"acme/env-prod#{pull.number}@{pull.head_sha}"
    assert estate.first["prod"].rpartition("@")[2] in str(found.raw["description"])
    assert "Vulnerability scan" in str(found.raw["test_plan"])
    assert "Built and tested by pipeline build-ace-flow" in str(found.raw["test_plan"])
    assert "First release" in str(found.raw["backout_plan"])
    assert (found.approval, found.cmdb_ci, found.type) == ("approved", "payments", "normal")
    assert str(found.state) == "3"  # Closed
    assert "healthy in prod" in str(found.raw["close_notes"])


def test_the_gate_named_what_was_missing_before_anybody_approved(estate: Estate) -> None:
    answer = json.loads(estate.first["gate"])

    assert answer["state"] != "success"
    missing = answer["report"].partition("Holds:")[0]
    assert "approval-service-owner [approval-missing]" in missing
    assert "approval-other-team [approval-missing]" in missing
    assert "record-approved [record-not-approved]" in missing
    assert "image-signature" not in missing


def test_people_may_look_at_clusters_and_change_nothing(estate: Estate, client: Client) -> None:
    kubectl = client("kubectl")
    look = ("--context", "dana@prod", "--namespace", "payments")

    assert "1/1" in estate.call(kubectl, *look, "get", "deployment", "payments").out
    refused = estate.call(kubectl, *look, "scale", "deployment/payments", "--replicas", "3", expect=1)
    assert "forbidden" in refused.err.lower()
    assert estate.image("payments", "prod") == estate.first["prod"]


def test_kubectl_lists_what_is_where(estate: Estate, client: Client) -> None:
    kubectl = client("kubectl")

    applications = estate.call(kubectl, "--context", "dana@hub", "get", "applications", "--namespace", "argocd").out
    runs = estate.call(kubectl, "--context", "rita@hub", "get", "pipelineruns", "--namespace", "ci").out
    deployment = estate.call(
        kubectl, "--context", "sam@prod", "get", "deployment", "payments", "--namespace", "payments", "--output", "yaml"
    ).out

    for environment in ENVIRONMENTS:
        line = next(item for item in applications.splitlines() if item.startswith(f"payments-{environment} "))
        assert line.split()[1:3] == ["Synced", "Healthy"]
    assert f"payments-{estate.first['commit'][:12]}" in runs
    assert estate.first["prod"] in deployment
    assert "no container runs" in deployment.lower()


def test_the_running_object_says_that_no_container_runs(estate: Estate) -> None:
    for environment in ENVIRONMENTS:
        told = json.dumps(estate.deployment("payments", environment)["status"]["conditions"])
        assert "no container runs" in told.lower()


# -- seals -------------------------------------------------------------------------------------------------------------


@pytest.mark.real("gpg")
@pytest.mark.parametrize("repository", ["platform", "env-test", "env-prod"])
def test_real_gpg_accepts_every_seal(estate: Estate, client: Client, repository: str, tmp_path: Path) -> None:
    gpg = client("gpg")
    clone = estate.clone("dana", repository, tmp_path / "clone")
    keyring = tmp_path / "gpg"
    keyring.mkdir(mode=0o700)
    certificate = str(estate.context.keys.seal)
    estate.call(gpg, "--batch", "--no-autostart", "--import", certificate, extra={"GNUPGHOME": str(keyring)})

    seals = estate.git("dana", "rev-list", "--first-parent", "origin/sealed", cwd=clone).out.split()

    # The first seal of a repository stands on what `platform init` wrote; that commit is no seal.
    seals = [item for item in seals if "Argocd-gpg-seal:" in estate.git("dana", "show", "-s", item, cwd=clone).out]
    assert len(seals) >= (2 if repository == "platform" else 3)
    for seal in seals:
        words = ("-c", "gpg.format=openpgp", "-c", f"gpg.program={gpg}", "verify-commit", "--raw", seal)
        told = estate.call("git", *words, cwd=clone, extra={"GNUPGHOME": str(keyring)}).err
        assert "GOODSIG" in told


def test_a_seal_has_the_tree_of_the_merge_that_it_seals(estate: Estate, tmp_path: Path) -> None:
    clone = estate.clone("dana", "env-prod", tmp_path / "clone")
    seals = estate.git("dana", "log", "--first-parent", "--format=%H %P", "origin/sealed", cwd=clone).out

    for line in seals.splitlines():
        seal, *parents = line.split()
        if len(parents) == 2:
            trees = estate.git("dana", "rev-parse", f"{seal}^{{tree}}", f"{parents[1]}^{{tree}}", cwd=clone).out.split()
            assert trees[0] == trees[1]


# -- the proof ---------------------------------------------------------------------------------------------------------


def test_the_trace_has_thirteen_links_in_order_and_each_says_why(trace: dict[str, Any]) -> None:
    assert [link["id"] for link in trace["links"]] == LINKS
    assert trace["overall"] == "valid"
    for link in trace["links"]:
        assert link["verdict"] == "valid", link
        assert link["accepted"]
        assert link["reason"] == "ok"
        assert link["claim"].endswith(".")
        assert link["evidence"], link["id"]
    assert trace["ledger"]["whole"]


def test_the_trace_says_what_this_machine_could_not_do(trace: dict[str, Any]) -> None:
    links = {link["id"]: link for link in trace["links"]}

    assert links["running-object"]["basis"] == "simulated"
    assert links["pipeline-run"]["basis"] == "static"
    assert "tests static" in links["pipeline-run"]["detail"]
    others = {link["basis"] for name, link in links.items() if name not in ("running-object", "pipeline-run")}
    assert others == {"executed"}


def test_the_trace_names_everything_on_the_way(estate: Estate, trace: dict[str, Any]) -> None:
    assert trace["ids"]["image"] == estate.first["prod"]
    assert trace["ids"]["source"] == estate.first["commit"]
    assert trace["ids"]["record"] == estate.first["record"]
    assert trace["ids"]["pull"] == estate.first["pull-prod"]
    seal = estate.forge().commit(ORGANISATION, "env-prod", trace["ids"]["seal"])
    assert seal.parents[1] == estate.pull("env-prod", int(estate.first["pull-prod"])).merge_commit_sha


@pytest.mark.parametrize("environment", ["dev", "test"])
def test_the_other_environments_can_be_traced_as_well(estate: Estate, environment: str) -> None:
    found = estate.run("trace", f"{environment}/payments", "--json").json

    assert found["overall"] == "valid"
    assert found["ids"]["image"] == estate.image("payments", environment)


def test_a_person_reads_the_same_proof_as_text(estate: Estate) -> None:
    told = estate.run("trace", "prod/payments").out

    for number, name in enumerate(LINKS, 1):
        assert f"{number:2} ✓ {name} " in told
    assert "simulated: " in told
    assert "valid where executed, simulated, static is accepted" in told


def test_without_the_index_the_trace_says_the_same(estate: Estate, trace: dict[str, Any]) -> None:
    index = estate.context.stores.index
    for path in index.parent.glob(f"{index.name}*"):
        path.unlink()

    again = estate.run("trace", "prod/payments", "--json").json

    assert {**again, "at": None, "ledger": None} == {**trace, "at": None, "ledger": None}


def test_forwards_from_the_change_record(estate: Estate) -> None:
    found = estate.run("trace", estate.first["record"], "--json").json

    (journey,) = found["journeys"]
    assert (journey["environment"], journey["service"]) == ("prod", "payments")
    assert {link["verdict"] for link in journey["links"]} == {"valid"}


def test_a_record_that_nobody_knows_is_not_found(estate: Estate) -> None:
    estate.run("trace", "CHG9999999", expect=3)


def test_the_ledger_is_whole(estate: Estate) -> None:
    assert "whole" in estate.run("ledger", "verify").out


@pytest.mark.real("cosign")
def test_real_cosign_accepts_the_image_of_prod(estate: Estate, client: Client, tmp_path: Path) -> None:
    digest = estate.first["prod"].rpartition("@")[2]
    host = estate.context.registry.outside.removeprefix("http://")

    verify = ("verify", "--key", str(estate.context.keys.release), "--insecure-ignore-tlog")
    told = estate.call(
        client("cosign"), *verify, f"{host}/integration/payments@{digest}", extra={"HOME": str(tmp_path)}
    ).said

    assert "The following checks were performed" in told


# -- what is where -----------------------------------------------------------------------------------------------------


def test_status_shows_services_and_environments(estate: Estate) -> None:
    rows = {item["environment"]: item for item in estate.run("status", "--json").json if item["service"] == "payments"}

    assert list(rows) == list(ENVIRONMENTS)
    for row in rows.values():
        assert (row["sync"], row["health"]) == ("Synced", "Healthy")
        assert row["since"]
    prod = rows["prod"]
    assert f"{prod['tag']}@{prod['digest']}" in estate.image("payments", "prod")  # type: ignore[operator]


def test_changes_tells_what_happened_lately(estate: Estate) -> None:
    rows = estate.run("changes", "prod", "--since", "2h", "--json").json

    mine = next(row for row in rows if row["record"] == estate.first["record"])
    assert (mine["kind"], mine["merge"]) == (
        "image",
        estate.pull("env-prod", int(estate.first["pull-prod"])).merge_commit_sha,
    )
    assert any(row["kind"] == "onboarding" for row in rows)


def succeeded(run: dict[str, Any]) -> str:
    return next(str(item["status"]) for item in run["status"]["conditions"] if item["type"] == "Succeeded")
