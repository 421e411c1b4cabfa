"""What every client owes, whatever system it speaks to: one clear error for each fault, and nothing sent twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interlock import __version__
from interlock.clients.forge import ForgeClient
from interlock.clients.http import FileToken
from interlock.clients.kubernetes import KubernetesClient
from interlock.clients.registry import RegistryClient
from interlock.clients.tickets import TicketsClient
from interlock.errors import BusyError, InputError, InterlockError, NotFoundError, RefusedError, UnreachableError

ID = "a" * 32
RECORD = {"number": "CHG0030001", "sys_id": ID, "state": "-2", "sys_mod_count": "3"}
COMMENT = {"id": 1, "user": {"login": "a", "id": 1}, "body": "x", "created_at": "2026-05-04T12:00:00Z"}
KINDS = {
    "kind": "APIResourceList",
    "resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True, "verbs": None}],
}
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n"}}


def listing(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "commit": {"id": "c"}, "protected": False} for name in names]


@dataclass(frozen=True)
class Subject:
    """One client: a read and a write of it, each of one request, with the JSON that answers them."""

    name: str
    make: Callable[..., Any]
    scheme: str
    read: Callable[[Any], object]
    readable: Any
    write: Callable[[Any], object]
    written: tuple[int, Any]
    failed: str
    """Code of what is no answer of this API."""
    list: Callable[[Any], object]
    empty: Any
    """An empty listing as Go writes it; None where there is none."""
    pages: tuple[tuple[Any, dict[str, str]], ...]
    """The first page of a listing that goes on."""
    tell: Callable[[str], Any] = lambda said: {"message": said}
    """The body of an error."""


SUBJECTS = (
    Subject(
        name="forge",
        make=ForgeClient,
        scheme="token",
        read=lambda client: client.version(),
        readable={"version": "1.26.0"},
        write=lambda client: client.comment("acme", "env", 1, "x"),
        written=(201, COMMENT),
        failed="forge-failed",
        list=lambda client: client.branches("acme", "env"),
        empty="null",
        pages=((listing("a", "b"), {"X-Total-Count": "4"}),),
    ),
    Subject(
        name="registry",
        make=lambda url, token=None, **options: RegistryClient(url, token=token, **options),
        scheme="Bearer",
        read=lambda client: client.tags("a/b"),
        readable={"tags": ["v1"]},
        write=lambda client: client.mount_blob("a/b", "sha256:" + "0" * 64, source="a/c"),
        written=(201, {}),
        failed="registry-unreachable",
        list=lambda client: client.tags("a/b"),
        empty='{"name":"a/b","tags":null}',
        pages=(({"tags": ["v1"]}, {"Link": '</v2/a/b/tags/list?last=v1>; rel="next"'}),),
        tell=lambda said: {"errors": [{"code": "SOME", "message": said}]},
    ),
    Subject(
        name="kubernetes",
        make=lambda url, token=None, **options: KubernetesClient(url, token=token, **options),
        scheme="Bearer",
        read=lambda client: client.version(),
        readable={"gitVersion": "v1.36.1"},
        write=lambda client: client.request("POST", "/api/v1/namespaces/n/configmaps", body=MAP),
        written=(201, MAP),
        failed="kubernetes-server-error",
        list=lambda client: client.list("v1", "ConfigMap", namespace="n").items,
        empty='{"metadata":{"resourceVersion":"7"},"items":null}',
        pages=(({"metadata": {"resourceVersion": "7", "continue": "x"}, "items": [MAP]}, {}),),
        tell=lambda said: {"kind": "Status", "message": said},
    ),
    Subject(
        name="tickets",
        make=TicketsClient,
        scheme="Bearer",
        read=lambda client: client.read(ID),
        readable={"result": RECORD},
        write=lambda client: client.create({}),
        written=(201, {"result": RECORD}),
        failed="tickets-answer",
        list=lambda client: client.find({}),
        empty=None,
        pages=(({"result": [RECORD] * 200}, {}),),
        tell=lambda said: {"error": {"message": said, "detail": ""}, "status": "failure"},
    ),
)


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


@pytest.fixture
def says(subject: Subject, script: Any, answer: Any) -> Callable[..., None]:
    """``says(answer, answer, ...)``: in turn, to everything but Kubernetes' discovery."""
    script.answers["GET /api/v1"] = answer(body=json.dumps(KINDS).encode())

    def say(*answers: Any) -> None:
        script.answers["*"] = list(answers)

    return say


