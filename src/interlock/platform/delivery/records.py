"""Change records: how one is opened, and what happens to it in the end. What stands in it its kind tells.

A record belongs to one pull request and one head (its ``correlation_id``). When the head moves the old record is
cancelled and a new one is opened: an approval is never carried to something that its giver has not seen.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from interlock.clients.forge import ForgeClient
from interlock.clients.tickets import ChangeRequest, TicketsClient
from interlock.errors import ConflictError, NotFoundError
from interlock.platform.domain.ids import RecordNumber
from interlock.platform.domain.record import RecordState
from interlock.platform.estate import Estate
from interlock.platform.facts.record import number_in
from interlock.platform.kinds.record import Plan

_ENDED = (RecordState.CLOSED, RecordState.CANCELED)


def fields(plan: Plan, *, start: datetime, length: timedelta) -> dict[str, str | datetime]:
    """Everything that a new record is opened with."""
    return {
        **plan.texts(),
        "type": "normal",
        "cmdb_ci": plan.about.configuration_item,
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


def _ended(record: ChangeRequest, estate: Estate) -> bool:
    return estate.platform.tickets.state(str(record.state)) in _ENDED
