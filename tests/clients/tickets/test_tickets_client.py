"""What the client makes of ticket systems that err or lie. The good case: tests/local/tickets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from interlock.clients.tickets import TicketsClient
from interlock.clients.tickets.record import PLANNED_FIELDS, change_request, encode_query, format_time, parse_number
from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnreachableError

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


@dataclass
class Script:
    url: str = ""
    status: int = 200
    body: bytes = b'{"result":[]}'
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.asked.append((self.command, self.path, dict(self.headers)))
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(script: Script) -> Iterator[TicketsClient]:
    with TicketsClient(script.url, "secret-token") as made:
        yield made


def result(*rows: Any) -> bytes:
    return json.dumps({"result": list(rows)}).encode()


def failure(message: str, detail: str = "") -> bytes:
    return json.dumps({"error": {"message": message, "detail": detail}, "status": "failure"}).encode()


def test_a_record_is_read_with_its_raw_json(client: TicketsClient, script: Script) -> None:
    script.body = result(RECORD)
    found = client.get("CHG0030001")
    assert (found.state, found.approval, found.requested_by, found.mod_count) == (-2, "approved", "dana", 3)
    assert (found.start, found.end) == (datetime(2026, 5, 4, 14, tzinfo=UTC), None)
    assert found.raw == RECORD
    (asked,) = script.asked
    assert asked[2]["Authorization"] == "Bearer secret-token"
    assert "sysparm_display_value=false" in asked[1]
    assert "sysparm_exclude_reference_link=true" in asked[1]


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
        (429, failure("Rate limit exceeded"), UnreachableError, "tickets-answer"),
        (302, b"", UnreachableError, "tickets-answer"),
        (200, b"<html>Instance Hibernating</html>", UnreachableError, "tickets-answer"),
        (200, b"{}", UnreachableError, "tickets-answer"),
        (200, b'{"result":{}}', UnreachableError, "tickets-answer"),
        (200, b'{"result":[1]}', UnreachableError, "tickets-answer"),
        (200, b"[" * 100_000, UnreachableError, "tickets-answer"),
    ],
)
def test_what_cannot_be_read_is_never_not_found(
    status: int, body: bytes, kind: type[InterlockError], code: str, client: TicketsClient, script: Script
) -> None:
    script.status, script.body = status, body
    with pytest.raises(kind) as caught:
        client.get("CHG0030001")
    assert caught.value.code == code
    assert not isinstance(caught.value, NotFoundError)
    assert "secret-token" not in str(caught.value)


def test_the_platforms_404_of_a_record_is_not_found(client: TicketsClient, script: Script) -> None:
    script.status, script.body = 404, failure("No Record found", "Record doesn't exist or ACL restricts")
    with pytest.raises(NotFoundError):
        client.read("a" * 32)


def test_a_system_that_is_not_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with TicketsClient(url, "x") as client, pytest.raises(UnreachableError) as caught:
        client.get("CHG0030001")
    assert caught.value.code == "tickets-unreachable"


def test_a_system_that_does_not_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with TicketsClient(url, "x", timeout=0.2) as client, pytest.raises(UnreachableError):
            client.get("CHG0030001")


def test_an_answer_to_another_question_is_refused(client: TicketsClient, script: Script) -> None:
    # The platform drops a condition that it does not know, and answers with every record.
    script.body = result({**RECORD, "number": "CHG0030002"})
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
def test_what_is_no_number_is_not_asked_for(text: str, client: TicketsClient, script: Script) -> None:
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


def test_a_sys_id_never_reaches_the_address_unchecked(client: TicketsClient, script: Script) -> None:
    for call in (client.read, client.approvals, client.history):
        with pytest.raises(InputError):
            call("../sys_user")
    assert script.asked == []
