"""In-toto Statements v1 (in-toto/attestation spec/v1/statement.md) and the predicate types that we sign and demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from interlock.errors import InputError
from interlock.formats.oci import strict
from interlock.formats.oci.digest import parse_digest

STATEMENT: Final = "https://in-toto.io/Statement/v1"
STATEMENT_0_1: Final = "https://in-toto.io/Statement/v0.1"
"""What cosign's and Chains' older writers put into ``_type``; the fields that we read are the same."""

COSIGN_SIGN: Final = "https://sigstore.dev/cosign/sign/v1"
CYCLONEDX: Final = "https://cyclonedx.org/bom"
SLSA_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
VULNERABILITIES: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"

MAX_BYTES: Final = 128 * 1024 * 1024
"""cosign's limit of an attachment (COSIGN_MAX_ATTACHMENT_SIZE)."""
_CODE: Final = "signature-malformed"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about. ``digest`` by algorithm, hexadecimal."""

    digest: Mapping[str, str] = field(hash=False)
    name: str = ""

    def matches(self, digest: str) -> bool:
        """Whether this subject is the content with this ``algorithm:hex`` digest."""
        algorithm, _, value = digest.partition(":")
        return bool(value) and self.digest.get(algorithm) == value


@dataclass(frozen=True, slots=True)
class Statement:
    """Claim of ``predicate_type`` about subjects; says nothing about who made it."""

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any] = field(hash=False, repr=False)

    def about(self, digest: str) -> bool:
        """Whether the content with this digest is one of the subjects."""
        return any(item.matches(digest) for item in self.subjects)

    def to_bytes(self) -> bytes:
        """JSON in cosign's field order. The predicate is always there: verifiers demand it (cosign #4634)."""
        return strict.dump(
            {
                "_type": STATEMENT,
                "subject": [
                    ({"name": item.name} if item.name else {}) | {"digest": dict(item.digest)} for item in self.subjects
                ],
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )


def make(predicate_type: str, digest: str, predicate: Mapping[str, Any], *, name: str = "") -> Statement:
    """A statement about the content with this ``algorithm:hex`` digest."""
    algorithm, _, value = parse_digest(digest).partition(":")
    return Statement(predicate_type, (Subject({algorithm: value}, name),), predicate)


def image_signature(digest: str) -> Statement:
    """What ``cosign sign`` signs: the predicate is empty, the claim is the type."""
    return make(COSIGN_SIGN, digest, {})


def parse(data: bytes) -> Statement:
    """Raises InputError ``signature-malformed``."""
    value = strict.load_object(data, code=_CODE, what="in-toto statement", max_bytes=MAX_BYTES)
    strict.refuse_case_variants(
        value, ("_type", "subject", "predicateType", "predicate"), code=_CODE, what="in-toto statement"
    )
    if value.get("_type") not in (STATEMENT, STATEMENT_0_1):
        _refuse("unknown _type", value.get("_type"))
    predicate_type, subjects, predicate = value.get("predicateType"), value.get("subject"), value.get("predicate")
    if not isinstance(predicate_type, str) or not predicate_type:
        _refuse("predicateType must be a string", predicate_type)
    if not isinstance(subjects, list) or not subjects:
        _refuse("subject must be a list with at least one entry", subjects)
    if predicate is not None and not isinstance(predicate, dict):
        _refuse("predicate must be an object", predicate)
    return Statement(predicate_type, tuple(_subject(item) for item in subjects), predicate or {})


def _subject(value: Any) -> Subject:
    if not isinstance(value, dict):
        _refuse("a subject must be an object", value)
    strict.refuse_case_variants(value, ("name", "digest"), code=_CODE, what="in-toto subject")
    digest, name = value.get("digest"), value.get("name") or ""
    if not isinstance(digest, dict) or not digest or not all(isinstance(item, str) for item in digest.values()):
        _refuse("a subject must have digests", digest)
    if not isinstance(name, str):
        _refuse("a subject's name must be a string", name)
    return Subject(digest, name)


def _refuse(problem: str, got: object) -> NoReturn:
    raise InputError(_CODE, f"in-toto statement: {problem}", got=repr(got)[:160])
