"""Change records, approvals and history as values, and the Table API's text formats.

Sources: ServiceNow documentation, "Table API" and "Change request states"; encoded queries: "Encoded query strings".
The API sends every value as text; times are UTC ``YYYY-MM-DD HH:MM:SS`` with ``sysparm_display_value=false``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

from interlock.errors import InputError, UnreachableError

TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_NUMBER = re.compile(r"[A-Z]{2,8}[0-9]{4,12}", re.ASCII)

PLANNED_FIELDS: Final = (
    "short_description",
    "description",
    "type",
    "start_date",
    "end_date",
    "requested_by",
    "cmdb_ci",
    "correlation_id",
    "justification",
    "implementation_plan",
    "backout_plan",
    "test_plan",
)
"""What an approver approves. A change of any of these after the approval makes it an approval of something else."""


class State(IntEnum):
    """Base-system change states. Estates map their own: change models may define others."""

    NEW = -5
    ASSESS = -4
    AUTHORIZE = -3
    SCHEDULED = -2
    IMPLEMENT = -1
    REVIEW = 0
    CLOSED = 3
    CANCELED = 4


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change record as it was read. People are user names; times are UTC; ``raw`` is the JSON object itself."""

    number: str
    sys_id: str
    short_description: str
    description: str
    type: str
    """normal, standard or emergency."""
    state: int
    """A `State` in the base system; kept as a number since change models define others."""
    approval: str
    """not requested, requested, approved or rejected: a summary; the evidence is in the `Approval` rows."""
    start: datetime | None
    end: datetime | None
    requested_by: str
    opened_by: str
    assigned_to: str
    cmdb_ci: str
    correlation_id: str
    on_hold: bool
    conflict_status: str
    mod_count: int
    created_on: datetime | None
    updated_on: datetime | None
    close_code: str
    raw: Mapping[str, Any] = field(hash=False, repr=False)

    def plan_digest(self) -> str:
        """Digest of the planned fields as read: equal before and after means that nobody changed the plan."""
        shown = {name: self.raw.get(name, "") for name in PLANNED_FIELDS}
        text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approval:
    """One row of ``sysapproval_approver``: what one person said about one record."""

    sys_id: str
    record: str
    """sys_id of the change record."""
    approver: str
    """User name."""
    state: str
    """requested, approved, rejected, not_required or cancelled."""
    comments: str
    created_on: datetime | None
    updated_on: datetime | None
    raw: Mapping[str, Any] = field(hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One row of ``sys_audit``: one field changed once."""

    field_name: str
    old: str
    new: str
    user: str
    on: datetime | None
    checkpoint: int
    """sys_mod_count of the record after this change."""
    raw: Mapping[str, Any] = field(hash=False, repr=False)


REFERENCES: Final = ("requested_by", "opened_by", "assigned_to")
CHANGE_FIELDS: Final = (
    "number,sys_id,short_description,description,type,state,approval,start_date,end_date,requested_by,opened_by,"
    "assigned_to,cmdb_ci,correlation_id,on_hold,conflict_status,sys_mod_count,sys_created_on,sys_updated_on,"
    "close_code,close_notes,justification,implementation_plan,backout_plan,test_plan,work_notes,"
    "requested_by.user_name,opened_by.user_name,assigned_to.user_name,cmdb_ci.name"
)
APPROVAL_FIELDS: Final = "sys_id,sysapproval,approver,approver.user_name,state,comments,sys_created_on,sys_updated_on"
HISTORY_FIELDS: Final = "documentkey,fieldname,oldvalue,newvalue,user,sys_created_on,record_checkpoint"


def change_request(raw: Mapping[str, Any]) -> ChangeRequest:
    """The record in a Table API object. Raises UnreachableError ``tickets-answer`` when it is not one."""
    return ChangeRequest(
        number=_text(raw, "number"),
        sys_id=_text(raw, "sys_id"),
        short_description=_text(raw, "short_description"),
        description=_text(raw, "description"),
        type=_text(raw, "type"),
        state=_number(raw, "state"),
        approval=_text(raw, "approval"),
        start=_time(raw, "start_date"),
        end=_time(raw, "end_date"),
        requested_by=_text(raw, "requested_by.user_name"),
        opened_by=_text(raw, "opened_by.user_name"),
        assigned_to=_text(raw, "assigned_to.user_name"),
        cmdb_ci=_text(raw, "cmdb_ci.name"),
        correlation_id=_text(raw, "correlation_id"),
        on_hold=_text(raw, "on_hold") == "true",
        conflict_status=_text(raw, "conflict_status"),
        mod_count=_number(raw, "sys_mod_count"),
        created_on=_time(raw, "sys_created_on"),
        updated_on=_time(raw, "sys_updated_on"),
        close_code=_text(raw, "close_code"),
        raw=dict(raw),
    )


def approval(raw: Mapping[str, Any]) -> Approval:
    """The row in a Table API object."""
    return Approval(
        sys_id=_text(raw, "sys_id"),
        record=_text(raw, "sysapproval"),
        approver=_text(raw, "approver.user_name"),
        state=_text(raw, "state"),
        comments=_text(raw, "comments"),
        created_on=_time(raw, "sys_created_on"),
        updated_on=_time(raw, "sys_updated_on"),
        raw=dict(raw),
    )


def history_entry(raw: Mapping[str, Any]) -> HistoryEntry:
    """The row in a Table API object."""
    return HistoryEntry(
        field_name=_text(raw, "fieldname"),
        old=_text(raw, "oldvalue"),
        new=_text(raw, "newvalue"),
        user=_text(raw, "user"),
        on=_time(raw, "sys_created_on"),
        checkpoint=_number(raw, "record_checkpoint"),
        raw=dict(raw),
    )


def parse_number(text: str) -> str:
    """``text`` when it is a record's number, such as CHG0030001; InputError ``ticket-number`` otherwise."""
    if not _NUMBER.fullmatch(text):
        raise InputError(
            "ticket-number", "not the number of a change record", got=repr(text)[:80], expected="CHG0030001"
        )
    return text


def encode_query(query: Mapping[str, str]) -> str:
    """``field=value^field=value``; a caret in a value is doubled, as the platform reads it."""
    return "^".join(f"{name}={value.replace('^', '^^')}" for name, value in query.items())


def format_time(time: datetime) -> str:
    """Raises InputError ``ticket-time`` for a time without zone."""
    if time.tzinfo is None:
        raise InputError("ticket-time", "a time without zone", got=time.isoformat())
    return time.astimezone(UTC).strftime(TIME_FORMAT)


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _malformed(name, value)
    return value


def _number(raw: Mapping[str, Any], name: str) -> int:
    text = _text(raw, name)
    try:
        return int(text)
    except ValueError:
        raise _malformed(name, text) from None


def _time(raw: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(raw, name)
    if not text:
        return None
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _malformed(name, text) from None


def _malformed(name: str, value: object) -> UnreachableError:
    # An answer that cannot be read is no answer: the record's state is unknown.
    return UnreachableError("tickets-answer", f"field {name} of the record cannot be read", got=repr(value)[:120])
