"""The Table API as such: queries, fields, errors, credentials."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.clients import files
from interlock.clients.tickets.record import encode_query
from interlock.errors import InputError, RefusedError
from interlock.local.tickets import Config, User, create_app
from interlock.local.tickets.problem import Problem
from interlock.local.tickets.query import compile_query
from interlock.local.tickets.schema import CHANGE_REQUEST

PLAIN = {"sysparm_exclude_reference_link": "true"}


def create(http: httpx.Client, **fields: str) -> dict[str, Any]:
    answer = http.post("change_request", json={"short_description": "x", **fields}, params=PLAIN)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def query(http: httpx.Client, text: str, table: str = "change_request", **parameters: str) -> list[dict[str, Any]]:
    answer = http.get(table, params={"sysparm_query": text, **PLAIN, **parameters})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["result"]
    return result


def numbers(rows: list[dict[str, Any]]) -> list[str]:
    return [row["number"][-1] for row in rows]


@pytest.fixture
def filled(http: httpx.Client) -> httpx.Client:
    create(http, cmdb_ci="payments", correlation_id="a^b", type="normal")
    create(http, cmdb_ci="Ledger", correlation_id="c", type="emergency")
    create(http, cmdb_ci="payments", correlation_id="", type="standard")
    return http


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "123"),
        ("number=CHG0030002", "2"),
        ("cmdb_ci=payments", "13"),
        ("cmdb_ci=ledger", "2"),
        ("cmdb_ci=payments^type=standard", "3"),
        ("cmdb_ci!=payments", "2"),
        ("typeINnormal,emergency", "12"),
        ("correlation_id=a^^b", "1"),
        ("correlation_id=", "3"),
        ("state=-5", "123"),
        ("state>=-4", ""),
        ("state<=-5^ORDERBYDESCnumber", "321"),
        ("ORDERBYcorrelation_id", "312"),
        ("ORDERBYtype^ORDERBYnumber", "213"),
        ("requested_by=javascript:gs.getUserID()", "123"),
        ("requested_by.user_name=dana", "123"),
        ("requested_by.user_name=carol", ""),
        ("number=CHG0039999", ""),
        ("short_description=' OR 1=1 --", ""),
    ],
)
def test_queries(text: str, expected: str, filled: httpx.Client) -> None:
    assert "".join(numbers(query(filled, text))) == expected


@pytest.mark.parametrize(
    "text",
    [
        "nubmer=CHG0030001",
        "number",
        "number LIKE x",
        "a=1^ORb=2",
        "ORDERBYnope",
        "cmdb_ci.name=x",
        "requested_by.token=x",
        "number=javascript:gs.eval('x')",
        "rowid=1",
    ],
)
def test_a_query_that_is_not_understood_is_refused_not_widened(text: str, filled: httpx.Client) -> None:
    answer = filled.get("change_request", params={"sysparm_query": text})
    assert answer.status_code == 400
    assert answer.json()["status"] == "failure"


@given(st.text(max_size=30))
def test_no_query_text_becomes_sql(text: str) -> None:
    try:
        sql = compile_query(text, CHANGE_REQUEST, me="me")
    except Problem:
        return
    assert set(sql.where) <= set(
        "abcdefghijklmnopqrstuvwxyz_ ()?,=!<>1" + "COLLATENOCASEINSELECTFROMWHERECASTASINTEGERAND"
    )
    assert sql.where.count("?") == len(sql.values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).filter(lambda text: "," not in text))
def test_the_clients_queries_find_what_they_name(text: str) -> None:
    if text.startswith("javascript:"):
        return
    sql = compile_query(encode_query({"correlation_id": text, "cmdb_ci": "x"}), CHANGE_REQUEST, me="me")
    assert sql.values == (text, "x")


def test_pages_and_totals(filled: httpx.Client) -> None:
    answer = filled.get("change_request", params={"sysparm_limit": "2", "sysparm_offset": "1"})
    assert numbers(answer.json()["result"]) == ["2", "3"]
    assert answer.headers["X-Total-Count"] == "3"
    assert filled.get("change_request", params={"sysparm_limit": "-1"}).status_code == 400


def test_fields_are_chosen_and_walked(filled: httpx.Client) -> None:
    fields = "number,requested_by.user_name,requested_by.email,assigned_to.name,cmdb_ci.name"
    assert query(filled, "number=CHG0030001", sysparm_fields=fields) == [
        {
            "number": "CHG0030001",
            "requested_by.user_name": "dana",
            "requested_by.email": "dana@acme.test",
            "assigned_to.name": "",
            "cmdb_ci.name": "payments",
        }
    ]
    assert filled.get("change_request", params={"sysparm_fields": "nope"}).status_code == 400
    assert filled.get("change_request", params={"sysparm_fields": "number.x"}).status_code == 400


def test_references_are_links_unless_they_are_not_wanted(http: httpx.Client) -> None:
    record = create(http)
    path = f"change_request/{record['sys_id']}"
    linked = http.get(path).json()["result"]["requested_by"]
    assert linked["value"] == record["requested_by"]
    assert httpx.get(linked["link"], headers=http.headers, trust_env=False).json()["result"]["user_name"] == "dana"
    assert http.get(path).json()["result"]["assigned_to"] == ""


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b'{"nope":"x"}', b'{"number":"CHG1"}', b'{"sys_mod_count":"0"}', b'{"opened_by":"x"}',
     b'{"start_date":"tomorrow"}', b'{"start_date":"2026-13-01 00:00:00"}', b'{"type":"routine"}', b'{"state":"7"}',
     b'{"requested_by":"dana"}', b'{"on_hold":"perhaps"}', b'{"description":{}}', b'{"description":1.5}', b"[" * 50000],
)  # fmt: skip
def test_bad_input_is_refused_and_nothing_is_written(body: bytes, http: httpx.Client) -> None:
    answer = http.post("change_request", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert query(http, "") == []


def test_a_body_that_is_too_large(http: httpx.Client) -> None:
    assert http.post("change_request", json={"description": "x" * 1_100_000}).status_code == 413


def test_what_is_not_here(http: httpx.Client) -> None:
    assert http.get("change_request/" + "0" * 32).status_code == 404
    assert http.get("incident").status_code == 400
    assert http.get("change_request", params={"sysparm_display_value": "true"}).status_code == 400
    assert http.get("change_request", params={"sysparm_qeury": "number=1"}).status_code == 400
    assert http.put("change_request/" + "0" * 32, json={}).status_code == 405


@pytest.mark.parametrize("authorization", [None, "Bearer wrong-token", "Basic !!", "Bearer", "token-of-dana-0123"])
def test_without_credentials_there_is_nothing(authorization: str | None, url: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = httpx.get(f"{url}/api/now/table/change_request", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "User Not Authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_basic_credentials_are_of_one_user(url: str) -> None:
    def ask(user: str) -> int:
        encoded = base64.b64encode(f"{user}:token-of-dana-0123".encode()).decode()
        headers = {"Authorization": f"Basic {encoded}"}
        return httpx.get(f"{url}/api/now/table/sys_user", headers=headers, trust_env=False).status_code

    assert ask("dana") == 200
    assert ask("carol") == 401


def test_users_are_listed_without_secrets(http: httpx.Client) -> None:
    answer = http.get("sys_user")
    assert "token" not in answer.text
    assert {row["user_name"] for row in answer.json()["result"]} == {"interlock", "dana", "carol", "chris", "pat"}


def test_the_files(config: Any, tmp_path: Path) -> None:
    file = tmp_path / "tickets.yaml"
    file.write_text("port: 8482\ndata: data\nusers: users.yaml\n")
    assert files.read_config(file, Config, what="configuration").users == tmp_path / "users.yaml"
    config.users.chmod(0o640)
    with pytest.raises(RefusedError):
        create_app(config)
    config.users.write_text("- name: x\n  token: hush-hush-hush\n  roles: [admin]\n")
    config.users.chmod(0o600)
    with pytest.raises(InputError) as caught:
        create_app(config)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(User(name="x", token="hush-hush-hush"))
