"""A ``Status`` answer of the API (meta/v1) -> an error of the one tree."""

from __future__ import annotations

import json
from typing import Any

import httpx

from interlock.errors import ConflictError, InputError, InterlockError, NotFoundError, RefusedError, UnreachableError


def error_of(status: dict[str, Any], *, where: str, body: str = "") -> InterlockError:
    """The error for a failed request.

    Codes: ``kubernetes-unauthenticated`` (401), ``-forbidden`` (403), ``-not-found`` (404), ``-already-exists``,
    ``-apply-conflict`` and ``-conflict`` (409), ``-expired`` (410), ``-invalid`` (422), ``-bad-request`` (other 4xx),
    ``-server-error`` (5xx).
    """
    code = int(status.get("code") or 500)
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or body[:400] or f"HTTP {code}")
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
        case 422:
            return InputError("kubernetes-invalid", message, where=where, got=got)
        case _ if 400 <= code < 500:
            return InputError("kubernetes-bad-request", message, where=where)
        case _:
            return UnreachableError("kubernetes-server-error", message, where=where)


def raise_for(response: httpx.Response) -> None:
    """Raise the error that ``response`` means, if it means one. The body must have been read."""
    if response.is_success:
        return
    try:
        status = response.json()
    except json.JSONDecodeError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {}
    raise error_of(
        {**status, "code": response.status_code},
        where=f"{response.request.method} {response.request.url}",
        body=response.text,
    )
