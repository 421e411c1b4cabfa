"""The webhook endpoint: it wakes, it believes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from interlock.local.argocd.webhook import MAX_BODY, create_app

if TYPE_CHECKING:
    from .conftest import World

SECRET = b"webhook-secret-0123456789"
PUSH = {"ref": "refs/heads/main", "repository": {"full_name": "acme/env-prod"}}


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    return {"X-Gitea-Event": "push", "X-Gitea-Signature": hmac.new(secret, body, hashlib.sha256).hexdigest()}


@pytest.fixture
def pushes() -> list[tuple[str, str]]:
    return []


def send(app: Starlette, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://argocd") as client:
            return await client.post("/api/webhook", content=body, headers=headers)

    return asyncio.run(run())


@pytest.fixture
def post(pushes: list[tuple[str, str]]) -> Callable[..., httpx.Response]:
    app = create_app(lambda: SECRET, lambda repository, ref: pushes.append((repository, ref)))
    return lambda body, headers: send(app, body, headers)


def test_a_push_names_the_repository_and_the_branch(post: Callable[..., httpx.Response], pushes: list[object]) -> None:
    body = json.dumps(PUSH).encode()
    assert post(body, signed(body)).status_code == 200
    assert pushes == [("acme/env-prod", "refs/heads/main")]


@pytest.mark.parametrize("change", ["no signature", "empty signature", "wrong secret", "another body"])
def test_what_is_not_signed_wakes_nobody(
    post: Callable[..., httpx.Response], pushes: list[object], change: str
) -> None:
    body = json.dumps(PUSH).encode()
    headers = {
        "no signature": {"X-Gitea-Event": "push"},
        "empty signature": {"X-Gitea-Event": "push", "X-Gitea-Signature": ""},
        "wrong secret": signed(body, b"guess"),
        "another body": signed(body + b" "),
    }[change]
    answer = post(body, headers)
    assert (answer.status_code, answer.json()) == (401, {"code": "webhook-signature"})
    assert pushes == []


def test_without_a_secret_everything_is_refused() -> None:
    app = create_app(lambda: None, lambda *_: pytest.fail("believed"))
    body = json.dumps(PUSH).encode()
    assert send(app, body, signed(body, b"")).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ref": 1, "repository": {"full_name": "x"}}', b"\xff"])
def test_a_malformed_push_is_refused(post: Callable[..., httpx.Response], pushes: list[object], body: bytes) -> None:
    answer = post(body, signed(body))
    assert (answer.status_code, answer.json()) == (400, {"code": "webhook-malformed"})
    assert pushes == []


def test_other_events_are_ignored_and_large_bodies_refused(
    post: Callable[..., httpx.Response], pushes: list[object]
) -> None:
    body = json.dumps(PUSH).encode()
    assert post(body, {**signed(body), "X-Gitea-Event": "issues"}).status_code == 200
    large = b" " * (MAX_BODY + 1)
    assert post(large, signed(large)).status_code == 413
    assert pushes == []


def test_a_push_starts_a_sync_long_before_the_next_resync(world: World) -> None:
    first = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    secret = world.folder / "secret"
    secret.write_bytes(SECRET)
    engine = world.start(resync_ms=600_000, webhook_secret=secret)
    world.application()
    world.synced(first)
    second = world.repo.commit({"app/settings.yaml": world.config_map("settings", "two")})
    body = json.dumps(PUSH).encode()
    answer = httpx.post(f"http://127.0.0.1:{engine.port}/api/webhook", content=body, headers=signed(body))
    assert answer.status_code == 200
    world.synced(second)
    assert world.value() == "two"
