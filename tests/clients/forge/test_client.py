"""What the client makes of answers; the calls themselves are tested against the served forge (tests/local/forge)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from interlock.clients.forge import BranchProtection, ForgeClient
from interlock.errors import ConflictError, InputError, InterlockError, NotFoundError, RefusedError, UnreachableError

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> ForgeClient:
    return ForgeClient("http://forge.test/sub", "t0ken", transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("status", "message", "kind", "code"),
    [
        (401, "token is required", RefusedError, "forge-unauthenticated"),
        (403, "no", RefusedError, "forge-forbidden"),
        (404, "gone", NotFoundError, "forge-not-found"),
        (405, "User not allowed to merge PR", RefusedError, "forge-merge-refused"),
        (409, "head out of date", ConflictError, "forge-conflict"),
        (409, "PushRejected with remote message: x", RefusedError, "forge-merge-refused"),
        (422, "bad", InputError, "forge-invalid"),
        (500, "oops", UnreachableError, "forge-failed"),
        (302, "elsewhere", UnreachableError, "forge-failed"),
    ],
)
def test_each_refusal_is_an_error_of_its_own(status: int, message: str, kind: type[InterlockError], code: str) -> None:
    forge = client(lambda _request: httpx.Response(status, json={"message": message}))
    with forge, pytest.raises(kind, match=message) as caught:
        forge.repository("acme", "env")
    assert caught.value.code == code
    assert "t0ken" not in "".join(text for _, text in caught.value.lines())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"id": 1}', b"null", b'{"id": "x", "owner": 3}'])
def test_an_answer_that_is_not_of_the_api_is_no_fact(body: bytes) -> None:
    with client(lambda _request: httpx.Response(200, content=body)) as forge, pytest.raises(UnreachableError):
        forge.repository("acme", "env")


def test_no_connection() -> None:
    with ForgeClient("http://127.0.0.1:1", "t0ken") as forge, pytest.raises(UnreachableError) as caught:
        forge.version()
    assert caught.value.code == "forge-unreachable"


@pytest.mark.parametrize("hostile", ["../admin", "a/b", "a?b=c", "a#b", "a%2fb", "ü"])
def test_names_are_one_segment_of_the_path(hostile: str) -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(404, json={})

    with client(answer) as forge, pytest.raises(NotFoundError):
        forge.repository(hostile, "env")
    assert seen[0].startswith(b"/sub/api/v1/repos/")
    assert seen[0].count(b"/") == 6
    assert b"?" not in seen[0]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_climb_are_refused(name: str) -> None:
    with client(lambda _request: httpx.Response(200)) as forge, pytest.raises(InputError):
        forge.repository("acme", name)


def test_a_listing_ends_where_the_forge_says_not_where_a_page_is_short() -> None:
    """A forge may cap pages below what was asked for (Gitea's MAX_RESPONSE_ITEMS)."""
    teams = [{"name": f"t{number}", "id": number} for number in range(7)]

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return httpx.Response(200, json=teams[(page - 1) * 3 : page * 3], headers={"X-Total-Count": "7"})

    with client(answer) as forge:
        assert len(forge.teams("acme")) == 7


def test_a_listing_without_a_total_ends_at_an_empty_page() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return httpx.Response(200, json=[{"name": f"t{page}", "id": page}] if page < 4 else [])

    with client(answer) as forge:
        assert forge.teams("acme") == {"t1": 1, "t2": 2, "t3": 3}


def test_a_rule_round_trips_and_what_the_forge_leaves_out_is_off() -> None:
    rule = BranchProtection("main", required_approvals=2, status_check_contexts=("a", "b"))
    assert BranchProtection.read(rule.write()) == rule
    assert BranchProtection.read({"rule_name": "main", "push_whitelist_usernames": None}) == BranchProtection("main")


def test_a_webhook_without_a_secret_is_refused() -> None:
    with client(lambda _request: httpx.Response(500)) as forge, pytest.raises(InputError):
        forge.create_hook("acme", None, url="http://127.0.0.1/", secret="", events=["push"])
