from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.platform.domain.change import FileChange
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, ObjectId, ReasonCode, ServiceName
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.estate.windows import Freeze, Window
from interlock.platform.facts.case import Case
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.revert import RevertFacts
from interlock.platform.kinds.image import NAME as IMAGE
from interlock.platform.kinds.revert import NAME as REVERT_KIND

from .conftest import Known

Broken = Callable[..., dict[str, Finding]]
PATH = "apps/payments/values.prod.yaml"


@pytest.mark.parametrize(
    ("pull", "reason"),
    [
        ({"base_ref": "release"}, "pull-wrong-base"),
        ({"repository": "mallory/env-prod"}, "pull-wrong-base"),
        ({"open": False}, "pull-closed"),
        ({"head": CommitId("9" * 40)}, "pull-head-moved"),
    ],
)
def test_the_only_base_is_main_of_the_environments_repository(
    broken: Broken, pull: dict[str, Any], reason: str
) -> None:
    assert broken(pull=pull)["pull-base"].reason == reason


def test_a_fork_is_nobodys_delivery(broken: Broken) -> None:
    assert broken(foreign=True)["pull-base"].reason == "pull-from-fork"


def test_a_conflict_is_told_from_a_git_that_did_not_answer(broken: Broken) -> None:
    conflict = broken(change=Unread("git", "merge-conflict", "apps/payments/values.prod.yaml"))["merges-cleanly"]
    assert (conflict.verdict, conflict.reason) == (Verdict.INVALID, "merge-conflict")
    silent = broken(change=Unread("git", "git-unreachable", "timed out"))["merges-cleanly"]
    assert (silent.verdict, silent.reason) == (Verdict.UNKNOWN, "fact-unreadable")


@pytest.mark.parametrize("mode", ["120000", "160000", "100755"])
def test_links_and_executables_are_no_delivery(broken: Broken, mode: str) -> None:
    found = broken(change={"effect": (FileChange(PATH, "modified", "100644", mode),)})
    assert found["delivery-kind"].reason == "file-mode"


def test_an_unregistered_service_has_no_owner_to_approve_it(broken: Broken) -> None:
    found = broken(case=Case(IMAGE, ServiceName("quotes")))
    assert found["service-registered"].reason == "service-unregistered"
    assert "approval-service-owner" in found


def test_classification_tells_its_reason(broken: Broken) -> None:
    several = Case(None, None, ReasonCode("several-services"), "ledger, payments")
    assert broken(case=several)["delivery-kind"].detail == "ledger, payments"


def test_a_blocked_queue_lets_only_the_restoring_revert_pass(good: Known, broken: Broken) -> None:
    blocked = QueueState(CommitId("6" * 40), "merge-unjudged")
    assert broken(queue=blocked)["queue-open"].reason == "queue-blocked"
    revert = Case(REVERT_KIND, ServiceName("payments"))
    other = RevertFacts(CommitId("8" * 40), ObjectId("f" * 40))
    assert broken(queue=blocked, case=revert, revert=other)["queue-open"].reason == "queue-blocked"
    restoring = RevertFacts(None, None, restores=True)
    assert broken(queue=blocked, case=revert, revert=restoring) == {}


def test_saying_restores_without_being_a_revert_does_not_help(broken: Broken) -> None:
    blocked = QueueState(CommitId("6" * 40), "merge-unjudged")
    assert "queue-open" in broken(queue=blocked, revert=RevertFacts(None, None, restores=True))


def test_outside_of_every_window_nothing_is_merged(good: Known, broken: Broken) -> None:
    night = Window.model_validate({"days": ["mon"], "from": "22:00", "to": "24:00"})
    closed = good.environment.model_copy(update={"windows": (night,)})
    assert broken(environment=closed)["change-window"].reason == "window-closed"
    open_now = datetime(2026, 8, 24, 22, 30, tzinfo=UTC)
    assert "change-window" not in broken(environment=closed, now=open_now)
    always = good.environment.model_copy(update={"windows": ()})
    assert broken(environment=always) == {}


def test_a_freeze_stops_deliveries_but_not_reverts(good: Known, broken: Broken) -> None:
    freeze = Freeze.model_validate(
        {"name": "Close", "from": "2026-08-24T00:00:00Z", "to": "2026-08-25T00:00:00Z", "environments": ["prod"]}
    )
    platform = good.estate.platform.model_copy(update={"freezes": (freeze,)})
    assert broken(estate={"platform": platform})["no-freeze"].reason == "freeze"
    revert = Case(REVERT_KIND, ServiceName("payments"))
    facts = RevertFacts(CommitId("8" * 40), ObjectId("f" * 40), before=CommitId("7" * 40))
    assert broken(estate={"platform": platform}, case=revert, revert=facts) == {}
    night = Window.model_validate({"days": ["mon"], "from": "22:00", "to": "24:00"})
    closed = good.environment.model_copy(update={"windows": (night,)})
    assert broken(environment=closed, case=revert, revert=facts) == {}, "nor does a closed window"
