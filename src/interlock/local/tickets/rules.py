"""What may become of a record: decisions over values, without a database.

The base system's state model: New → Assess → Authorize → (approved) → Scheduled → Implement → Review → Closed; a
standard change is approved beforehand, an emergency change skips Assess; a rejected change goes back to New
(documentation, "Change state model").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from interlock.local.tickets.accounts import APPROVER, ITIL, User
from interlock.local.tickets.problem import invalid, refused

NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED, CANCELED = "-5", "-4", "-3", "-2", "-1", "0", "3", "4"

_LATER: Final = {SCHEDULED: {IMPLEMENT, CANCELED}, IMPLEMENT: {REVIEW, CANCELED}, REVIEW: {CLOSED}}
# Authorize → Scheduled is missing everywhere: only an approval does that.
_NEXT: Final[Mapping[str, Mapping[str, set[str]]]] = {
    "normal": {NEW: {ASSESS, CANCELED}, ASSESS: {AUTHORIZE, NEW, CANCELED}, AUTHORIZE: {NEW, CANCELED}, **_LATER},
    "standard": {NEW: {SCHEDULED, CANCELED}, **_LATER},
    "emergency": {NEW: {AUTHORIZE, CANCELED}, AUTHORIZE: {NEW, CANCELED}, **_LATER},
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What an accepted request does: values of the record, approvers to ask, and what becomes of open questions."""

    values: Mapping[str, str] = field(default_factory=dict)
    ask: tuple[str, ...] = ()
    """sys_ids of approvers."""
    open_approvals: str | None = None
    """New state of approvals that are still ``requested``."""


def may_write(user: User) -> None:
    if ITIL not in user.roles:
        raise refused(f"{user.name} may not write change records (role {ITIL})")


def change(record: Mapping[str, str], values: Mapping[str, str], approvers: Mapping[str, str]) -> Effect:
    """What a PATCH does. ``approvers``: sys_id -> user name of everybody with the approver role. Raises `Problem`."""
    changed = {name: value for name, value in values.items() if name == "work_notes" or record[name] != value}
    if record["state"] in (CLOSED, CANCELED) and changed.keys() - {"work_notes"}:
        raise refused("a closed or canceled record is not changed any more")
    if "type" in changed and record["state"] != NEW:
        raise refused("the type is fixed once the record has left New")
    check_dates({**record, **changed})
    if "state" not in changed:
        return Effect(changed)
    return _transition(record, changed, approvers)


def _transition(record: Mapping[str, str], changed: dict[str, str], approvers: Mapping[str, str]) -> Effect:
    after, target = {**record, **changed}, changed["state"]
    if target not in _NEXT[after["type"]].get(record["state"], set()):
        raise refused(f"a {after['type']} change does not go from state {record['state']} to {target}")
    if target == AUTHORIZE:
        asked = tuple(one for one in approvers if one not in (after["requested_by"], after["opened_by"]))
        if not asked:
            raise refused("nobody can be asked: no approver but the requester")
        return Effect({**changed, "approval": "requested"}, ask=asked)
    if target == SCHEDULED:
        return Effect({**changed, "approval": "approved"})
    if target == NEW:
        return Effect({**changed, "approval": "not requested"}, open_approvals="cancelled")
    if target == CANCELED:
        return Effect(changed, open_approvals="cancelled")
    if target == IMPLEMENT and (after["approval"] != "approved" or after["on_hold"] == "true"):
        raise refused("only an approved change that is not on hold can be implemented")
    if target == CLOSED and not (after["close_code"] and after["close_notes"].strip()):
        raise invalid("close_code and close_notes are mandatory when a change is closed")
    return Effect(changed)


def approve(user: User, row: Mapping[str, str], record: Mapping[str, str], values: Mapping[str, str]) -> Effect:
    """What an answer to an approval request does to the record. One approval or one rejection decides."""
    if row["approver"] != user.sys_id:
        raise refused("another user's approval")
    if APPROVER not in user.roles:
        raise refused(f"{user.name} may not approve (role {APPROVER})")
    if user.sys_id in (record["requested_by"], record["opened_by"]):
        raise refused("nobody approves their own change")
    if row["state"] != "requested":
        raise refused(f"this approval is {row['state']}: not requested any more")
    if values.get("state") == "approved":
        return Effect({"approval": "approved", "state": SCHEDULED}, open_approvals="not_required")
    if not values.get("comments", "").strip():
        raise invalid("a rejection needs comments")
    return Effect({"approval": "rejected", "state": NEW}, open_approvals="not_required")


def check_dates(record: Mapping[str, str]) -> None:
    if record["start_date"] and record["end_date"] and record["end_date"] < record["start_date"]:
        raise invalid("end_date is before start_date")
