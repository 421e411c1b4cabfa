"""The forge's webhooks: checked, then used as a hint to look, never as a fact (research/audit_portal.md 2.1)."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from interlock.errors import InputError, RefusedError

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


def create_app(*, secret: Callable[[], str], wake: Callable[[str], None]) -> Starlette:
    """``POST /webhook``; ``wake`` gets the event's name (``push``, ``pull_request`` ...)."""
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
            wake(request.headers.get("x-gitea-event", ""))
        return Response(status_code=204)

    async def healthy(_: Request) -> Response:
        return Response("ok\n")

    return Starlette(routes=[Route("/webhook", receive, methods=["POST"]), Route("/healthz", healthy)])
