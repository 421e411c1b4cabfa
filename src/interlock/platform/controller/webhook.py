"""The forge's webhooks: checked, then used as a hint to look, never as a fact (research/audit_portal.md 2.1)."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from interlock.errors import InputError, RefusedError
from interlock.platform.controller.queue import Key
from interlock.platform.delivery.readmodel import Pull
from interlock.platform.estate import PLATFORM as REGISTRY
from interlock.platform.estate import Estate, layout

MAX_BYTES = 1024 * 1024
_REMEMBERED = 10_000


def check(body: bytes, signature: str | None, secret: str) -> None:
    """Verify Gitea's ``X-Gitea-Signature``: bare hex HMAC-SHA256 of the raw body, compared in constant time.

    Raises RefusedError ``webhook-unsigned`` (missing or empty: Gitea sends the header empty when no secret is set)
    or ``webhook-signature``.
    """
    if not signature:
        raise RefusedError("webhook-unsigned", "a webhook without a signature", todo="set the secret on the forge")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise RefusedError("webhook-signature", "a webhook whose signature is not of our secret")


class Deliveries:
    """Delivery ids seen lately: a replay is acknowledged and does nothing."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def first_time(self, delivery: str) -> bool:
        with self._lock:
            if delivery in self._seen:
                return False
            self._seen[delivery] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return True


@dataclass(frozen=True, slots=True)
class Hint:
    """Where something may have happened. What a delivery does not say, or says in another way, is empty."""

    event: str
    """``push``, ``pull_request`` ..."""
    repository: str = ""
    """Its name in the organisation."""
    ref: str = ""
    """That was pushed."""
    pull: int = 0
    commit: str = ""
    """That a status is of."""
    sender: str = ""

    @classmethod
    def read(cls, event: str, body: bytes) -> Hint:
        try:
            found = json.loads(body)
        except ValueError:
            return cls(event)
        if not isinstance(found, dict):
            return cls(event)
        repository, ref, pull = found.get("repository"), found.get("ref"), found.get("number")
        name = repository.get("name") if isinstance(repository, dict) else None
        sender = found.get("sender")
        login = sender.get("login") if isinstance(sender, dict) else None
        number = pull if type(pull) is int and pull > 0 else 0
        return cls(event, _text(name), _text(ref), number, _text(found.get("sha")), _text(login))


def keys(hint: Hint, estate: Estate | None, pulls: Sequence[Pull] = ()) -> list[Key] | None:
    """What is to be looked at; None for everything. ``pulls``: those that are open."""
    if hint.event == "issue_comment":
        return []  # no loop reads what people say, and most comments are ours
    if estate is None or not hint.repository:
        return None
    if hint.event == "status":
        found = [item for item in pulls if item.head == hint.commit and not own(hint, estate)]
        return [("judge", item.environment, str(item.number)) for item in found]
    queues = (REGISTRY, *(item.name for item in estate.platform.environments))
    queue = next((name for name in queues if estate.environment(name).repository == hint.repository), None)
    if queue is None:
        return [("build", item.name) for item in estate.services.values() if item.repository == hint.repository]
    if hint.pull:
        return [("judge", queue, str(hint.pull))]
    # Other branches are read when a pull request asks for them; sealed moves by our own hand.
    return [("deliver", queue)] if hint.ref in ("", layout.MAIN) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def own(hint: Hint, estate: Estate | None) -> bool:
    """Whether the platform did it itself."""
    return estate is not None and hint.sender == estate.platform.accounts.platform


def create_app(
    *,
    secret: Callable[[], str],
    wake: Callable[[Hint], None],
    health: Callable[[], tuple[bool, dict[str, object]]],
) -> Starlette:
    """``POST /webhook``, and ``GET /healthz``: 503 when ``health`` says that not all is well."""
    deliveries = Deliveries()

    async def receive(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                error = InputError("webhook-size", "webhook too large", expected=f"<= {MAX_BYTES} bytes")
                return JSONResponse(error.as_dict(), status_code=413)
        try:
            check(bytes(body), request.headers.get("x-gitea-signature"), secret())
        except RefusedError as error:
            return JSONResponse(error.as_dict(), status_code=401)
        if deliveries.first_time(request.headers.get("x-gitea-delivery", "")):
            wake(Hint.read(request.headers.get("x-gitea-event", ""), bytes(body)))
        return Response(status_code=204)

    async def healthy(_: Request) -> Response:
        well, body = health()
        return JSONResponse(body, status_code=200 if well else 503)

    return Starlette(routes=[Route("/webhook", receive, methods=["POST"]), Route("/healthz", healthy)])
