"""Webhooks: signed, in order, retried until the receiver is there, and never to a place that is not allowed."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from interlock.errors import InputError, RefusedError
from interlock.local.forge import outbox

if TYPE_CHECKING:
    from interlock.local.forge import Config

    from .conftest import Estate, Serve

SECRET = "s3cret"


@dataclass
class Receiver:
    """Keeps what it gets; answers ``status``."""

    server: ThreadingHTTPServer
    got: queue.Queue[tuple[dict[str, str], bytes]] = field(default_factory=queue.Queue)
    status: int = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        headers, body = self.got.get(timeout=15)
        return headers, json.loads(body)


@pytest.fixture
def make_receiver() -> Iterator[Callable[..., Receiver]]:
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def make(port: int = 0) -> Receiver:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put((dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        receiver = Receiver(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        running.append((server, thread))
        return receiver

    yield make
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


ALL = ("push", "pull_request", "pull_request_review", "status")


def test_deliveries_are_signed_and_tell_what_happened(estate: Estate, make_receiver: Callable[..., Receiver]) -> None:
    receiver = make_receiver()
    estate.root.create_hook("acme", None, url=receiver.url, secret=SECRET, events=ALL)
    number = estate.propose("dana", "feature", {"a": "1"})
    headers, body = receiver.got.get(timeout=15)
    push = json.loads(body)
    assert headers["X-Gitea-Event"] == "push"
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Gitea-Signature"] == expected
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert (push["ref"], push["pusher"]["login"], push["total_commits"]) == ("refs/heads/feature", "dana", 1)
    assert push["repository"]["full_name"] == "acme/env"
    headers, opened = receiver.next()
    assert (headers["X-Gitea-Event"], opened["action"], opened["number"]) == ("pull_request", "opened", number)
    head = opened["pull_request"]["head"]["sha"]
    estate["rita"].client.review("acme", "env", number, event="APPROVED", commit_id=head)
    headers, review = receiver.next()
    assert headers["X-Gitea-Event"] == "pull_request_approved"
    assert headers["X-Gitea-Event-Type"] == "pull_request_review_approved"
    assert (review["action"], review["sender"]["login"]) == ("reviewed", "rita")
    estate["ci"].client.set_status("acme", "env", head, context="build", state="success")
    headers, status = receiver.next()
    assert (headers["X-Gitea-Event"], status["sha"], status["state"]) == ("status", head, "success")
    estate.merge("interlock", number, head)
    (_, closed), (_, moved) = receiver.next(), receiver.next()
    assert (closed["action"], closed["pull_request"]["merged"]) == ("closed", True)
    assert (moved["ref"], moved["after"]) == ("refs/heads/main", closed["pull_request"]["merge_commit_sha"])
    estate["dana"].client.edit_pull("acme", "env", number, title="New title")
    _, edited = receiver.next()
    assert (edited["action"], edited["changes"]) == ("edited", {"title": {"from": "Deliver feature"}})


def test_the_receiver_may_be_down_and_gets_everything_in_order_later(
    estate: Estate, make_receiver: Callable[..., Receiver]
) -> None:
    gone = make_receiver()
    port, url = gone.server.server_port, gone.url
    gone.server.shutdown()
    gone.server.server_close()
    estate.root.create_hook("acme", "env", url=url, secret=SECRET, events=["status"])
    head = estate.root.branch("acme", "env", "main")
    for index in range(3):
        estate["ci"].client.set_status("acme", "env", head, context=f"c{index}", state="success")
    back = make_receiver(port)
    assert [back.next()[1]["context"] for _ in range(3)] == ["c0", "c1", "c2"]


def test_an_answer_that_is_no_success_is_tried_again_with_the_same_id(
    estate: Estate, make_receiver: Callable[..., Receiver]
) -> None:
    receiver = make_receiver()
    receiver.status = 500
    estate.root.create_hook("acme", "env", url=receiver.url, secret=SECRET, events=["status"])
    head = estate.root.branch("acme", "env", "main")
    estate["ci"].client.set_status("acme", "env", head, context="x", state="success")
    first, _ = receiver.next()
    second, _ = receiver.next()
    assert first["X-Gitea-Delivery"] == second["X-Gitea-Delivery"]


def test_deliveries_survive_a_restart(
    make_config: Callable[..., Config], serve: Serve, make_receiver: Callable[..., Receiver]
) -> None:
    config = make_config()
    receiver = make_receiver()
    receiver.status = 503
    with serve(config) as estate:
        estate.root.create_hook("acme", "env", url=receiver.url, secret=SECRET, events=["status"])
        head = estate.root.branch("acme", "env", "main")
        estate["ci"].client.set_status("acme", "env", head, context="kept", state="success")
        receiver.next()
    while not receiver.got.empty():
        receiver.got.get()
    receiver.status = 204
    with serve(config):
        assert receiver.next()[1]["context"] == "kept"


def test_a_hook_of_one_repository_hears_nothing_of_another(
    estate: Estate, make_receiver: Callable[..., Receiver]
) -> None:
    receiver = make_receiver()
    estate.root.create_repository("acme", "other")
    estate.root.create_hook("acme", "other", url=receiver.url, secret=SECRET, events=["status", "push"])
    head = estate.root.branch("acme", "env", "main")
    estate["ci"].client.set_status("acme", "env", head, context="not for it", state="success")
    path = estate.clone("dana")
    estate["dana"].git("push", "--quiet", f"{estate.url}/acme/other", "HEAD:refs/heads/main", folder=path)
    assert receiver.next()[1]["repository"]["name"] == "other"
    assert receiver.got.empty()


def test_hooks_are_listed_without_their_secret_and_deleted(estate: Estate) -> None:
    hook = estate.root.create_hook("acme", "env", url="http://127.0.0.1:1/x", secret=SECRET, events=["push"])
    headers = {"Authorization": f"token {estate.config.admin_token_file.read_text().strip()}"}
    answer = httpx.get(f"{estate.url}/api/v1/repos/acme/env/hooks", headers=headers, trust_env=False)
    assert SECRET not in answer.text
    assert estate.root.hooks("acme", "env") == [hook]
    estate.root.delete_hook("acme", "env", hook.id)
    assert estate.root.hooks("acme", "env") == []
    with pytest.raises(InputError, match="not an event"):
        estate.root.create_hook("acme", "env", url="http://127.0.0.1:1/x", secret=SECRET, events=["pushed"])
    with pytest.raises(InputError, match="hook-url-invalid"):
        estate.root.create_hook("acme", "env", url="file:///etc/passwd", secret=SECRET, events=["push"])


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0/"]
)
def test_only_allowed_places_are_reached(url: str) -> None:
    with pytest.raises(RefusedError, match="webhook-host-refused"):
        outbox.resolve(url, ["loopback"])


def test_a_place_is_allowed_by_network_name_or_as_loopback() -> None:
    assert outbox.resolve("http://127.0.0.1:8484/hook?x=1", ["loopback"]) == (
        "http://127.0.0.1:8484/hook?x=1",
        "127.0.0.1:8484",
    )
    assert outbox.resolve("http://10.1.2.3/", ["10.0.0.0/8"])[0] == "http://10.1.2.3:80/"
    assert outbox.resolve("http://localhost:9/x", ["localhost"])[1] == "localhost:9"
