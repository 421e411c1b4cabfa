"""The tables: their fields, what a caller may set, what refers to what (ServiceNow's base system, a subset)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from interlock.local.tickets.problem import invalid

TIME: Final = "%Y-%m-%d %H:%M:%S"
_STAMPS: Final = ("sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count")


@dataclass(frozen=True, slots=True)
class Table:
    """Every value is text, as in the API."""

    name: str
    fields: tuple[str, ...]
    settable: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    """Field -> table to whose ``sys_id`` it refers."""
    numeric: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    choices: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def check(self, values: Mapping[str, object]) -> dict[str, str]:
        """What a caller wants to set, as text. Raises `Problem` 400 for unknown fields and values that do not fit."""
        result = {}
        for name, value in values.items():
            if name not in self.settable:
                known = "cannot be set" if name in self.fields else "is not a field"
                raise invalid(f"{name} {known} of {self.name}")
            result[name] = self._text(name, value)
        return result

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            value = "true" if value else "false"
        if value is None or isinstance(value, int):
            value = "" if value is None else str(value)
        if not isinstance(value, str):
            raise invalid(f"{name} must be text")
        if name in self.times and value:
            try:
                value = datetime.strptime(value, TIME).strftime(TIME)
            except ValueError:
                raise invalid(f"{name} must be UTC as YYYY-MM-DD HH:MM:SS") from None
        if name in self.choices and value not in self.choices[name]:
            raise invalid(f"{name} must be one of {', '.join(sorted(self.choices[name]))}")
        return value


CHANGE_REQUEST: Final = Table(
    "change_request",
    fields=(
        "sys_id",
        "number",
        "short_description",
        "description",
        "type",
        "state",
        "approval",
        "start_date",
        "end_date",
        "requested_by",
        "opened_by",
        "assigned_to",
        "cmdb_ci",
        "correlation_id",
        "justification",
        "implementation_plan",
        "backout_plan",
        "test_plan",
        "on_hold",
        "conflict_status",
        "close_code",
        "close_notes",
        "work_notes",
        *_STAMPS,
    ),
    settable=frozenset(
        (
            "short_description",
            "description",
            "type",
            "state",
            "start_date",
            "end_date",
            "requested_by",
            "assigned_to",
            "cmdb_ci",
            "correlation_id",
            "justification",
            "implementation_plan",
            "backout_plan",
            "test_plan",
            "on_hold",
            "conflict_status",
            "close_code",
            "close_notes",
            "work_notes",
        )
    ),
    defaults={
        "type": "normal",
        "state": "-5",
        "approval": "not requested",
        "on_hold": "false",
        "conflict_status": "Not Run",
    },
    references={"requested_by": "sys_user", "opened_by": "sys_user", "assigned_to": "sys_user"},
    numeric=frozenset(("state", "sys_mod_count")),
    times=frozenset(("start_date", "end_date")),
    choices={
        "type": frozenset(("normal", "standard", "emergency")),
        "state": frozenset(("-5", "-4", "-3", "-2", "-1", "0", "3", "4")),
        "on_hold": frozenset(("true", "false")),
        "conflict_status": frozenset(("Not Run", "No Conflict", "Conflict")),
        "close_code": frozenset(("", "successful", "successful_issues", "unsuccessful")),
    },
)

APPROVAL: Final = Table(
    "sysapproval_approver",
    fields=("sys_id", "sysapproval", "approver", "state", "comments", *_STAMPS),
    settable=frozenset(("state", "comments")),
    references={"sysapproval": "change_request", "approver": "sys_user"},
    numeric=frozenset(("sys_mod_count",)),
    choices={"state": frozenset(("approved", "rejected"))},
)

AUDIT: Final = Table(
    "sys_audit",
    fields=(
        "sys_id",
        "tablename",
        "documentkey",
        "fieldname",
        "oldvalue",
        "newvalue",
        "user",
        "sys_created_on",
        "record_checkpoint",
    ),
    numeric=frozenset(("record_checkpoint",)),
)

USER: Final = Table("sys_user", fields=("sys_id", "user_name", "name", "email", "active"))

TABLES: Final = {table.name: table for table in (CHANGE_REQUEST, APPROVAL, AUDIT, USER)}
