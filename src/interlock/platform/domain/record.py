"""Change records as read from the ticket system, in the platform's words (the mapping is the estate's)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import Digest, RecordNumber


class RecordState(StrEnum):
    """Where a record is in its life. Raw states are mapped by configuration: change models differ by company."""

    NEW = "new"
    ASSESS = "assess"
    AUTHORIZE = "authorize"
    SCHEDULED = "scheduled"
    IMPLEMENT = "implement"
    REVIEW = "review"
    CLOSED = "closed"
    CANCELED = "canceled"
    UNMAPPED = "unmapped"
    """The estate's mapping does not name the raw state: nothing may be concluded from it."""


class RecordApprovalState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RecordApproval:
    """One approver's answer (ServiceNow: a row of ``sysapproval_approver``), never the summary field alone."""

    account: str
    state: RecordApprovalState
    answered_at: datetime | None = None
    """By the ticket system's clock."""
    shown: Digest | None = None
    """Digest of the record's plan when this answer was first seen; None when it has not been captured."""


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A record as read. Times are UTC."""

    number: RecordNumber
    type: str
    raw_state: str
    state: RecordState
    approval: str
    """The summary field, raw."""
    requested_by: str
    """Account that the record says asked for the change."""
    opened_by: str
    start: datetime | None
    end: datetime | None
    configuration_item: str
    on_hold: bool
    conflict: str
    """Raw conflict status, empty when the system has none."""
    delivery: str
    """Which delivery it was opened for (the ``correlation_id`` that the platform wrote)."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What the approver reads: the plan's text fields by their name in the ticket system."""
    plan: Digest | None = None
    """Digest of everything that an approver approves, times included."""
    plan_changed_at: datetime | None = None
    """Latest change of a planned field by the ticket system's history; None when it has none."""
    approvals: tuple[RecordApproval, ...] = ()


@dataclass(frozen=True)
class RecordFacts:
    """The change record that the title names, and what else is known of that number."""

    number: RecordNumber | None
    """From the title; None when the title carries none."""
    record: ChangeRecord | Unread | None = None
    """None when the ticket system says that there is no such record."""
    expected: Mapping[str, str] = field(default_factory=dict)
    """The texts that the platform wrote for this delivery and head (delivery/records.py)."""
    used_by: tuple[str, ...] = ()
    """Other deliveries that carry or carried this number."""
