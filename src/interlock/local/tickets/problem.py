"""Errors as the Table API writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response


class Problem(Exception):
    """An answer that is an error: a message, and a detail for people."""

    def __init__(self, status: int, message: str, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{message}: {detail}")
        self.status, self.message, self.detail, self.headers = status, message, detail, dict(headers or {})

    def response(self) -> Response:
        body = json.dumps({"error": {"message": self.message, "detail": self.detail}, "status": "failure"}).encode()
        return Response(body, self.status, headers=self.headers, media_type="application/json")


def refused(detail: str) -> Problem:
    """A rule of the platform says no: what a business rule or an access rule answers."""
    return Problem(403, "Operation Failed", detail)


def invalid(detail: str) -> Problem:
    return Problem(400, "Invalid request", detail)


def no_record() -> Problem:
    return Problem(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
