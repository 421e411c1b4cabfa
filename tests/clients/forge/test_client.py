"""What the client makes of answers; the calls themselves are tested against the served forge (tests/local/forge)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from interlock.clients.forge import BranchProtection, ForgeClient
from interlock.errors import (
    BusyError,
    ConflictError,
    InputError,
    InterlockError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)


@pytest.fixture
def forge(script: Any, patience: Any) -> Iterator[ForgeClient]:
    with ForgeClient(f"{script.url}/sub", "t0ken", patience=patience) as made:
        yield made


@pytest.mark.parametrize(
    ("status", "message", "kind", "code"),
    [
        (401, "token is required", RefusedError, "forge-unauthenticated"),
        (403, "no", RefusedError, "forge-forbidden"),
        (403, "Only signed in user is allowed to call APIs.", RefusedError, "forge-unauthenticated"),
        (404, "gone", NotFoundError, "forge-not-found"),
        (405, "User not allowed to merge PR", RefusedError, "forge-merge-refused"),
        (405, "Please try again later", BusyError, "forge-busy"),
        (409, "Please try again later", BusyError, "forge-busy"),
        (409, "head out of date", ConflictError, "forge-conflict"),
        (409, "PushRejected with remote message: x", RefusedError, "forge-merge-refused"),
        (422, "bad", InputError, "forge-invalid"),
        (500, "oops", UnreachableError, "forge-failed"),
        (302, "elsewhere", UnreachableError, "forge-failed"),
    ],
)
def test_each_refusal_is_an_error_of_its_own(
    status: int, message: str, kind: type[InterlockError], code: str, forge: ForgeClient, script: Any, answer: Any
) -> None:
    script.answers["*"] = answer(status, json.dumps({"message": message, "errors": ["x"]}).encode())
    with pytest.raises(kind, match=message) as caught:
        forge.repository("acme", "env")
    assert caught.value.code == code
    assert "t0ken" not in "".join(text for _, text in caught.value.lines())


@pytest.mark.parametrize("body", [b'{"id": 1}', b'{"id": "x", "owner": 3}'])
def test_an_answer_that_is_not_of_the_api_is_no_fact(body: bytes, forge: ForgeClient, script: Any, answer: Any) -> None:
    script.answers["*"] = answer(body=body)
    with pytest.raises(UnreachableError):
        forge.repository("acme", "env")


@pytest.mark.parametrize("hostile", ["../admin", "a/b", "a?b=c", "a#b", "a%2fb", "ü"])
def test_names_are_one_segment_of_the_path(hostile: str, forge: ForgeClient, script: Any) -> None:
    with pytest.raises(NotFoundError):
        forge.repository(hostile, "env")
    (asked,) = script.asked
    assert asked.path.startswith("/sub/api/v1/repos/")
    assert asked.path.count("/") == 6
    assert "?" not in asked.path


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_climb_are_refused(name: str, forge: ForgeClient, script: Any) -> None:
    with pytest.raises(InputError):
        forge.repository("acme", name)
    assert script.asked == []


def paged(answer: Any, size: int, items: list[Any], **headers: str) -> Callable[[Any], Any]:
    def page(asked: Any) -> Any:
        number = int(parse_qs(urlsplit(asked.path).query)["page"][0])
        return answer(body=json.dumps(items[(number - 1) * size : number * size]).encode(), headers=headers)

    return page


TEAMS = [{"name": f"t{number}", "id": number} for number in range(7)]


def test_a_listing_ends_where_the_forge_says_not_where_a_page_is_short(
    forge: ForgeClient, script: Any, answer: Any
) -> None:
    """A forge may cap pages below what was asked for (Gitea's MAX_RESPONSE_ITEMS)."""
    script.answers["*"] = paged(answer, 3, TEAMS, **{"X-Total-Count": "7"})
    assert len(forge.teams("acme")) == 7


@pytest.mark.parametrize("headers", [{}, {"X-Total-Count": "9"}, {"X-Total-Count": "many"}])
def test_a_listing_without_a_total_that_fits_ends_at_an_empty_page(
    headers: dict[str, str], forge: ForgeClient, script: Any, answer: Any
) -> None:
    """A total may count what is not shown, such as the pending reviews of others."""
    script.answers["*"] = paged(answer, 1, TEAMS[:3], **headers)
    assert forge.teams("acme") == {"t0": 0, "t1": 1, "t2": 2}


@pytest.mark.parametrize("call", ["comments", "statuses", "reviews"])
def test_gitea_writes_an_empty_list_as_null(call: str, forge: ForgeClient, script: Any, answer: Any) -> None:
    script.answers["*"] = answer(body=b"null", headers={"X-Total-Count": "0"})
    assert getattr(forge, call)("acme", "env", "1") == []
    assert forge.protections("acme", "env") == []


def test_statuses_come_newest_first(forge: ForgeClient, script: Any, answer: Any) -> None:
    """Gitea sorts by the second, and within one by the order of creation."""
    times = {"created_at": "2026-05-04T12:00:00Z", "description": "", "target_url": "", "creator": None}
    rows = [{"id": number, "context": "gate", "status": "pending", **times} for number in (5, 6, 1, 2, 3, 4)]
    script.answers["*"] = paged(answer, 50, rows)
    assert [status.id for status in forge.statuses("acme", "env", "c" * 40)] == [6, 5, 4, 3, 2, 1]


class TestUnknownCommits:
    """Gitea answers 500 about a commit that it does not have."""

    SHA = "c" * 40

    @pytest.mark.parametrize(
        "call",
        [
            lambda forge, sha: forge.statuses("acme", "env", sha),
            lambda forge, sha: forge.set_status("acme", "env", sha, context="x", state="success"),
            lambda forge, sha: forge.review("acme", "env", 1, event="APPROVED", commit_id=sha),
        ],
    )
    def test_are_not_found(self, call: Any, forge: ForgeClient, script: Any, answer: Any) -> None:
        where = f"GET /sub/api/v1/repos/acme/env/git/commits/{self.SHA}"
        script.answers |= {"*": answer(500, b'{"message":"oops"}'), where: answer(404, b'{"message":"no commit"}')}
        with pytest.raises(NotFoundError, match="no commit"):
            call(forge, self.SHA)
        commit = {"sha": self.SHA, "commit": {"message": "m", "author": {"email": "a"}}}
        script.answers[where] = answer(body=json.dumps(commit).encode())
        with pytest.raises(UnreachableError, match="oops"):
            call(forge, self.SHA)


def test_a_merge_that_is_still_being_checked_is_asked_for_again(
    forge: ForgeClient, script: Any, clock: Any, answer: Any
) -> None:
    later = answer(405, b'{"message":"Please try again later"}')
    script.answers["*"] = [later, later, answer(409, b'{"message":"head out of date"}')]
    with pytest.raises(ConflictError):
        forge.merge("acme", "env", 1, head_commit_id="c" * 40, message_title="t")
    assert len(script.sent("POST")) == 3
    script.answers["*"] = later
    with pytest.raises(BusyError):
        forge.merge("acme", "env", 1, head_commit_id="c" * 40, message_title="t")


def test_a_token_is_made_with_the_password_not_with_the_token(forge: ForgeClient, script: Any, answer: Any) -> None:
    script.answers["*"] = answer(201, b'{"sha1": "made"}')
    assert forge.create_token("dana", "a password", name="t", scopes=["all"]) == "made"
    assert script.asked[-1].headers["Authorization"] == "Basic ZGFuYTphIHBhc3N3b3Jk"


def test_a_rule_round_trips_and_what_the_forge_leaves_out_is_off() -> None:
    rule = BranchProtection("main", required_approvals=2, status_check_contexts=("a", "b"))
    assert BranchProtection.read(rule.write()) == rule
    assert BranchProtection.read({"rule_name": "main", "push_whitelist_usernames": None}) == BranchProtection("main")


def test_a_webhook_without_a_secret_is_refused(forge: ForgeClient, script: Any) -> None:
    with pytest.raises(InputError):
        forge.create_hook("acme", None, url="http://127.0.0.1/", secret="", events=["push"])
    assert script.asked == []
