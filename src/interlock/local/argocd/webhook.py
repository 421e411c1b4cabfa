"""The webhook endpoint: a push only wakes the Applications of its repository; nothing in it is believed.

Gitea signs the body with HMAC-SHA256 in ``X-Gitea-Signature``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MAX_BODY = 4 * 1024 * 1024


def create_app(secret: Callable[[], bytes | None], pushed: Callable[[str, str], None]) -> Starlette:
    """``pushed`` is told the full name of the repository (``acme/env-prod``) and the ref. ``secret`` is asked
    for each call, so that it can be rotated; without one every call is refused."""

    def refuse(code: int, reason: str) -> Response:
        return JSONResponse({"code": reason}, status_code=code)

    async def webhook(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                return refuse(413, "webhook-too-large")
        given = request.headers.get("x-gitea-signature", "")
        key = await run_in_threadpool(secret)
        expected = hmac.new(key or b"", bytes(body), hashlib.sha256).hexdigest()
        if not key or not given or not hmac.compare_digest(given.encode(), expected.encode()):
            return refuse(401, "webhook-signature")
        if request.headers.get("x-gitea-event") != "push":
            return JSONResponse({"ignored": "only pushes count"})
        try:
            payload = json.loads(body)
            repository, ref = payload["repository"]["full_name"], payload["ref"]
        except (ValueError, KeyError, TypeError):
            return refuse(400, "webhook-malformed")
        if not isinstance(repository, str) or not isinstance(ref, str):
            return refuse(400, "webhook-malformed")
        await run_in_threadpool(pushed, repository, ref)
        return JSONResponse({})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/api/webhook", webhook, methods=["POST"]), Route("/healthz", health)])
