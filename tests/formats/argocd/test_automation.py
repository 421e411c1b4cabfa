"""When an Application syncs by itself, and how long it waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats.argocd import automation, backoff
from interlock.formats.argocd.application import Automated, Retry
from interlock.formats.argocd.automation import Decision, LastOperation, Waits

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SOURCE = {"repoURL": "https://git/acme/env-prod", "path": "apps/payments"}
OUT = {"kind": "ConfigMap", "name": "a", "status": "OutOfSync"}
IN = {"kind": "ConfigMap", "name": "b", "status": "Synced"}
EXTRA = {"kind": "ConfigMap", "name": "c", "status": "OutOfSync", "requiresPruning": True}
WAITS = Waits(timedelta(seconds=2), 3, timedelta(seconds=300))
DONE = LastOperation("Succeeded", "successfully synced", "r1", SOURCE, NOW - timedelta(seconds=1), 0)


def decide(policy: Automated | None = None, **changes: Any) -> Decision:
    settings: dict[str, Any] = {
        "status": "OutOfSync",
        "revision": "r1",
        "source": SOURCE,
        "resources": [OUT, IN],
        "operating": False,
        "deleting": False,
        "last": None,
        "waits": WAITS,
        "now": NOW,
        **changes,
    }
    return automation.decide(policy if policy is not None else Automated(), **settings)


HEAL = Automated(self_heal=True)


def test_what_is_out_of_sync_is_synced_whole() -> None:
    assert decide() == Decision("sync")
    assert decide(last=replace(DONE, revision="r0")) == Decision("sync")
    assert decide(last=replace(DONE, source={**SOURCE, "path": "else"})) == Decision("sync")


@pytest.mark.parametrize(
    "changes",
    [{"status": "Synced"}, {"status": "Unknown"}, {"operating": True}, {"deleting": True}, {"resources": [EXTRA, IN]}],
)
def test_nothing_is_done(changes: dict[str, Any]) -> None:
    assert decide(**changes).action == "skip"


def test_without_automation_nothing_is_done() -> None:
    found = automation.decide(
        None, status="OutOfSync", revision="r", source={}, resources=[OUT], operating=False, deleting=False,
        last=None, waits=WAITS, now=NOW,
    )  # fmt: skip
    assert found.action == "skip"


def test_a_change_by_hand_is_healed_only_with_self_heal_and_only_what_differs() -> None:
    assert decide(last=DONE).action == "skip"
    found = decide(HEAL, last=DONE)
    assert (found.action, found.resources, found.self_heals) == ("sync", (OUT,), 1)


def test_healing_again_and_again_waits_longer_and_longer() -> None:
    found = decide(HEAL, last=replace(DONE, self_heals=1))
    assert (found.action, found.delay) == ("wait", timedelta(seconds=1))
    found = decide(HEAL, last=replace(DONE, self_heals=2))
    assert found.delay == timedelta(seconds=5)
    ready = replace(DONE, self_heals=2, finished=NOW - timedelta(seconds=6))
    assert decide(HEAL, last=ready).self_heals == 3


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_failed_attempt_is_not_repeated_and_said(phase: str) -> None:
    found = decide(HEAL, last=replace(DONE, phase=phase, message="it broke"))
    assert found == Decision("refuse", "Failed last sync attempt to [r1]: it broke")
    assert decide(HEAL, last=replace(DONE, phase=phase, revision=None)).action == "refuse"
    assert decide(HEAL, last=replace(DONE, phase="Running", revision=None)).action == "sync"


def test_pruning_everything_away_is_refused_unless_asked_for() -> None:
    prune = Automated(prune=True)
    assert "will wipe out all resources" in decide(prune, resources=[EXTRA]).reason
    assert decide(prune, resources=[]).action == "refuse"
    assert decide(prune, resources=[EXTRA, IN]).action == "sync"
    assert decide(Automated(prune=True, allow_empty=True), resources=[EXTRA]).action == "sync"


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 0), (1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (6, 300), (60, 300)]
)
def test_self_heal_backoff_is_upstreams(attempts: int, seconds: int) -> None:
    wait = backoff.self_heal_wait(attempts, initial=timedelta(seconds=2), factor=3, cap=timedelta(seconds=300))
    assert wait == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("policy", "retries", "seconds"),
    [
        ({}, 0, 5),
        ({}, 1, 10),
        ({}, 10, 180),
        ({"backoff": {"duration": "10s", "factor": 2, "maxDuration": "2m"}}, 1, 20),
        ({"backoff": {"duration": "10s", "factor": 2, "maxDuration": "2m"}}, 5, 120),
        ({"backoff": {"duration": "30", "factor": 1}}, 7, 30),
        ({"backoff": {"duration": "1d", "maxDuration": "2d"}}, 0, 86400),
    ],
)
def test_retries_wait_as_upstream(policy: dict[str, Any], retries: int, seconds: int) -> None:
    assert backoff.next_retry(Retry.model_validate(policy), NOW, retries) == NOW + timedelta(seconds=seconds)


def test_how_often_it_is_retried() -> None:
    assert backoff.may_retry(Retry(limit=3), 2)
    assert not backoff.may_retry(Retry(limit=3), 3)
    assert backoff.may_retry(Retry(limit=-1), 10_000)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1h30m", 5400), ("1.5m", 90), ("250ms", 0.25), ("0", 0), ("-5s", -5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert backoff.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "1 h", "s", "1d", "5x", "1h-5m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError):
        backoff.duration(text)
