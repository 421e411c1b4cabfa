"""Failures as the API answers them: a ``Status`` of meta/v1 with its HTTP code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.formats.kubernetes.apply import ApplyConflictError
from interlock.formats.kubernetes.validation import Cause


class ApiError(Exception):
    """A request that fails; ``status`` is the body of the answer."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }


def _qualified(group: str, resource: str) -> str:
    return f"{resource}.{group}" if group else resource


def _details(group: str, resource: str, name: str = "", **more: Any) -> dict[str, Any]:
    named = {"name": name, "group": group, "kind": resource, **more}
    return {key: value for key, value in named.items() if value}


def not_found(group: str, resource: str, name: str) -> ApiError:
    message = f'{_qualified(group, resource)} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(group, resource, name))


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(group: str, resource: str, name: str) -> ApiError:
    message = f'{_qualified(group, resource)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {_qualified(group, resource)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(group, resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def apply_conflict(error: ApplyConflictError) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {item.manager}", "field": item.field}
        for item in error.conflicts
    ]
    return ApiError(409, "Conflict", error.message, {"causes": causes})


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    texts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    rows = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    message = f'{_qualified(group, kind)} "{name}" is invalid: {joined}'
    return ApiError(422, "Invalid", message, _details(group, kind, name, causes=rows))


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def forbidden(group: str, resource: str, name: str, why: str) -> ApiError:
    subject = f'{_qualified(group, resource)} "{name}"' if name else _qualified(group, resource)
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", _details(group, resource, name))


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def not_implemented(message: str) -> ApiError:
    return ApiError(501, "NotImplemented", message)


def unsupported_media(got: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {got}")


def gone(message: str) -> ApiError:
    return ApiError(410, "Expired", message)
