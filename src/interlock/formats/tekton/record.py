"""The signed record of how an engine executed one TaskRun: annotation ``interlock.dev/record``.

An in-toto Statement v1 in a DSSE envelope, signed with the engine's own key::

    subject        the TaskRun: its name, and the digest of what its status says was done
    predicateType  https://interlock.dev/attestations/task-run-record/v1
    predicate      {"taskRun": {"namespace", "name", "uid"}, "succeeded": "True",
                    "capabilities": {...}}          as in the annotation ``interlock.dev/capabilities``, or null

Whoever may patch TaskRuns can write annotations and statuses; only the engine can sign. The controller therefore
believes an engine's word only with its record (platform/proof/statements/capabilities.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

from interlock.errors import InputError, IntegrityError
from interlock.formats.oci import strict
from interlock.formats.sigstore import dsse, statement
from interlock.formats.sigstore.keys import PrivateKey, PublicKey
from interlock.formats.sigstore.statement import Statement
from interlock.formats.tekton.names import ANNOTATION_CAPABILITIES

ANNOTATION: Final = "interlock.dev/record"
PREDICATE_TYPE: Final = "https://interlock.dev/attestations/task-run-record/v1"
Object: TypeAlias = Mapping[str, Any]

_MAX_BYTES: Final = 256 * 1024
"""The API's limit of all annotations of an object (apimachinery TotalAnnotationSizeLimitB)."""
_COVERED: Final = ("results", "steps", "taskSpec", "artifacts")


def subject(task_run: Object) -> str:
    """``sha256:…`` of what the status says was done: results, steps, sidecars' images, the Task and where it came from.

    Moments, conditions and archived attempts are left out: they say when, and what was thrown away.
    """
    status = task_run.get("status") or {}
    covered = {name: status[name] for name in _COVERED if status.get(name)}
    covered |= {
        "sidecars": [
            {"name": item.get("name"), "imageID": item.get("imageID")} for item in status.get("sidecars") or []
        ],
        "refSource": (status.get("provenance") or {}).get("refSource"),
    }
    data = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return "sha256:" + hashlib.sha256(data.encode()).hexdigest()


def build(task_run: Object, capabilities: Object | None) -> Statement:
    """The statement about a TaskRun in its final state."""
    metadata = task_run["metadata"]
    predicate = {
        "taskRun": {name: str(metadata.get(name, "")) for name in ("namespace", "name", "uid")},
        "succeeded": _succeeded(task_run),
        "capabilities": None if capabilities is None else dict(capabilities),
    }
    return statement.make(PREDICATE_TYPE, subject(task_run), predicate, name=_name(task_run))


def sign(task_run: Object, capabilities: Object | None, key: PrivateKey) -> str:
    """The annotation's text: the envelope of `build`."""
    payload = build(task_run, capabilities).to_bytes()
    envelope = dsse.Envelope(dsse.INTOTO, payload, key.sign(dsse.pae(dsse.INTOTO, payload)))
    return strict.dump(envelope.as_json()).decode()


def verify(task_run: Object, key: PublicKey) -> Object | None:
    """The capabilities that the engine vouches for; None where it executed nothing.

    Raises IntegrityError: ``record-missing``; ``record-malformed``; ``record-signature`` when another key signed it or
    it was altered; ``record-mismatch`` when it is about another TaskRun, or this one was altered since.
    """
    annotations = (task_run.get("metadata") or {}).get("annotations") or {}
    text = annotations.get(ANNOTATION)
    if text is None:
        _refuse("record-missing", "the engine left no record", task_run)
    try:
        value = strict.load_object(text.encode(), code="record-malformed", what="record", max_bytes=_MAX_BYTES)
        envelope = dsse.parse(value)
        if envelope.payload_type != dsse.INTOTO:
            _refuse("record-malformed", "the record is no in-toto statement", task_run, envelope.payload_type)
        if not key.verifies(envelope.signature, envelope.signed_bytes()):
            _refuse("record-signature", f"the record is not signed by the engine's key {key.fingerprint}", task_run)
        claim = statement.parse(envelope.payload)
    except InputError as error:
        _refuse("record-malformed", "the record cannot be read", task_run, error)
    if claim.predicate_type != PREDICATE_TYPE:
        _refuse("record-malformed", "a statement of another type", task_run, claim.predicate_type)
    capabilities = claim.predicate.get("capabilities")
    if claim.to_bytes() != build(task_run, capabilities).to_bytes():
        _refuse("record-mismatch", "the record is not about this TaskRun as it stands", task_run)
    _same_as_told(task_run, annotations.get(ANNOTATION_CAPABILITIES), capabilities)
    return None if capabilities is None else dict(capabilities)


def _same_as_told(task_run: Object, text: object, capabilities: object) -> None:
    """The annotation that people read must say what the record says."""
    try:
        told = None if text is None else json.loads(str(text))
    except ValueError:
        told = text
    if told != capabilities:
        _refuse("record-mismatch", f"the annotation {ANNOTATION_CAPABILITIES} is not what the record says", task_run)


def _succeeded(task_run: Object) -> str:
    conditions = (task_run.get("status") or {}).get("conditions") or []
    return next((str(item.get("status")) for item in conditions if item.get("type") == "Succeeded"), "Unknown")


def _name(task_run: Object) -> str:
    metadata = task_run["metadata"]
    return f"taskruns/{metadata.get('namespace', '')}/{metadata.get('name', '')}"


def _refuse(code: str, message: str, task_run: Object, got: object = None) -> NoReturn:
    raise IntegrityError(
        code,
        message,
        got=got,
        expected=f"the annotation {ANNOTATION} as the engine wrote it",
        where=_name(task_run),
        todo="run it again; if it happens again, find out who writes TaskRuns beside the engine",
    )
