"""``kill -9`` in the middle of pipelines, merges, seals and syncs: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import InterlockError

from .story_world.deliveries import Proposal, commit, fresh_clone
from .story_world.estate import ORGANISATION, Estate, settled
from .story_world.waiting import eventually

SEED = 20261123


def revert(estate: Estate) -> Proposal:
    """The cheapest delivery that there is: back to the image before, or forth again. Nobody has approved it."""
    estate.run("revert", "payments", "--env", "test", "--as", "dana")
    pull = estate.pulls("env-test", "payments")[-1]
    return Proposal(estate, "env-test", pull.number, pull.head_ref)


def killed_until(estate: Estate, engine: str, done: Callable[[], bool], *, times: int, chance: random.Random) -> int:
    """Kill ``engine`` at random moments until ``done``, at most so often; then wait for ``done``. How often it was."""
    kills = 0
    while kills < times and not holds(done):
        eventually(lambda: estate.ready() or holds(done), what=f"{engine} runs again")
        pause = chance.uniform(0.0, 0.8)
        moment = time.monotonic() + pause
        eventually(lambda at=moment: time.monotonic() >= at or holds(done), timeout=5)  # type: ignore[misc]
        estate.kill(engine)
        kills += 1
    eventually(lambda: holds(done), timeout=90, what=f"after {kills} kills of {engine}")
    eventually(estate.ready, what="everything runs")
    return kills


def holds(condition: Callable[[], bool]) -> bool:
    """What cannot be asked right now does not hold."""
    try:
        return condition()
    except (InterlockError, AssertionError):
        return False


@pytest.mark.parametrize(
    ("there", "back"), [("controller", "controller"), ("forge", "argocd"), ("kubernetes-hub", "registry")]
)
def test_a_delivery_is_merged_and_sealed_once_whatever_dies(estate: Estate, second: str, there: str, back: str) -> None:
    """There and back again; in the end everything that was merged was sealed exactly once, and the ledger is whole."""
    chance = random.Random(f"{SEED} {there}")  # noqa: S311 - to be the same every time
    before = estate.branch("env-test")
    kills, proposals = 0, []
    for engine in (there, back):
        proposal = revert(estate)
        proposal.approve("pat")

        def done(proposal: Proposal = proposal) -> bool:
            if not (proposal.pull.merged and settled(estate, "test")):
                return False
            status = estate.application("payments", "test")["status"]
            synced = (status["sync"]["status"], status["sync"]["revision"], status["health"]["status"])
            return synced == ("Synced", estate.branch("env-test", "sealed"), "Healthy")

        kills += killed_until(estate, engine, done, times=3, chance=chance)
        proposals.append(proposal.pull)

    assert kills > 0
    assert str(estate.image("payments", "test")).endswith(second)
    merges = {str(pull.merge_commit_sha) for pull in proposals}
    assert Counter(merge for _, merge in seals(estate) if merge in merges) == Counter(merges)
    assert first_parents(estate, "env-test", stop=before) == [str(pull.merge_commit_sha) for pull in proposals[::-1]]
    assert "whole" in estate.run("ledger", "verify").out
    for kind in ("merged", "sealed"):
        found = [item["body"]["merge"] for item in ledger(estate) if item["kind"] == kind]
        assert Counter(merge for merge in found if merge in merges) == Counter(merges)


def first_parents(estate: Estate, repository: str, *, stop: str) -> list[str]:
    """Commits of main since ``stop``, newest first."""
    forge = estate.forge()
    found: list[str] = []
    tip = estate.branch(repository)
    while tip != stop:
        found.append(tip)
        tip = forge.commit(ORGANISATION, repository, tip).parents[0]
    return found


def seals(estate: Estate) -> list[tuple[str, str]]:
    """(seal, the merge that it seals), along the first parents of env-test's sealed branch."""
    forge = estate.forge()
    found: list[tuple[str, str]] = []
    tip = estate.branch("env-test", "sealed")
    while True:
        seal = forge.commit(ORGANISATION, "env-test", tip)
        if "Argocd-gpg-seal:" not in seal.message or len(seal.parents) < 2:
            return found
        found.append((tip, seal.parents[1]))
        tip = seal.parents[0]


def ledger(estate: Estate) -> list[dict[str, Any]]:
    """The ledger's lines as they stand in its file."""
    lines = estate.context.stores.ledger.read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_record_is_opened_once_however_often_the_controller_dies(estate: Estate, promotion: Proposal) -> None:
    chance = random.Random(SEED)  # noqa: S311 - to be the same every time
    pull = promotion.pull

    def judged() -> bool:
        return promotion.record is not None and promotion.gate().standing.get("record-approved") is not None

    killed_until(estate, "controller", judged, times=3, chance=chance)

    key = f"acme/env-prod#{pull.number}@{pull.head_sha}"
    records = estate.tickets().find({"correlation_id": key})
    assert [item.number for item in records] == [promotion.record]


def test_a_pipeline_ends_once_when_tekton_dies_in_the_middle(estate: Estate) -> None:
    chance = random.Random(SEED)  # noqa: S311 - to be the same every time
    clone = fresh_clone(estate, "dana", "payments")
    head = commit(estate, "dana", clone, "Build it once more", lambda folder: (folder / "NOTES.md").write_text("3\n"))
    estate.git("dana", "push", "--quiet", cwd=clone)
    hub, tag = estate.cluster(), f"main-{head[:12]}"
    runs, tasks = ("tekton.dev/v1", "PipelineRun"), ("tekton.dev/v1", "TaskRun")

    def built() -> list[dict[str, Any]]:
        return hub.list(*runs, namespace="ci", label_selector=f"interlock.dev/commit={head}").items

    def of(run: dict[str, Any]) -> list[dict[str, Any]]:
        selector = f"tekton.dev/pipelineRun={run['metadata']['name']}"
        return hub.list(*tasks, namespace="ci", label_selector=selector).items

    eventually(lambda: [of(run) for run in built()], what="the first task")
    kills = killed_until(estate, "tekton", lambda: outcome(built()[-1]) == "True", times=2, chance=chance)

    assert kills > 0
    estate.run("wait", "payments", "--env", "dev", "--image", tag, "--timeout", "60")
    # What was interrupted failed and said so; the platform built again, and only what ended well was attested.
    *interrupted, last = sorted(built(), key=lambda run: str(run["metadata"]["name"]))
    for run in interrupted:
        assert outcome(run) == "False"
        assert "StepInterrupted" in {task["status"]["conditions"][0]["reason"] for task in of(run)}
    assert len(of(last)) == 8
    bumps = [item for item in estate.pulls("env-dev", "payments", state="all") if item.head_ref.endswith(tag)]
    assert [item.merged for item in bumps] == [True]
    read = [item["body"]["uid"] for item in ledger(estate) if item["kind"] == "run-read"]
    attested = [item["body"]["uid"] for item in ledger(estate) if item["kind"] == "attested"]
    for run in built():
        uid, times = run["metadata"]["uid"], int(run["metadata"]["uid"] == last["metadata"]["uid"])
        assert (read.count(uid), attested.count(uid)) == (times, times)


def outcome(run: dict[str, Any]) -> str:
    conditions = (run.get("status") or {}).get("conditions") or []
    return next((str(item["status"]) for item in conditions if item["type"] == "Succeeded"), "")
