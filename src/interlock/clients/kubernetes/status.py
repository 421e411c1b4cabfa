"""A ``Status`` answer of the API (meta/v1) -> an error of the one tree."""

from __future__ import annotations

from typing import Any

import httpx

from interlock.clients.http import System
from interlock.errors import ConflictError, InputError, InterlockError, NotFoundError, RefusedError, UnreachableError


class Kubernetes(System):
    name = "kubernetes"
    title = "the API server"
    failed = "kubernetes-server-error"
    refused = "kubernetes-bad-request"
    timeout = 10.0

    def error(self, answer: httpx.Response, said: str, where: str) -> InterlockError:
        try:
            status = answer.json()
        except (ValueError, RecursionError):
            status = {}
        if not isinstance(status, dict) or status.get("kind") != "Status":
            status = {"message": said}
        return error_of({**status, "code": answer.status_code}, where=where)


def error_of(status: dict[str, Any], *, where: str) -> InterlockError:
    """The error for a failed request.

    Codes: ``kubernetes-unauthenticated`` (401), ``-forbidden`` (403), ``-not-found`` (404), ``-already-exists``,
    ``-apply-conflict`` and ``-conflict`` (409), ``-expired`` (410), ``-request-too-large`` (413), ``-invalid`` (422),
    ``-bad-request`` (other 4xx), ``-server-error`` (5xx). Later than now (429) is `System.failure`'s.
    """
    code = int(status.get("code") or 500)
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or f"HTTP {code}")
    causes = (status.get("details") or {}).get("causes") or []
    got = "; ".join(f"{item.get('field', '')}: {item.get('message', '')}".strip(": ") for item in causes) or None
    match code:
        case 401:
            return RefusedError("kubernetes-unauthenticated", message, where=where, todo="check the token")
        case 403:
            return RefusedError("kubernetes-forbidden", message, where=where)
        case 404 | 405:
            return NotFoundError("kubernetes-not-found", message, where=where)
        case 409 if reason == "AlreadyExists":
            return ConflictError("kubernetes-already-exists", message, where=where)
        case 409 if any(item.get("reason") == "FieldManagerConflict" for item in causes):
            return ConflictError("kubernetes-apply-conflict", message, where=where, got=got)
        case 409:
            return ConflictError("kubernetes-conflict", message, where=where, todo="read it again and repeat")
        case 410:
            return ConflictError("kubernetes-expired", message, where=where, todo="list again")
        case 413:
            return RefusedError("kubernetes-request-too-large", message, where=where)
        case 422:
            return InputError("kubernetes-invalid", message, where=where, got=got)
        case _ if 400 <= code < 500 and code not in (408, 425, 429):
            return InputError("kubernetes-bad-request", message, where=where)
        case _:
            return UnreachableError("kubernetes-server-error", message, where=where)
