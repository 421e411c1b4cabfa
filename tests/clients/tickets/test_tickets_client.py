"""What the client makes of ticket systems that err or lie. The good case: tests/local/tickets."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from interlock.clients.http import Patience
from interlock.clients.tickets import TicketsClient
from interlock.clients.tickets.record import PLANNED_FIELDS, change_request, encode_query, format_time, parse_number
from interlock.errors import BusyError, InputError, InterlockError, NotFoundError, RefusedError, UnreachableError

RECORD = {
    "number": "CHG0030001",
    "sys_id": "a" * 32,
    "type": "normal",
    "state": "-2",
    "approval": "approved",
    "start_date": "2026-05-04 14:00:00",
    "end_date": "",
    "requested_by": "b" * 32,
    "requested_by.user_name": "dana",
    "cmdb_ci": "payments",
    "cmdb_ci.name": "payments",
    "on_hold": "false",
    "sys_mod_count": "3",
    "sys_updated_on": "2026-05-04 12:00:00",
}


@pytest.fixture
def says(script: Any, answer: Any) -> Callable[..., None]:
    """``says(body, status)``: to everything."""

    def say(body: bytes, status: int = 200) -> None:
        script.answers["*"] = answer(status, body)

    say(b'{"result":[]}')
    return say


@pytest.fixture
def client(script: Any, says: Any, patience: Any) -> Iterator[TicketsClient]:
    with TicketsClient(script.url, "secret-token", patience=patience) as made:
        yield made


def result(*rows: Any) -> bytes:
    return json.dumps({"result": list(rows)}).encode()


def failure(message: str, detail: str = "") -> bytes:
    return json.dumps({"error": {"message": message, "detail": detail}, "status": "failure"}).encode()


def test_a_record_is_read_with_its_raw_json(client: TicketsClient, script: Any, says: Any) -> None:
    says(result(RECORD))
    found = client.get("CHG0030001")
    assert (found.state, found.approval, found.requested_by, found.mod_count) == (-2, "approved", "dana", 3)
    assert (found.start, found.end) == (datetime(2026, 5, 4, 14, tzinfo=UTC), None)
    assert found.raw == RECORD
    (asked,) = script.asked
    assert asked.headers["Authorization"] == "Bearer secret-token"
    assert "sysparm_display_value=false" in asked.path
    assert "sysparm_exclude_reference_link=true" in asked.path


def test_nothing_found_is_not_found(client: TicketsClient) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.get("CHG0030001")
    assert caught.value.code == "ticket-not-found"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, failure("User Not Authenticated"), RefusedError, "tickets-unauthenticated"),
        (403, failure("Operation Failed", "ACL"), RefusedError, "tickets-forbidden"),
        (400, failure("Invalid"), InputError, "tickets-refused"),
        (404, b"<html>no such page</html>", UnreachableError, "tickets-answer"),
        (404, failure("Requested URI does not represent any resource"), UnreachableError, "tickets-answer"),
        (500, failure("boom"), UnreachableError, "tickets-answer"),
        (503, b"", UnreachableError, "tickets-answer"),
        (429, failure("Rate limit exceeded"), BusyError, "tickets-busy"),
        (400, b"Bad Request", UnreachableError, "tickets-answer"),
        (302, b"", UnreachableError, "tickets-answer"),
        (200, b"<html>Instance Hibernating</html>", UnreachableError, "tickets-answer"),
        (200, b"{}", UnreachableError, "tickets-answer"),
        (200, b'{"result":{}}', UnreachableError, "tickets-answer"),
        (200, b'{"result":[1]}', UnreachableError, "tickets-answer"),
        (200, b"[" * 100_000, UnreachableError, "tickets-answer"),
    ],
)
def test_what_cannot_be_read_is_never_not_found(
    status: int, body: bytes, kind: type[InterlockError], code: str, client: TicketsClient, says: Any
) -> None:
    says(body, status)
    with pytest.raises(kind) as caught:
        client.get("CHG0030001")
    assert caught.value.code == code
    assert not isinstance(caught.value, NotFoundError)
    assert "secret-token" not in str(caught.value)


def test_the_platforms_404_of_a_record_is_not_found(client: TicketsClient, says: Any) -> None:
    says(failure("No Record found", "Record doesn't exist or ACL restricts"), 404)
    with pytest.raises(NotFoundError):
        client.read("a" * 32)


def test_a_system_that_does_not_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = TicketsClient(url, "x", timeout=0.05, patience=Patience(tries=1))
        with client, pytest.raises(UnreachableError) as caught:
            client.get("CHG0030001")
    assert caught.value.code == "tickets-unreachable"


def test_rows_that_are_hidden_do_not_end_a_listing(client: TicketsClient, script: Any, answer: Any) -> None:
    """An access rule takes rows out of their page: pages are short, or empty, in the middle."""
    rows = [{**RECORD, "number": f"CHG{number:07}"} for number in range(450)]
    hidden = {0, *range(200, 400)}

    def page(asked: Any) -> Any:
        query = parse_qs(urlsplit(asked.path).query)
        start, size = int(query["sysparm_offset"][0]), int(query["sysparm_limit"][0])
        shown = [row for index, row in enumerate(rows) if start <= index < start + size and index not in hidden]
        return answer(body=result(*shown), headers={"X-Total-Count": "450"})

    script.answers["*"] = page
    assert len(client.find({})) == 450 - len(hidden)
    assert len(client.find({}, limit=100)) == 99


def test_an_answer_to_another_question_is_refused(client: TicketsClient, says: Any) -> None:
    # The platform drops a condition that it does not know, and answers with every record.
    says(result({**RECORD, "number": "CHG0030002"}))
    with pytest.raises(UnreachableError) as caught:
        client.get("CHG0030001")
    assert caught.value.code == "tickets-answer"


@pytest.mark.parametrize("name", ["state", "sys_mod_count", "start_date", "number"])
@pytest.mark.parametrize("value", ["many", {"link": "x", "value": "y"}, 7])
def test_a_field_that_cannot_be_read_makes_the_record_unknown(name: str, value: Any) -> None:
    if name == "number" and value == "many":
        value = ["many"]
    with pytest.raises(UnreachableError) as caught:
        change_request({**RECORD, name: value})
    assert caught.value.code == "tickets-answer"


@pytest.mark.parametrize("name", PLANNED_FIELDS)
def test_every_planned_field_counts(name: str) -> None:
    plan = change_request(RECORD).plan_digest()
    changed = "2026-05-04 15:00:00" if name.endswith("_date") else "something else"
    assert change_request({**RECORD, name: changed}).plan_digest() != plan


@pytest.mark.parametrize("name", ["state", "approval", "sys_mod_count", "sys_updated_on", "work_notes"])
def test_nothing_else_counts(name: str) -> None:
    plan = change_request(RECORD).plan_digest()
    changed = {"state": "-1", "sys_mod_count": "9", "sys_updated_on": "2026-06-01 00:00:00"}.get(name, "else")
    assert change_request({**RECORD, name: changed}).plan_digest() == plan


@pytest.mark.parametrize(
    "text", ["", "CHG", "chg0030001", "CHG0030001^ORnumber=CHG0030002", "CHG0030001\n", "see note-1"]
)
def test_what_is_no_number_is_not_asked_for(text: str, client: TicketsClient, script: Any) -> None:
    with pytest.raises(InputError) as caught:
        client.get(text)
    assert caught.value.code == "ticket-number"
    assert script.asked == []


def test_formats() -> None:
    assert parse_number("CHG0030001") == "CHG0030001"
    assert encode_query({"a": "x^y", "b": ""}) == "a=x^^y^b="
    with pytest.raises(InputError) as caught:
        format_time(datetime(2026, 5, 4))
    assert caught.value.code == "ticket-time"


def test_a_sys_id_never_reaches_the_address_unchecked(client: TicketsClient, script: Any) -> None:
    for call in (client.read, client.approvals, client.history):
        with pytest.raises(InputError):
            call("../sys_user")
    assert script.asked == []