@pytest.fixture
def good(subject: Subject, answer: Any) -> Any:
    return answer(body=json.dumps(subject.readable).encode())


def failing(subject: Subject, call: Callable[[Any], object], url: str, patience: Any, **options: Any) -> InterlockError:
    """The error of ``call``: one clear sentence, without a secret."""
    with subject.make(url, "s3cret", patience=patience, **options) as client, pytest.raises(InterlockError) as caught:
        call(client)
    error = caught.value
    assert error.code.startswith(subject.name)
    assert re.fullmatch(r"[^\n]+", error.message)
    assert "s3cret" not in str(error.lines())
    return error


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "kind", "code"),
        [
            (401, RefusedError, "unauthenticated"),
            (403, RefusedError, "forbidden"),
            (413, RefusedError, "request-too-large"),
        ],
    )
    def test_a_refusal_says_nothing_of_evidence(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any, status: int, kind: Any, code: str
    ) -> None:
        says(answer(status, json.dumps(subject.tell("in words")).encode()))
        error = failing(subject, subject.read, script.url, patience)
        assert (type(error), error.code) == (kind, f"{subject.name}-{code}")
        assert "in words" in str(error)

    @pytest.mark.parametrize("status", [301, 302, 307, 408, 425, 500, 502, 503, 504])
    def test_a_system_that_cannot_answer_is_unreachable(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any, status: int
    ) -> None:
        says(answer(status, json.dumps(subject.tell("in words")).encode()))
        error = failing(subject, subject.read, script.url, patience)
        assert (type(error), error.code) == (UnreachableError, subject.failed)

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html>log in</html>", b"{", b"[" * 100_000])
    def test_what_is_not_of_the_api_is_no_fact(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any, body: bytes
    ) -> None:
        says(answer(body=body))
        error = failing(subject, subject.read, script.url, patience)
        assert (type(error), error.code) == (UnreachableError, subject.failed)

    @pytest.mark.parametrize("status", [200, 400, 409, 500])
    def test_a_web_page_is_no_answer(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any, status: int
    ) -> None:
        page = b"<html><body>Request rejected</body></html>"
        says(answer(status, page, {"Content-Type": "text/html; charset=utf-8"}))
        error = failing(subject, subject.read, script.url, patience)
        assert (type(error), error.code) == (UnreachableError, subject.failed)
        assert "<" not in str(error)

    def test_an_answer_has_a_largest_size(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any
    ) -> None:
        def endless() -> Any:
            while True:
                yield b'{"message": "' + bytes(1024 * 1024)

        says(answer(pieces=endless()))
        error = failing(subject, subject.read, script.url, clock.patience)
        assert "too large" in error.message
        says(answer(400, pieces=endless()))
        failing(subject, subject.read, script.url, clock.patience)

    def test_a_listing_without_entries_may_be_null(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any
    ) -> None:
        if subject.empty is None:
            # An absent record would be opened a second time: nothing but an empty list says that there is none.
            says(answer(body=b'{"result":null}'))
            assert failing(subject, subject.list, script.url, patience).code == subject.failed
            return
        says(answer(body=subject.empty.encode()))
        with subject.make(script.url, patience=patience) as client:
            assert subject.list(client) == []

    @pytest.mark.parametrize("second", [{"breaks": "within", "body": b"{"}, {"status": 502}, {"body": b"{}"}])
    def test_a_listing_that_is_cut_is_no_listing(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any, second: dict[str, Any]
    ) -> None:
        body, headers = subject.pages[0]
        says(answer(body=json.dumps(body).encode(), headers=headers), answer(**second))
        assert isinstance(failing(subject, subject.list, script.url, patience), UnreachableError)


class TestTryingAgain:
    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 503},
            {"status": 500},
            {"status": 429},
            {"breaks": "before"},
            {"breaks": "within", "body": b'{"version"'},
        ],
    )
    def test_a_read_is_tried_again(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any, good: Any, fault: dict[str, Any]
    ) -> None:
        says(answer(**fault), answer(**fault), good)
        with subject.make(script.url, "t", patience=clock.patience) as client:
            assert subject.read(client)
        assert len(script.asked) == 3
        assert clock.slept == [0.25, 0.5]

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 500},
            {"status": 503},
            {"status": 504, "headers": {"Retry-After": "1"}},
            {"breaks": "before"},
            {"breaks": "within", "body": b"{"},
        ],
    )
    def test_a_write_that_may_have_been_done_is_not_sent_twice(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any, fault: dict[str, Any]
    ) -> None:
        says(answer(**fault))
        error = failing(subject, subject.write, script.url, clock.patience)
        assert isinstance(error, UnreachableError)
        assert len(script.sent("POST")) == 1
        assert clock.slept == []

    @pytest.mark.parametrize("fault", [{"status": 429}, {"status": 503, "headers": {"Retry-After": "2"}}])
    def test_a_write_that_was_not_begun_is_sent_again(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any, fault: dict[str, Any]
    ) -> None:
        status, body = subject.written
        says(answer(**fault), answer(status, json.dumps(body).encode()))
        with subject.make(script.url, "t", patience=clock.patience) as client:
            assert subject.write(client)
        assert len(script.sent("POST")) == 2

    @pytest.mark.parametrize(
        ("headers", "waited"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"Retry-After": "Mon, 04 May 2026 12:00:09 GMT", "Date": "Mon, 04 May 2026 12:00:00 GMT"}, 9.0),
            ({"Retry-After": "Mon, 04 May 2026 11:00:00 GMT", "Date": "Mon, 04 May 2026 12:00:00 GMT"}, 0.25),
            ({"Retry-After": "0"}, 0.25),
            ({"Retry-After": "soon"}, 0.25),
            ({"Retry-After": "-5"}, 0.25),
            ({}, 0.25),
        ],
    )
    def test_it_waits_as_long_as_it_was_asked_to(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any, good: Any, headers: Any, waited: float
    ) -> None:
        says(answer(429, headers=headers), good)
        with subject.make(script.url, "t", patience=clock.patience) as client:
            assert subject.read(client)
        assert clock.slept == [waited]

    @pytest.mark.parametrize(("text", "after"), [("30", 30.0), ("120", 120.0), ("999999999999", 3600.0)])
    def test_a_long_wait_is_the_callers(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any, text: str, after: float
    ) -> None:
        says(answer(503, headers={"Retry-After": text}))
        error = failing(subject, subject.read, script.url, clock.patience)
        assert isinstance(error, BusyError)
        assert (error.code, error.after, error.exit_code) == (f"{subject.name}-busy", after, 5)
        assert clock.slept == []

    def test_a_busy_system_is_not_asked_for_ever(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any
    ) -> None:
        says(answer(429))
        error = failing(subject, subject.read, script.url, clock.patience)
        assert isinstance(error, BusyError)
        assert not isinstance(error, InputError)
        assert error.after is None
        assert clock.time < clock.patience.seconds

    def test_a_system_that_is_down_is_not_waited_for_by_every_call(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any, good: Any
    ) -> None:
        says(*[answer(502)] * 6, good, answer(502), good)
        with subject.make(script.url, "t", patience=clock.patience) as client:
            for _ in range(2):
                with pytest.raises(UnreachableError):
                    subject.read(client)
            waited = clock.time
            assert len(script.asked) == 6
            assert subject.read(client)
            assert clock.time == waited
            assert subject.read(client)
        assert clock.time > waited

    def test_a_body_that_drips_ends_with_the_callers_patience(
        self, subject: Subject, says: Any, script: Any, clock: Any, answer: Any
    ) -> None:
        def drip() -> Any:
            while True:
                clock.time += 1.0
                yield b" "

        says(answer(pieces=drip()))
        error = failing(subject, subject.read, script.url, clock.patience)
        assert (type(error), error.code) == (UnreachableError, f"{subject.name}-unreachable")

    def test_nobody_there(self, subject: Subject, script: Any, clock: Any) -> None:
        url = "http://127.0.0.1:1"
        error = failing(subject, subject.write, url, clock.patience)
        assert (type(error), error.code) == (UnreachableError, f"{subject.name}-unreachable")
        # What was not sent can be sent again.
        assert clock.slept


