"""Checks of the change record, each with its own reason codes (research/audit_portal.md 3.1).

"Does not exist" and "cannot be read" are told apart everywhere: the second is unknown, never a pass and never a no.
"""

from __future__ import annotations

from abc import abstractmethod

from interlock.platform.checks.check import Check
from interlock.platform.checks.people import initiators, source_authors
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.people import Person, Role, System
from interlock.platform.domain.record import ChangeRecord, RecordApproval, RecordApprovalState, RecordState
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, ground, pull
from interlock.platform.facts import record as records
from interlock.platform.facts.facts import missing

_RECORD = "mend the record in the ticket system, or cancel it there: the platform opens a new one"


REASONS = table(
    {
        "record-unnamed": Reason("The title does not begin with the number of a change record.", "add it to the title"),
        "record-not-read": Reason("There is no record to judge.", "see the check `record-exists`"),
        "record-not-found": Reason("The ticket system has no record of that number.", "name the right number"),
        "record-unreadable": Reason(
            "The ticket system did not answer or refused: the record's state is unknown.",
            "restore access to the ticket system",
        ),
        "record-wrong-type": Reason("The record's type may not carry a delivery.", _RECORD),
        "record-state-unmapped": Reason(
            "platform.yaml does not say what the record's raw state means.", "add it to tickets.states"
        ),
        "record-wrong-state": Reason("The record is not in a state in which a delivery may be made.", _RECORD),
        "record-not-approved": Reason("The record is not approved.", "the change manager approves the record"),
        "record-rejected": Reason("The record was rejected.", _RECORD),
        "record-approved-by-requester": Reason(
            "The record was approved by somebody who asked for the change or wrote it.",
            "another change manager approves",
        ),
        "record-approver-unknown": Reason(
            "The approver's account belongs to no known person.", "add it to people.yaml"
        ),
        "record-approver-no-role": Reason("The approver is no change manager.", "a change manager approves"),
        "record-window-missing": Reason("The record has no start or end.", _RECORD),
        "record-not-yet": Reason("The record's window has not begun.", "wait for it"),
        "record-window-over": Reason("The record's window is over.", _RECORD),
        "record-wrong-ci": Reason("The record names another configuration item than the delivery's.", _RECORD),
        "record-on-hold": Reason("The record is on hold.", "the change manager takes it off hold"),
        "record-conflict": Reason("The ticket system sees a conflict with another change.", "settle it there"),
        "record-other-delivery": Reason("The record was opened for another delivery or another head.", _RECORD),
        "record-reused": Reason("Another delivery carries the same record.", _RECORD),
        "record-altered": Reason("The record's text is not what the platform wrote for this delivery.", _RECORD),
        "record-approval-not-captured": Reason(
            "The platform has not recorded the approval yet.", "wait for the next round"
        ),
        "record-changed": Reason("The record's plan was changed after its approval.", "cancel it; a new one is opened"),
    }
)


def delivery_key(facts: Facts) -> str:
    """What the record's correlation id must be: a record belongs to one pull request and one head."""
    asked = facts.get(pull.read)
    return f"{asked.repository}#{asked.number}@{asked.head}"


class RecordNamed(Check):
    id = "record-named"
    claim = "The title begins with the number of a change record."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(records.read)
        if found.number is None:
            return self.invalid("record-unnamed", facts.get(pull.read).title[:60])
        return self.valid(found.number)


class RecordExists(Check):
    id = "record-exists"
    claim = "The ticket system has the record that the title names."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(records.read)
        record = found.record
        if found.number is None:
            return self.unknown("record-not-read")
        if isinstance(record, Unread):
            return self.unknown("record-unreadable", str(record))
        if record is None:
            return self.invalid("record-not-found", found.number)
        if record.number != found.number:
            return self.unknown("record-unreadable", f"asked for {found.number}, got {record.number}")
        return self.valid(record.number)


class RecordCheck(Check):
    """A check of a record that was read; otherwise ``record-exists`` says why not and this one stays unknown."""

    def judge(self, facts: Facts) -> Finding:
        record = facts.get(records.read).record
        if not isinstance(record, ChangeRecord):
            return self.unknown("record-not-read")
        return self.judge_record(facts, record)

    @abstractmethod
    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding: ...


class RecordType(RecordCheck):
    id = "record-type"
    claim = "The record is of a type that may carry a delivery."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        if record.type not in facts.get(ground.estate).platform.tickets.types:
            return self.invalid("record-wrong-type", record.type)
        return self.valid(record.type)


class RecordInState(RecordCheck):
    id = "record-state"
    claim = "The record is in a state in which a delivery may be made."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        if record.state is RecordState.UNMAPPED:
            return self.unknown("record-state-unmapped", record.raw_state)
        if record.state not in facts.get(ground.estate).platform.tickets.deliverable:
            return self.invalid("record-wrong-state", record.state.value)
        return self.valid(record.state.value)


