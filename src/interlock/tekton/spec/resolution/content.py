"""From the bytes behind a reference to the object that it must be (remote/resolution/resolver.go ResolvedRequest)."""

from __future__ import annotations

from typing import Any, Final

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.tekton.spec import conversion, decoding
from interlock.tekton.spec.resolution import failure
from interlock.tekton.spec.resolution.source import Fetched, Resolved

_SCHEME: Final[dict[str, tuple[str, ...]]] = {
    "tekton.dev/v1": ("Task", "Pipeline", "TaskRun", "PipelineRun"),
    "tekton.dev/v1beta1": ("Task", "Pipeline", "TaskRun", "PipelineRun", "CustomRun", "StepAction"),
    "tekton.dev/v1alpha1": ("Run", "StepAction", "VerificationPolicy"),
    "resolution.tekton.dev/v1alpha1": ("ResolutionRequest",),
    "resolution.tekton.dev/v1beta1": ("ResolutionRequest",),
}
_NOT: Final = {
    "Task": "resource is not a task",
    "Pipeline": "failed to read runtime object as Pipeline: resource is not a pipeline",
    "StepAction": "resource is not a StepAction",
}


def resolved(fetched: Fetched, kind: str, *, where: str) -> Resolved:
    """The object of ``kind`` (``Task``, ``Pipeline``, ``StepAction``) in ``fetched``, as v1; the first document counts.

    Raises InputError ``resolution-failed``: not YAML, not of a known type, or another kind. ``where`` names the bytes.
    """
    value = _decode(fetched.data, where)
    expected = {name.lower(): name for name in _NOT}.get(kind.lower(), kind)
    if value["kind"] != expected:
        raise failure.invalid(_NOT.get(expected, f"resource is not a {expected}"))
    value["metadata"] = {key: item for key, item in value["metadata"].items() if key != "ownerReferences"}
    if expected == "StepAction":
        # v1alpha1 and v1beta1 have the same fields.
        converted = {**value, "apiVersion": conversion.V1BETA1}
    else:
        converted = conversion.to_v1(conversion.typed(value))
    try:
        decoding.check_types(value)
        decoding.check_strict(converted)
    except InputError as error:
        raise failure.invalid(f"invalid runtime object: {error.message}") from error
    return Resolved(converted, fetched.source, value, fetched.data)


def _decode(data: bytes, where: str) -> dict[str, Any]:
    try:
        documents = list(yaml.load_all(data, file=where))
    except InputError as error:
        raise InputError(
            failure.CODE,
            f"invalid runtime object: {error.message}",
            got=error.got,
            expected=error.expected,
            where=error.where,
            todo=error.todo,
        ) from error
    value = documents[0].value if documents else None
    if not isinstance(value, dict) or not value.get("kind"):
        raise failure.invalid("invalid runtime object: Object 'Kind' is missing")
    version, kind = value.get("apiVersion"), value["kind"]
    if not version:
        raise failure.invalid("invalid runtime object: Object 'apiVersion' is missing")
    if kind not in _SCHEME.get(str(version), ()):
        raise failure.invalid(f'invalid runtime object: no kind "{kind}" is registered for version "{version}"')
    metadata = value.get("metadata")
    value["metadata"] = dict(metadata) if isinstance(metadata, dict) else {}
    return value
