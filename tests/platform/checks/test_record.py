"""The checks of a change record (research/audit_portal.md 3.1; attacks 5 and 12 of 2.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.platform.checks import record as records
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, DeliveryKind, Digest, PersonId, RecordNumber
from interlock.platform.domain.people import People, Role, System
from interlock.platform.domain.record import ChangeRecord, RecordApproval, RecordApprovalState, RecordState
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.facts.case import Case
from interlock.platform.facts.record import number_in

from .conftest import Known

Broken = Callable[..., dict[str, Finding]]
NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
PLAN, OTHER = Digest("sha256:" + "9" * 64), Digest("sha256:" + "0" * 64)


def row(account: str = "carol", state: RecordApprovalState = RecordApprovalState.APPROVED, **changes: Any) -> Any:
    return RecordApproval(account, state, changes.get("at", NOW - timedelta(minutes=30)), changes.get("shown", PLAN))


@pytest.mark.parametrize(
    ("record", "check", "reason"),
    [
        ({"type": "release"}, "record-type", "record-wrong-type"),
        ({"state": RecordState.NEW}, "record-state", "record-wrong-state"),
        ({"state": RecordState.CLOSED}, "record-state", "record-wrong-state"),
        ({"state": RecordState.CANCELED}, "record-state", "record-wrong-state"),
        ({"approval": "requested"}, "record-approved", "record-not-approved"),
        ({"approval": "rejected"}, "record-approved", "record-rejected"),
        ({"start": NOW + timedelta(seconds=1)}, "record-window", "record-not-yet"),
        ({"end": NOW}, "record-window", "record-window-over"),
        ({"start": None}, "record-window", "record-window-missing"),
        ({"configuration_item": "ledger-events"}, "record-item", "record-wrong-ci"),
        ({"configuration_item": ""}, "record-item", "record-wrong-ci"),
        ({"on_hold": True}, "record-unhindered", "record-on-hold"),
        ({"conflict": "Conflict"}, "record-unhindered", "record-conflict"),
        ({"delivery": "acme/env-prod#6@" + "b" * 40}, "record-own", "record-other-delivery"),
        ({"delivery": "acme/env-prod#7@" + "c" * 40}, "record-own", "record-other-delivery"),
        ({"delivery": ""}, "record-own", "record-other-delivery"),
        ({"texts": {"description": "something else"}}, "record-text", "record-altered"),
        ({"plan": OTHER}, "record-unchanged", "record-changed"),
        ({"plan_changed_at": NOW - timedelta(minutes=29)}, "record-unchanged", "record-changed"),
    ],
)
def test_each_fault_of_a_record_has_its_own_reason(
    broken: Broken, record: dict[str, Any], check: str, reason: str
) -> None:
    found = broken(record={"record": record})
    assert (found[check].verdict, found[check].reason) == (Verdict.INVALID, reason)
    assert set(found) == {check}


def test_the_window_includes_its_start_and_excludes_its_end(broken: Broken) -> None:
    assert broken(record={"record": {"start": NOW, "end": NOW + timedelta(seconds=1)}}) == {}


def test_a_raw_state_that_nobody_mapped_is_unknown(broken: Broken) -> None:
    found = broken(record={"record": {"state": RecordState.UNMAPPED, "raw_state": "7"}})["record-state"]
    assert (found.verdict, found.reason, found.detail) == (Verdict.UNKNOWN, "record-state-unmapped", "7")


def test_no_number_no_record_and_no_answer_are_three_things(broken: Broken) -> None:
    unnamed = broken(record={"number": None, "record": None})
    assert (unnamed["record-named"].verdict, unnamed["record-named"].reason) == (Verdict.INVALID, "record-unnamed")
    absent = broken(record={"record": None})["record-exists"]
    assert (absent.verdict, absent.reason) == (Verdict.INVALID, "record-not-found")
    down = Unread("tickets", "tickets-unauthenticated", "401")
    silent = broken(record={"record": down})
    assert (silent["record-exists"].verdict, silent["record-exists"].reason) == (Verdict.UNKNOWN, "record-unreadable")
    assert {item.verdict for key, item in silent.items() if key.startswith("record-")} == {Verdict.UNKNOWN}


def test_an_answer_about_another_number_is_no_answer(broken: Broken) -> None:
    found = broken(record={"record": {"number": RecordNumber("CHG0039999")}})["record-exists"]
    assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("approvals", "verdict", "reason"),
    [
        ((), Verdict.INVALID, "record-not-approved"),
        ((row(state=RecordApprovalState.REQUESTED),), Verdict.INVALID, "record-not-approved"),
        ((row(), row("mia", RecordApprovalState.REJECTED)), Verdict.INVALID, "record-rejected"),
        ((row("interlock"),), Verdict.INVALID, "record-approved-by-requester"),
        ((row("stranger"),), Verdict.UNKNOWN, "record-approver-unknown"),
    ],
)
def test_the_rows_decide_not_the_summary(
    broken: Broken, approvals: tuple[RecordApproval, ...], verdict: Verdict, reason: str
) -> None:
    found = broken(record={"record": {"approvals": approvals}})["record-approved"]
    assert (found.verdict, found.reason) == (verdict, reason)


def test_an_approver_without_the_role_does_not_approve(broken: Broken, good: Known, make: dict[str, Any]) -> None:
    persons = [
        make["vary"](item, roles=item.roles - {Role.CHANGE_MANAGER}) if item.id == "carol" else item
        for item in good.estate.people.persons
    ]
    found = broken(estate={"people": People(tuple(persons))})
    assert found["record-approved"].reason == "record-approver-no-role"


@pytest.mark.parametrize("where", ["initiator", "source"])
def test_who_asked_for_the_change_does_not_approve_its_record(
    broken: Broken, good: Known, make: dict[str, Any], where: str
) -> None:
    """Carol has a ticket account only; here Dana has one too and is a change manager."""
    dana = good.estate.people.get(PersonId("dana"))
    assert dana is not None
    accounts = dana.accounts | {(System.TICKETS, "dmoss")}
    manager = make["vary"](dana, accounts=accounts, roles=frozenset({Role.CHANGE_MANAGER}))
    others = [item for item in good.estate.people.persons if item.id != "dana"]
    facts: dict[str, Any] = {
        "estate": {"people": People((manager, *others))},
        "record": {"record": {"approvals": (row("dmoss"),)}},
    }
    if where == "source":
        facts["pull"] = {"author": "pat"}
        facts["change"] = {"commits": (CommitFacts(CommitId("b" * 40), "x", 1, PersonId("pat")),)}
    assert broken(**facts)["record-approved"].reason == "record-approved-by-requester"


def test_12_a_number_that_another_delivery_carries(broken: Broken) -> None:
    found = broken(record={"used_by": ("acme/env-prod#3",)})["record-own"]
    assert (found.reason, found.detail) == ("record-reused", "acme/env-prod#3")


def test_5_an_approval_is_of_the_plan_as_it_was_seen(broken: Broken) -> None:
    unseen = broken(record={"record": {"approvals": (row(shown=None),)}})["record-unchanged"]
    assert (unseen.verdict, unseen.reason) == (Verdict.UNKNOWN, "record-approval-not-captured")
    other = broken(record={"record": {"approvals": (row(shown=OTHER),)}})["record-unchanged"]
    assert other.reason == "record-changed"


def test_5_the_systems_own_history_sees_a_change_before_the_capture(broken: Broken) -> None:
    """Approved, changed, then first seen by the platform: both digests are equal, the history is not fooled."""
    changed = {"approvals": (row(at=NOW - timedelta(minutes=30)),), "plan_changed_at": NOW - timedelta(minutes=20)}
    assert broken(record={"record": changed})["record-unchanged"].reason == "record-changed"


def test_a_change_in_the_second_of_the_approval_counts_as_later(broken: Broken) -> None:
    """Ticket systems keep whole seconds: nobody can tell which of the two came first."""
    changed = {"approvals": (row(at=NOW - timedelta(minutes=30)),), "plan_changed_at": NOW - timedelta(minutes=30)}
    assert broken(record={"record": changed})["record-unchanged"].reason == "record-changed"


@pytest.mark.parametrize(
    ("title", "number"),
    [
        ("CHG0030001 payments: main-1 to prod", "CHG0030001"),
        ("payments: main-1 to prod", None),
        ("payments CHG0030001", None),
        ("see CHG0030001", None),
        ("CHG0030001", None),
        ("CHG0030001x payments", None),
        ("CHG00300010000000000 payments", None),
        ("CHG１２３４５ payments", None),
        ("XCHG0030001 payments", None),
        ("CVE-2026-41284 payments", None),
    ],
)
def test_the_number_stands_first_in_the_title_or_nowhere(title: str, number: str | None) -> None:
    assert number_in(title, "CHG") == number


@pytest.mark.parametrize(("item", "reason"), [("platform", "ok"), ("payments", "record-wrong-ci")])
def test_what_is_of_no_service_names_the_platforms_own_item(good: Known, item: str, reason: str) -> None:
    assert isinstance(good.record.record, ChangeRecord)
    found = dataclasses.replace(good.record.record, configuration_item=item)
    known = dataclasses.replace(
        good, case=Case(DeliveryKind("platform"), None), record=dataclasses.replace(good.record, record=found)
    )
    assert records.RecordItem().examine(known.facts()).reason == reason
