"""A webhook is a hint: checked before it is read, and never more than a wake-up."""

import hashlib
import hmac

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from interlock.platform.controller import webhook

SECRET = "s3cret"
BODY = b'{"ref": "refs/heads/main"}'


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def client(woken: list[str]) -> Starlette:
    return webhook.create_app(secret=lambda: SECRET, wake=woken.append)


def post(client: Starlette, signature: str | None, *, body: bytes = BODY, delivery: str = "1") -> int:
    headers = {"X-Gitea-Event": "push", "X-Gitea-Delivery": delivery}
    if signature is not None:
        headers["X-Gitea-Signature"] = signature

    async def send() -> int:
        transport = httpx.ASGITransport(app=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://controller") as http:
            return (await http.post("/webhook", content=body, headers=headers)).status_code

    return anyio.run(send)


def test_a_signed_webhook_wakes_its_loops(client: Starlette, woken: list[str]) -> None:
    assert post(client, signed(BODY)) == 204
    assert woken == ["push"]


@pytest.mark.parametrize("signature", [None, "", "sha256=", signed(BODY, "other"), signed(b"{}"), signed(BODY).upper()])
def test_a_webhook_without_our_signature_is_refused(client: Starlette, woken: list[str], signature: str | None) -> None:
    assert post(client, signature) == 401
    assert woken == []


def test_a_replay_is_acknowledged_and_does_nothing(client: Starlette, woken: list[str]) -> None:
    assert [post(client, signed(BODY)), post(client, signed(BODY))] == [204, 204]
    assert woken == ["push"]


def test_a_huge_body_is_refused_before_it_is_read_whole(client: Starlette, woken: list[str]) -> None:
    body = b"x" * (webhook.MAX_BYTES + 1)
    assert post(client, signed(body), body=body) == 413
    assert woken == []
