"""Change records: what the platform writes into one, how it is read, and what happens to it in the end.

A record belongs to one pull request and one head (its ``correlation_id``). When the head moves the old record is
cancelled and a new one is opened: an approval is never carried to something that its giver has not seen.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.clients.forge import ForgeClient
from interlock.clients.tickets import PLANNED_FIELDS, Approval, ChangeRequest, HistoryEntry, TicketsClient
from interlock.errors import ConflictError, InterlockError, NotFoundError
from interlock.platform.books import Books
from interlock.platform.books.vocabulary import RecordAnswered
from interlock.platform.checks.record import number_in
from interlock.platform.domain.change import Change
from interlock.platform.domain.delivery import Delivery, DeliveryKind
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import Digest, RecordNumber
from interlock.platform.domain.image import ImageFacts, ImageReference, Provenance, Scan
from interlock.platform.domain.record import ChangeRecord, RecordApproval, RecordApprovalState, RecordState
from interlock.platform.estate import Estate, Service

MAX_DIFF = 3000
"""Characters; ServiceNow's ``description`` takes 4000."""
_ENDED = (RecordState.CLOSED, RecordState.CANCELED)
_STATES = {
    "requested": RecordApprovalState.REQUESTED,
    "approved": RecordApprovalState.APPROVED,
    "rejected": RecordApprovalState.REJECTED,
}


@dataclass(frozen=True)
class Plan:
    """What is known of a delivery when its record is written. ``now`` and ``wanted`` images are None when none runs."""

    delivery: Delivery
    service: Service
    url: str
    """Of the pull request, for people."""
    now: ImageReference | None
    wanted: ImageReference | None
    diff: str
    """Text of the files' change, as reviewers see it."""
    tests: Sequence[str]
    """One line a fact: what was tested, scanned, and where it runs already."""

    @property
    def key(self) -> str:
        return f"{self.delivery.id}@{self.delivery.head}"


def plan(
    delivery: Delivery,
    service: Service,
    url: str,
    before: ImageReference | None,
    image: ImageFacts | Unread | None,
    change: Change,
    estate: Estate,
) -> Plan:
    """Everything from what was read; nothing that changes from one round to the next by itself."""
    wanted = image.reference if isinstance(image, ImageFacts) else None
    tests = []
    if isinstance(image, ImageFacts):
        if isinstance(image.provenance, Provenance):
            made = image.provenance
            tests.append(
                f"Built and tested by pipeline {made.pipeline}, run {made.run}, from {made.source}@{made.commit}"
            )
        if isinstance(image.scan, Scan):
            tests.append(f"Vulnerability scan of {image.scan.finished_at.isoformat()}: {image.scan.detail}")
    earlier = estate.previous(estate.environment(delivery.environment))
    if delivery.kind is DeliveryKind.IMAGE and earlier is not None:
        tests.append(f"The same digest must be Synced and Healthy in {earlier.name}; the gate checks it")
    return Plan(delivery, service, url, before, wanted, _diff(change), tests)


def _diff(change: Change) -> str:
    """Unified diff of the files as they land; long ones are cut, the pull request has them whole."""
    lines: list[str] = []
    for item in change.effect:
        old, new = (
            side.get(item.path, b"").decode(errors="replace").splitlines() for side in (change.before, change.after)
        )
        lines += difflib.unified_diff(old, new, f"a/{item.path}", f"b/{item.path}", n=1, lineterm="")
    return "\n".join(lines)[:MAX_DIFF]


def texts(plan: Plan) -> dict[str, str]:
    """The record's texts, by their names in the Table API. Pure: the gate compares the record with them."""
    what, where = plan.delivery.kind.value, plan.delivery.environment
    tag = plan.wanted.tag if plan.wanted else ""
    title = f"{plan.service.name}: {tag or what} to {where}"
    before, wanted = (str(item) if item and item.digest else "no image" for item in (plan.now, plan.wanted))
    back = (
        f"Revert pull request: `interlock revert {plan.service.name} --env {where}` goes back to {before}."
        if plan.now and plan.now.digest
        else "First release: nothing ran before; remove it by a removal delivery."
    )
    return {
        "short_description": title,
        "description": f"Delivery {plan.key}\nPull request: {plan.url}\nBefore: {before}\n"
        f"After: {wanted}\n\n{plan.diff}",
        "justification": f"Delivery of kind {what} of {plan.service.name}, owned by team {plan.service.team}.",
        "implementation_plan": "Interlock merges the pull request when every check of its gate holds, seals the merge, "
        f"and Argo CD syncs the seal to {where}. Nobody else can.",
        "test_plan": "\n".join(plan.tests) or "None.",
        "backout_plan": back,
    }


def fields(plan: Plan, *, start: datetime, length: timedelta) -> dict[str, str | datetime]:
    """Everything that a new record is opened with."""
    return {
        **texts(plan),
        "type": "normal",
        "cmdb_ci": plan.service.configuration_item,
        "correlation_id": plan.key,
        "start_date": start,
        "end_date": start + length,
    }


