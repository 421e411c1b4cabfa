"""A webhook is a hint: checked before it is read, and never more than a wake-up."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from interlock.platform.controller import webhook
from interlock.platform.controller.webhook import Hint
from interlock.platform.delivery.readmodel import Pull
from interlock.platform.estate import Estate

SECRET = "s3cret"
BODY = b'{"ref": "refs/heads/main"}'


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def woken() -> list[Hint]:
    return []


@pytest.fixture
def client(woken: list[Hint]) -> Starlette:
    return webhook.create_app(secret=lambda: SECRET, wake=woken.append, health=lambda: (True, {"status": "ok"}))


def post(client: Starlette, signature: str | None, *, body: bytes = BODY, delivery: str = "1") -> int:
    headers = {"X-Gitea-Event": "push", "X-Gitea-Delivery": delivery}
    if signature is not None:
        headers["X-Gitea-Signature"] = signature

    async def send() -> int:
        transport = httpx.ASGITransport(app=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://controller") as http:
            return (await http.post("/webhook", content=body, headers=headers)).status_code

    return anyio.run(send)


def test_a_signed_webhook_wakes_its_loops(client: Starlette, woken: list[Hint]) -> None:
    assert post(client, signed(BODY)) == 204
    assert woken == [Hint("push", ref="refs/heads/main")]


@pytest.mark.parametrize("signature", [None, "", "sha256=", signed(BODY, "other"), signed(b"{}"), signed(BODY).upper()])
def test_a_webhook_without_our_signature_is_refused(
    client: Starlette, woken: list[Hint], signature: str | None
) -> None:
    assert post(client, signature) == 401
    assert woken == []


def test_a_replay_is_acknowledged_and_does_nothing(client: Starlette, woken: list[Hint]) -> None:
    assert [post(client, signed(BODY)), post(client, signed(BODY))] == [204, 204]
    assert woken == [Hint("push", ref="refs/heads/main")]


def test_a_huge_body_is_refused_before_it_is_read_whole(client: Starlette, woken: list[Hint]) -> None:
    body = b"x" * (webhook.MAX_BYTES + 1)
    assert post(client, signed(body), body=body) == 413
    assert woken == []


@pytest.mark.parametrize("well", [True, False])
def test_whether_all_is_well_is_the_answers_status(well: bool) -> None:
    app = webhook.create_app(secret=lambda: SECRET, wake=lambda _: None, health=lambda: (well, {"dead": ["lease"]}))

    async def ask() -> tuple[int, object]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://controller") as http:
            answer = await http.get("/healthz")
            return answer.status_code, answer.json()

    assert anyio.run(ask) == (200 if well else 503, {"dead": ["lease"]})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"repository": []}',
        b'{"repository": {"name": 3}, "ref": {}, "number": true}',
        b"\xff",
    ],
)
def test_what_says_nothing_is_a_hint_to_look_everywhere(estate: Estate, body: bytes) -> None:
    hint = Hint.read("push", body)
    assert hint == Hint("push")
    assert webhook.keys(hint, estate) is None


@pytest.mark.parametrize(
    ("hint", "keys"),
    [
        (Hint("push", "payments", "refs/heads/main"), [("build", "payments")]),
        (Hint("push", "env-test", "refs/heads/main"), [("deliver", "test")]),
        (Hint("push", "env-test", "refs/heads/sealed"), []),
        (Hint("push", "env-test", "refs/heads/bump/payments/main-1"), []),
        (Hint("push", "platform", "refs/heads/main"), [("deliver", "platform")]),
        (Hint("pull_request", "env-prod", pull=7), [("judge", "prod", "7")]),
        (Hint("pull_request_approved", "env-prod", pull=7), [("judge", "prod", "7")]),
        (Hint("status", "env-prod"), []),
        (Hint("issue_comment", "env-prod", pull=7), []),
        (Hint("push", "somebody-elses"), []),
    ],
)
def test_a_hint_wakes_what_it_is_about(estate: Estate, hint: Hint, keys: list[tuple[str, ...]]) -> None:
    assert webhook.keys(hint, estate) == keys


def test_before_an_estate_was_read_everything_is_looked_at() -> None:
    assert webhook.keys(Hint("push", "payments"), None) is None


@pytest.mark.parametrize(
    ("sender", "looked"), [("dana", [("judge", "prod", "7")]), ("interlock", []), ("", [("judge", "prod", "7")])]
)
def test_a_status_that_somebody_else_sets_is_looked_at(
    estate: Estate, sender: str, looked: list[tuple[str, ...]]
) -> None:
    body = {"repository": {"name": "env-prod"}, "sha": "a" * 40, "sender": {"login": sender}}
    hint = Hint.read("status", json.dumps(body).encode())
    now = datetime(2026, 11, 30, tzinfo=UTC)
    heads = {7: "a" * 40, 8: "b" * 40}
    pulls = [Pull("acme/env-prod", number, head, "main", "x", "prod", now) for number, head in heads.items()]
    assert webhook.keys(hint, estate, pulls) == looked
    assert webhook.own(hint, estate) == (sender == "interlock")