class RecordApproved(RecordCheck):
    """The rows decide, the summary field can only forbid: it does not say who approved."""

    id = "record-approved"
    claim = "A change manager who neither asked for the change nor wrote it has approved the record."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        tickets = facts.get(ground.estate).platform.tickets
        rejected = [item for item in record.approvals if item.state is RecordApprovalState.REJECTED]
        if rejected or record.approval in tickets.rejected:
            return self.invalid("record-rejected", f"by {rejected[0].account}" if rejected else record.approval)
        granted = [item for item in record.approvals if item.state is RecordApprovalState.APPROVED]
        if not granted or record.approval not in tickets.approved:
            return self.invalid("record-not-approved", record.approval)
        judged = [self._unfit(facts, record, item) for item in granted]
        good = [item.account for item, reason in zip(granted, judged, strict=True) if reason is None]
        if good:
            return self.valid(f"by {', '.join(good)}")
        reasons = {reason for reason in judged if reason}
        nearest = next(code for code in _UNFIT if code in reasons)
        detail = ", ".join(item.account for item in granted)
        if nearest == "record-approver-unknown":
            return self.unknown(nearest, detail)
        return self.invalid(nearest, detail)

    def _unfit(self, facts: Facts, record: ChangeRecord, item: RecordApproval) -> str | None:
        if item.account.casefold() in (record.requested_by.casefold(), record.opened_by.casefold()):
            return "record-approved-by-requester"
        person = facts.get(ground.estate).people.by_account(System.TICKETS, item.account, facts.get(ground.merging))
        if person is None:
            return "record-approver-unknown"
        if _asked(facts, record, person):
            return "record-approved-by-requester"
        return None if Role.CHANGE_MANAGER in person.roles else "record-approver-no-role"


_UNFIT = ("record-approver-unknown", "record-approver-no-role", "record-approved-by-requester")


def _asked(facts: Facts, record: ChangeRecord, person: Person) -> bool:
    """Whether ``person``, by any account, asked for the change or wrote part of it."""
    accounts = [account for system, account in person.accounts if system is System.TICKETS]
    if {record.requested_by.casefold(), record.opened_by.casefold()} & set(accounts):
        return True
    return person.id in initiators(facts) | source_authors(facts)


class RecordWindow(RecordCheck):
    """Start inclusive, end exclusive, UTC: the ticket system gives UTC when asked for raw values."""

    id = "record-window"
    claim = "Now is inside of the record's window."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        if record.start is None or record.end is None:
            return self.invalid("record-window-missing")
        span = f"{record.start.isoformat()} to {record.end.isoformat()}"
        if facts.get(ground.moment) < record.start:
            return self.invalid("record-not-yet", span)
        if facts.get(ground.moment) >= record.end:
            return self.invalid("record-window-over", span)
        return self.valid(span)


class RecordItem(RecordCheck):
    id = "record-item"
    claim = "The record names the configuration item of what the delivery moves."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        if record.configuration_item != facts.get(ground.configuration_item):
            return self.invalid("record-wrong-ci", record.configuration_item or "none")
        return self.valid(record.configuration_item)


class RecordUnhindered(RecordCheck):
    id = "record-unhindered"
    claim = "The record is not on hold and without conflict."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        if record.on_hold:
            return self.invalid("record-on-hold")
        if record.conflict not in facts.get(ground.estate).platform.tickets.conflict_clear:
            return self.invalid("record-conflict", record.conflict)
        return self.valid()


class RecordOwn(RecordCheck):
    """A record is for one pull request and one head: an approved one cannot be carried to something else."""

    id = "record-own"
    claim = "The record was opened for exactly this delivery and head, and no other delivery carries it."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        expected = delivery_key(facts)
        if record.delivery != expected:
            return self.invalid("record-other-delivery", f"{record.delivery or 'none'}, expected {expected}")
        if used_by := facts.get(records.read).used_by:
            return self.invalid("record-reused", ", ".join(used_by))
        return self.valid(expected)


class RecordText(RecordCheck):
    """What was approved is what the platform wrote: diff, tests, back-out."""

    id = "record-text"
    claim = "The record's texts are what the platform wrote for this delivery."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        expected = facts.get(records.read).expected
        if not expected:
            raise missing("texts of the record")
        for name, text in expected.items():
            if record.texts.get(name, "").split() != text.split():
                return self.invalid("record-altered", name)
        return self.valid(", ".join(sorted(expected)))


class RecordUnchanged(RecordCheck):
    """Two sources: the plan as it was when the answer was first seen, and the ticket system's own history."""

    id = "record-unchanged"
    claim = "Nothing that was approved has been changed since the approval."

    def judge_record(self, facts: Facts, record: ChangeRecord) -> Finding:
        granted = [item for item in record.approvals if item.state is RecordApprovalState.APPROVED]
        if not granted:
            return self.invalid("record-not-approved", record.approval)
        for item in granted:
            if item.shown is None or record.plan is None:
                return self.unknown("record-approval-not-captured", item.account)
            if item.shown != record.plan:
                return self.invalid("record-changed", f"approved {item.shown[:19]}, now {record.plan[:19]}")
            changed = record.plan_changed_at
            # Within one second, the systems' resolution, nobody can tell which came first: not approved as it is.
            if changed is not None and item.answered_at is not None and changed >= item.answered_at:
                return self.invalid("record-changed", f"approved {item.answered_at}, changed {changed}")
        return self.valid(record.plan or "")


def every() -> tuple[Check, ...]:
    """All of them, in their order."""
    return (
        RecordNamed(),
        RecordExists(),
        RecordType(),
        RecordInState(),
        RecordApproved(),
        RecordWindow(),
        RecordItem(),
        RecordUnhindered(),
        RecordOwn(),
        RecordText(),
        RecordUnchanged(),
    )
