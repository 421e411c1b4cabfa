"""The change record that a delivery's title names, as the ticket system tells it now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from interlock.clients.tickets import PLANNED_FIELDS, Approval, ChangeRequest, HistoryEntry
from interlock.errors import InterlockError, NotFoundError
from interlock.platform.books import Books
from interlock.platform.books.vocabulary import Merged, RecordAnswered
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import Digest, RecordNumber
from interlock.platform.domain.record import (
    ChangeRecord,
    RecordApproval,
    RecordApprovalState,
    RecordFacts,
)
from interlock.platform.estate import Estate
from interlock.platform.facts import ground
from interlock.platform.facts import pull as pulls
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import estate, sources

_STATES = {
    "requested": RecordApprovalState.REQUESTED,
    "approved": RecordApprovalState.APPROVED,
    "rejected": RecordApprovalState.REJECTED,
}


def read(facts: Facts) -> RecordFacts:
    """The record, and what else is known of its number. New answers are captured on the way."""
    number = facts.get(named)
    if number is None:
        return RecordFacts(None)
    found: ChangeRecord | Unread | None
    try:
        found = facts.get(_answer)[0]
    except InterlockError as error:
        found = unread("tickets", error)
    return RecordFacts(number, found, facts.get(expected), _used_by(facts, number))


def answer(facts: Facts) -> Any:
    """The rows of the ticket system behind it; None where it gave none."""
    found = facts.look(_answer)
    return None if isinstance(found, Unread) else found[1]


def named(facts: Facts) -> RecordNumber | None:
    """The number with which the title begins."""
    return number_in(facts.get(pulls.read).title, facts.get(estate).platform.tickets.number)


def number_in(title: str, prefix: str) -> RecordNumber | None:
    """The record's number, when ``title`` begins with one: nothing is searched for inside of the text."""
    match = re.match(rf"({re.escape(prefix)}[0-9]{{4,12}})(?=\s)", title, re.ASCII)
    return RecordNumber(match[1]) if match else None


def expected(facts: Facts) -> Mapping[str, str]:
    """The texts that the platform writes for this delivery and head: its kind knows them."""
    return {}


def _answer(facts: Facts) -> tuple[ChangeRecord | None, Any]:
    """The record, None when the system says there is none, and the raw rows behind it."""
    number, books = facts.get(named), facts.get(ground.books)
    assert number is not None  # noqa: S101 - asked for a record that the title names
    tickets = facts.get(sources).tickets()
    try:
        record = tickets.get(number)
    except NotFoundError:
        return None, None
    rows, history = tickets.approvals(record.sys_id), tickets.history(record.sys_id)
    for row in rows:
        capture_answer(books, record, row)
    answers = [item.said for item in books.of_subject(RecordAnswered, record.number)]
    shown = {item.row: item.plan for item in answers}
    raw = {"record": dict(record.raw), "approvals": [dict(row.raw) for row in rows]}
    return of(record, rows, history, shown, facts.get(estate)), raw


def capture_answer(books: Books, record: ChangeRequest, row: Approval) -> None:
    """Write down what the plan was when an approval was first seen. One entry a row."""
    if _STATES.get(row.state) is RecordApprovalState.APPROVED:
        body = RecordAnswered(row.sys_id, row.approver, Digest(record.plan_digest()))
        books.write(record.number, body, key=body.key(record.number))


def of(
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


def _used_by(facts: Facts, number: RecordNumber) -> tuple[str, ...]:
    """Merged deliveries and other open pull requests with the same number."""
    pull, prefix = facts.get(pulls.read), facts.get(estate).platform.tickets.number
    found = {item.html_url for item in facts.get(pulls.others) if number_in(item.title, prefix) == number}
    for item in facts.get(ground.books).about(Merged, number):
        if isinstance(item.body, Unread):
            found.add(f"decision {item.id}")
        elif item.body.record == number:
            mine = item.body.repository.endswith(f"/{pull.repository}") and item.body.pull == pull.number
            found |= set() if mine else {f"{item.body.repository}#{item.body.pull}"}
    return tuple(sorted(found))
