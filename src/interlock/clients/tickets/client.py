"""`TicketsClient`: operations on change records, each one or a few Table API calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self, Unpack

import httpx

from interlock.clients.http import Http, Options, Request, Secret, System, Token, total_count
from interlock.clients.http.system import Meaning
from interlock.clients.tickets import record as records
from interlock.clients.tickets.record import Approval, ChangeRequest, HistoryEntry, State
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError, UnreachableError

MAX_ANSWER: Final = 16 * 1024 * 1024
PAGE: Final = 200
_ME: Final = "javascript:gs.getUserID()"
_TO_IMPLEMENT: Final = {State.SCHEDULED: State.IMPLEMENT, State.IMPLEMENT: State.REVIEW}


class TableApi(System):
    name = "tickets"
    title = "the ticket system"
    failed = "tickets-answer"
    refused = "tickets-refused"
    timeout = 15.0

    def meaning(self, answer: httpx.Response, said: str) -> Meaning | None:
        try:
            told = isinstance(answer.json()["error"]["message"], str)
        except (ValueError, LookupError, TypeError, RecursionError):
            told = False
        match answer.status_code:
            case 401 | 403 | 413:
                return None
            case 404 if said.lower().startswith("no record found"):
                return NotFoundError, "ticket-not-found"
            case 400 | 405 | 409 | 422 if told:
                return InputError, "tickets-refused"
        # A wrong address or a sleeping instance says nothing of a record.
        return UnreachableError, "tickets-answer"


class TicketsClient:
    """One ServiceNow instance or stand-in, as the user whose token it is. Thread-safe.

    ``token`` is sent as a bearer token, or as the password when ``username`` is given. Errors: those of
    `interlock.clients.http`, and NotFoundError ``ticket-not-found``.
    """

    def __init__(self, base_url: str, token: Token, *, username: str | None = None, **options: Unpack[Options]) -> None:
        url = base_url.rstrip("/") + "/api/now/table/"
        self._http = Http(TableApi(), url, Secret(token, username=username), **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_connections()

    def close_connections(self) -> None:
        self._http.close()

    # Records

    def create(self, fields: Mapping[str, str | datetime]) -> ChangeRequest:
        """Open a record. Names are the platform's; people are given as user names, times with their zone.

        Give a ``correlation_id`` that names the delivery, and `find` by it before: creating is not repeatable.
        """
        answer = self._call("POST", "change_request", body=self._encode(fields), fields=records.CHANGE_FIELDS)
        return records.change_request(_one(answer))

    def get(self, number: str) -> ChangeRequest:
        """The record with this number. NotFoundError ``ticket-not-found``."""
        found = self.find({"number": records.parse_number(number)})
        if len(found) != 1:
            raise NotFoundError("ticket-not-found", f"no change record {number}", got=f"{len(found)} records")
        return found[0]

    def find(self, query: Mapping[str, str], *, limit: int = 1000) -> list[ChangeRequest]:
        """The records whose fields have these values, by number.

        The platform drops a condition on a field that it does not know and then answers with every record; so what
        comes back is compared with the query: UnreachableError ``tickets-answer`` when it does not fit.
        """
        rows = self._rows(
            "change_request", records.encode_query(query) + "^ORDERBYnumber", records.CHANGE_FIELDS, limit
        )
        for row in rows:
            if any(str(row.get(name, "")).lower() != value.lower() for name, value in query.items()):
                raise UnreachableError("tickets-answer", "the answer does not fit the query", got=row.get("number"))
        return [records.change_request(row) for row in rows]

    def update(self, sys_id: str, fields: Mapping[str, str | datetime]) -> ChangeRequest:
        """Change fields of a record."""
        answer = self._call(
            "PATCH", f"change_request/{_id(sys_id)}", body=self._encode(fields), fields=records.CHANGE_FIELDS
        )
        return records.change_request(_one(answer))

    def read(self, sys_id: str) -> ChangeRequest:
        """The record with this sys_id. NotFoundError ``ticket-not-found``."""
        answer = self._call("GET", f"change_request/{_id(sys_id)}", fields=records.CHANGE_FIELDS)
        return records.change_request(_one(answer))

    def history(self, sys_id: str) -> list[HistoryEntry]:
        """Every change of a field since the record was opened, oldest first."""
        query = f"tablename=change_request^documentkey={_id(sys_id)}^ORDERBYrecord_checkpoint"
        return [records.history_entry(row) for row in self._rows("sys_audit", query, records.HISTORY_FIELDS, 10_000)]

    # Approvals

    def request_approval(self, sys_id: str) -> ChangeRequest:
        """Move a new record to Authorize, where its approvers are asked. Repeatable."""
        found = self.read(sys_id)
        if found.state == State.NEW and found.type == "normal":
            found = self.update(sys_id, {"state": str(State.ASSESS.value)})
        if found.state in (State.NEW, State.ASSESS):
            found = self.update(sys_id, {"state": str(State.AUTHORIZE.value)})
        return found

    def approvals(self, sys_id: str) -> list[Approval]:
        """What every asked approver said."""
        query = f"sysapproval={_id(sys_id)}^ORDERBYsys_created_on"
        return [
            records.approval(row) for row in self._rows("sysapproval_approver", query, records.APPROVAL_FIELDS, 1000)
        ]

    def approve(self, number: str, comments: str = "") -> ChangeRequest:
        """Approve as this token's user. RefusedError ``ticket-approval-not-requested`` when nobody asked them."""
        return self._answer(number, "approved", comments)

    def reject(self, number: str, comments: str) -> ChangeRequest:
        """Reject as this token's user; the platform demands a comment."""
        return self._answer(number, "rejected", comments)

    # The end of a record

    def implement(self, sys_id: str) -> ChangeRequest:
        """Scheduled → Implement. Repeatable."""
        found = self.read(sys_id)
        if found.state == State.SCHEDULED:
            found = self.update(sys_id, {"state": str(State.IMPLEMENT.value)})
        return found

    def close(self, sys_id: str, *, code: str = "successful", notes: str) -> ChangeRequest:
        """Bring an approved record to Closed, through Implement and Review. Repeatable.

        ConflictError ``ticket-not-approved`` when it is in a state from which that is not possible.
        """
        found = self.read(sys_id)
        while (following := _TO_IMPLEMENT.get(State(found.state)) if found.state in list(State) else None) is not None:
            found = self.update(sys_id, {"state": str(following.value)})
        if found.state == State.REVIEW:
            return self.update(sys_id, {"state": str(State.CLOSED.value), "close_code": code, "close_notes": notes})
        if found.state != State.CLOSED:
            raise ConflictError("ticket-not-approved", f"{found.number} cannot be closed", got=f"state {found.state}")
        return found

    def cancel(self, sys_id: str, *, reason: str) -> ChangeRequest:
        """Cancel a record that was not implemented. Repeatable."""
        found = self.read(sys_id)
        if found.state == State.CANCELED:
            return found
        return self.update(sys_id, {"state": str(State.CANCELED.value), "work_notes": reason})

    def _answer(self, number: str, state: str, comments: str) -> ChangeRequest:
        record = self.get(number)
        query = f"sysapproval={record.sys_id}^approver={_ME}"
        rows = [
            records.approval(row) for row in self._rows("sysapproval_approver", query, records.APPROVAL_FIELDS, 100)
        ]
        if not any(row.state == state for row in rows):  # asked again after a lost answer: done already
            asked = [row for row in rows if row.state == "requested"]
            if not asked:
                raise RefusedError(
                    "ticket-approval-not-requested",
                    f"this user is not asked to approve {number}",
                    got=f"approval {record.approval!r}, state {record.state}",
                    expected="a requested approval: approver role, not the requester, record in Authorize",
                )
            self._call("PATCH", f"sysapproval_approver/{asked[-1].sys_id}", body={"state": state, "comments": comments})
        return self.read(record.sys_id)

    # Calls

    def _encode(self, fields: Mapping[str, str | datetime]) -> dict[str, str]:
        body = {k: records.format_time(v) if isinstance(v, datetime) else v for k, v in fields.items()}
        for name in records.REFERENCES:
            if body.get(name):
                body[name] = self._user(body[name])
        return body

    def _user(self, user_name: str) -> str:
        rows = self._rows("sys_user", records.encode_query({"user_name": user_name}), "sys_id,user_name", 2)
        if len(rows) != 1 or rows[0].get("user_name") != user_name:
            raise NotFoundError("ticket-user-unknown", f"the ticket system has no user {user_name!r}")
        return str(rows[0]["sys_id"])

    def _rows(self, table: str, query: str, fields: str, limit: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for offset in range(0, limit, PAGE):
            size = min(PAGE, limit - offset)
            parameters = {"sysparm_query": query, "sysparm_limit": str(size), "sysparm_offset": str(offset)}
            answer = self._send("GET", table, fields=fields, parameters=parameters)
            page = self._http.decode(answer, _records)
            rows.extend(page)
            # Rows that this user may not see are left out of their page: only the total says which page is the last.
            total = total_count(answer)
            if len(page) < size if total is None else offset + size >= total:
                break
        return rows

    def _call(self, method: str, path: str, *, fields: str = "", body: Mapping[str, str] | None = None) -> Any:
        answer = self._send(method, path, fields=fields, body=body)
        return self._http.decode(answer, lambda found: found["result"])

    def _send(
        self,
        method: str,
        path: str,
        *,
        fields: str = "",
        parameters: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true", **(parameters or {})}
        if fields:
            sent["sysparm_fields"] = fields
        return self._http.send(Request(method, path, query=sent, json=body, limit=MAX_ANSWER))


def _records(body: Any) -> list[dict[str, Any]]:
    rows = body["result"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("a list of records was expected")
    return rows


def _one(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise UnreachableError("tickets-answer", "a record was expected", got=type(answer).__name__)
    return answer


def _id(sys_id: str) -> str:
    if not sys_id.isalnum() or not sys_id.isascii():
        raise InputError("ticket-id", "not a sys_id", got=repr(sys_id)[:80], expected="32 hexadecimal digits")
    return sys_id
