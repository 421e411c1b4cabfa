"""Errors as the specification writes them (distribution-spec, "Error Codes")."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response


class Problem(Exception):
    """An answer that is an error. ``code`` is one of the specification's, never of ours."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})

    def response(self) -> Response:
        body = json.dumps({"errors": [{"code": self.code, "message": self.message, "detail": None}]}).encode()
        return Response(body, self.status, headers=self.headers, media_type="application/json")


def name_unknown(repository: str) -> Problem:
    return Problem(404, "NAME_UNKNOWN", f"repository {repository} is not known here")


def blob_unknown(digest: str) -> Problem:
    return Problem(404, "BLOB_UNKNOWN", f"blob {digest} is not in this repository")


def manifest_unknown(reference: str) -> Problem:
    return Problem(404, "MANIFEST_UNKNOWN", f"manifest {reference} is not in this repository")


def upload_unknown() -> Problem:
    return Problem(404, "BLOB_UPLOAD_UNKNOWN", "no such upload in this repository")


def digest_invalid(message: str) -> Problem:
    return Problem(400, "DIGEST_INVALID", message)
