"""Change records of the change-management system: the ServiceNow Table API for ``change_request``.

    with TicketsClient("http://127.0.0.1:8482", token) as tickets:
        record = tickets.create({"short_description": "payments: … to prod", "cmdb_ci": "payments", "start": …})
        tickets.request_approval(record.sys_id)
        tickets.get("CHG0030001").approval            # "approved"
        tickets.approvals(record.sys_id)              # who, when: the primary evidence, not the summary field

Three-valued by construction: a record that does not exist is NotFoundError ``ticket-not-found``; a system that refuses
or does not answer as the Table API does is RefusedError or UnreachableError, never NotFoundError.
"""

from interlock.clients.tickets.client import TicketsClient
from interlock.clients.tickets.record import (
    PLANNED_FIELDS,
    Approval,
    ChangeRequest,
    HistoryEntry,
    State,
)

__all__ = ["PLANNED_FIELDS", "Approval", "ChangeRequest", "HistoryEntry", "State", "TicketsClient"]