def ensure(
    tickets: TicketsClient, forge: ForgeClient, estate: Estate, plan: Plan, title: str, *, now: datetime
) -> RecordNumber:
    """The open record of this delivery and head, opened when there is none, its approval requested, and its number in
    the pull request's title. Repeatable at any point: records are found by their correlation id.

    A record of an earlier head, which the title still names, is cancelled.
    """
    settings = estate.platform.tickets
    old = number_in(title, settings.number)
    found = [item for item in tickets.find({"correlation_id": plan.key}) if not _ended(item, estate)]
    record = found[0] if found else tickets.create(fields(plan, start=now, length=settings.window))
    if record.approval not in settings.rejected:  # a no is an answer: nobody is asked again
        tickets.request_approval(record.sys_id)
    number = RecordNumber(record.number)
    if old is not None and old != number:
        reason = f"The pull request has a new head: {plan.key}"
        cancel(tickets, estate, old, plan.delivery.id, reason=reason)
    bare = title.removeprefix(old or "").strip()
    if title != (wanted := f"{number} {bare}"):
        owner, _, name = plan.delivery.repository.partition("/")
        forge.edit_pull(owner, name, plan.delivery.number, title=wanted)
    return number


def cancel(tickets: TicketsClient, estate: Estate, number: RecordNumber, delivery: str, *, reason: str) -> None:
    """Cancel an open record of pull request ``delivery`` (``owner/name#number``). Repeatable.

    Only a record of this very pull request: a number that somebody typed into a title is not ours to cancel.
    """
    try:
        record = tickets.get(number)
    except NotFoundError:
        return
    if record.correlation_id.startswith(f"{delivery}@") and not _ended(record, estate):
        with contextlib.suppress(ConflictError):
            tickets.cancel(record.sys_id, reason=reason)


def close(tickets: TicketsClient, number: RecordNumber, *, notes: str) -> None:
    """After the delivery is sealed and healthy. Repeatable."""
    tickets.close(tickets.get(number).sys_id, notes=notes)


def read(
    tickets: TicketsClient, books: Books, estate: Estate, number: RecordNumber
) -> tuple[ChangeRecord | Unread | None, object]:
    """The record as a fact, None when the system says there is none, and the raw rows behind it.

    Answers that are new are captured first: with the plan as it is now.
    """
    try:
        record = tickets.get(number)
    except NotFoundError:
        return None, None
    except InterlockError as error:
        return unread("tickets", error), None
    try:
        rows, history = tickets.approvals(record.sys_id), tickets.history(record.sys_id)
    except InterlockError as error:
        return unread("tickets", error), None
    for row in rows:
        capture_answer(books, record, row)
    answers = [item.said for item in books.of_subject(RecordAnswered, record.number)]
    shown = {item.row: item.plan for item in answers}
    raw = {"record": dict(record.raw), "approvals": [dict(row.raw) for row in rows]}
    return facts(record, rows, history, shown, estate), raw


def capture_answer(books: Books, record: ChangeRequest, row: Approval) -> None:
    """Write down what the plan was when an approval was first seen. One entry a row."""
    if _STATES.get(row.state) is RecordApprovalState.APPROVED:
        body = RecordAnswered(row.sys_id, row.approver, Digest(record.plan_digest()))
        books.write(record.number, body, key=body.key(record.number))


def facts(
    record: ChangeRequest,
    rows: Iterable[Approval],
    history: Iterable[HistoryEntry],
    shown: Mapping[str, Digest],
    estate: Estate,
) -> ChangeRecord:
    """A record in the platform's words. ``shown``: approval row -> digest of the plan when it was first seen."""
    changes = [item.on for item in history if item.field_name in PLANNED_FIELDS and item.on is not None]
    raw_state = str(record.state)
    return ChangeRecord(
        number=RecordNumber(record.number),
        type=record.type,
        raw_state=raw_state,
        state=estate.platform.tickets.state(raw_state),
        approval=record.approval,
        requested_by=record.requested_by,
        opened_by=record.opened_by,
        start=record.start,
        end=record.end,
        configuration_item=record.cmdb_ci,
        on_hold=record.on_hold,
        conflict=record.conflict_status,
        delivery=record.correlation_id,
        texts={name: str(record.raw.get(name, "")) for name in PLANNED_FIELDS},
        plan=Digest(record.plan_digest()),
        plan_changed_at=max(changes, default=None),
        approvals=tuple(
            RecordApproval(row.approver, _STATES[row.state], row.updated_on, shown.get(row.sys_id))
            for row in rows
            if row.state in _STATES
        ),
    )


def _ended(record: ChangeRequest, estate: Estate) -> bool:
    return estate.platform.tickets.state(str(record.state)) in _ENDED