class TestTrust:
    def test_a_ca_of_ones_own(self, subject: Subject, secure: Any, ca: Path, patience: Any, good: Any) -> None:
        secure.answers["*"] = good
        with subject.make(secure.url, "t", ca_file=ca, patience=patience) as client:
            assert subject.read(client)

    def test_a_certificate_of_another_ca_is_told_and_gets_nothing(
        self, subject: Subject, secure: Any, clock: Any, good: Any
    ) -> None:
        secure.answers["*"] = good
        error = failing(subject, subject.read, secure.url, clock.patience)
        assert (type(error), error.code) == (UnreachableError, f"{subject.name}-unreachable")
        assert "certificate" in error.message
        assert "`ca`" in str(error.todo)
        assert secure.asked == []
        assert clock.slept == []

    def test_a_ca_file_that_holds_none(self, subject: Subject, secure: Any, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_bytes(b"")
        for file in ("empty.pem", "absent.pem"):
            with pytest.raises(InputError) as caught:
                subject.make(secure.url, "t", ca_file=tmp_path / file)
            assert caught.value.code == "ca-invalid"

    def test_the_environment_decides_nothing(
        self, subject: Subject, says: Any, script: Any, patience: Any, good: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        says(good)
        with subject.make(script.url, "t", patience=patience) as client:
            assert subject.read(client)
        assert script.asked[-1].headers["User-Agent"] == f"interlock/{__version__}"


class TestCredentials:
    def test_a_redirect_takes_none_along(
        self, subject: Subject, says: Any, script: Any, elsewhere: Any, patience: Any, answer: Any, good: Any
    ) -> None:
        """Only the registry's redirects are followed at all, and the storage behind it asks in vain."""
        says(answer(307, headers={"Location": f"{elsewhere.url}/storage?signature=abc"}))
        challenge = f'Bearer realm="{elsewhere.url}/token",service="x"'
        elsewhere.answers["*"] = answer(401, headers={"WWW-Authenticate": challenge})
        failing(subject, subject.read, script.url, patience)
        assert all("Authorization" not in asked.headers for asked in elsewhere.asked)
        assert not any(asked.path.startswith("/token") for asked in elsewhere.asked)
        elsewhere.answers["*"] = good
        with subject.make(script.url, "s3cret", patience=patience) as client:
            if subject.name == "registry":
                assert subject.read(client)
            else:
                with pytest.raises(UnreachableError):
                    subject.read(client)
        assert all("Authorization" not in asked.headers for asked in elsewhere.asked)
        assert bool(elsewhere.asked) == (subject.name == "registry")

    def test_a_rotated_token_is_used_at_once(
        self, subject: Subject, says: Any, script: Any, patience: Any, good: Any, tmp_path: Path
    ) -> None:
        path = tmp_path / "token"
        path.write_text("first")
        says(good)
        with subject.make(script.url, FileToken(path, Path.read_text), patience=patience) as client:
            subject.read(client)
            (tmp_path / "new").write_text("other")
            (tmp_path / "new").replace(path)
            subject.read(client)
            path.write_text("the third")
            subject.read(client)
        sent = [asked.headers["Authorization"] for asked in script.asked]
        assert sent == [f"{subject.scheme} {token}" for token in ("first", "other", "the third")]

    @pytest.mark.parametrize("call", ["read", "write"])
    def test_a_refused_token_is_asked_for_again_once(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any, call: str
    ) -> None:
        given = iter(["old", "new", "newer"])
        current = ["unset"]

        def token(*, fresh: bool = False) -> str:
            if fresh or current[0] == "unset":
                current[0] = next(given)
            return current[0]

        def judge(asked: Any) -> Any:
            if asked.headers["Authorization"] != f"{subject.scheme} new":
                return answer(401, json.dumps(subject.tell("no")).encode())
            status, body = subject.written if call == "write" else (200, subject.readable)
            return answer(status, json.dumps(body).encode())

        says(judge)
        with subject.make(script.url, token, patience=patience) as client:
            assert getattr(subject, call)(client)
            assert [asked.headers["Authorization"].split()[1] for asked in script.asked] == ["old", "new"]

    def test_a_refused_token_that_is_still_the_same_is_not_sent_again(
        self, subject: Subject, says: Any, script: Any, patience: Any, answer: Any
    ) -> None:
        says(answer(401, json.dumps(subject.tell("no")).encode()))
        assert isinstance(failing(subject, subject.read, script.url, patience), RefusedError)
        assert len(script.asked) == 1

    @pytest.mark.parametrize("token", ["two\nlines", "caf\xe9", "nul\0"])
    def test_what_cannot_be_a_token_is_not_repeated(
        self, subject: Subject, says: Any, script: Any, patience: Any, good: Any, token: str
    ) -> None:
        says(good)
        with subject.make(script.url, token, patience=patience) as client, pytest.raises(NotFoundError) as caught:
            subject.read(client)
        assert caught.value.code == "credential-missing"
        assert token[:3] not in str(caught.value.lines())
        assert script.asked == []
