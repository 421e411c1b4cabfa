"""The decision: which of the bundles found for a content are valid statements of one type by one key about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from interlock.errors import InputError, IntegrityError
from interlock.formats.oci.digest import parse_digest
from interlock.formats.sigstore import bundle as bundles_
from interlock.formats.sigstore import dsse, statement
from interlock.formats.sigstore.keys import Verifier


class Reason(StrEnum):
    """Why there is no valid statement. Stable codes."""

    MISSING = "signature-missing"
    """Nothing signed was found."""
    WRONG_PREDICATE = "signature-wrong-predicate"
    """Signed statements of other types only: a signed SBOM is not a signed image."""
    MALFORMED = "signature-malformed"
    WRONG_KEY = "signature-wrong-key"
    """A statement of the type, but not signed by this key (or altered since)."""
    WRONG_SUBJECT = "signature-wrong-subject"
    """Signed by this key, about another content."""


# Of several reasons the one nearest to a valid signature is told.
_NEAREST = (Reason.WRONG_SUBJECT, Reason.WRONG_KEY, Reason.MALFORMED, Reason.WRONG_PREDICATE, Reason.MISSING)


@dataclass(frozen=True, slots=True)
class Signed:
    """A bundle as it was found. ``source`` says where, for people: normally the referrer's digest."""

    data: bytes = field(repr=False)
    source: str = ""
    problem: str = ""
    """Why there are no bytes: what the registry holds is gone or not what its digest says."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement whose type, key and subject are the demanded ones, and the bytes that were signed."""

    statement: statement.Statement
    payload: bytes = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A bundle that does not count, and why."""

    reason: Reason
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was found. Bad bundles beside a good one do no harm: anybody who may push can add them."""

    subject: str
    predicate_type: str
    verified: tuple[Verified, ...]
    rejected: tuple[Rejected, ...]

    @property
    def reason(self) -> Reason | None:
        """None when there is a valid statement."""
        if self.verified:
            return None
        found = {item.reason for item in self.rejected}
        return next((item for item in _NEAREST if item in found), Reason.MISSING)

    @property
    def detail(self) -> str:
        """What was found, in one line."""
        if self.verified:
            return f"{len(self.verified)} valid, {len(self.rejected)} ignored"
        told = next((item for item in self.rejected if item.reason is self.reason), None)
        return told.detail if told else "no signed statement refers to this content"

    def require(self) -> tuple[Verified, ...]:
        """The valid statements; IntegrityError with the reason as code when there is none."""
        if self.reason is not None:
            raise IntegrityError(
                self.reason.value, self.detail, expected=f"a {self.predicate_type} statement about {self.subject}"
            )
        return self.verified


def verify(bundles: Iterable[Signed], *, key: Verifier, subject: str, predicate_type: str) -> Outcome:
    """Judge every bundle. ``subject`` is the digest of the image's manifest. Never raises for bad bundles.

    What an unverified payload says is used for the reason only, never for acceptance.
    """
    parse_digest(subject)
    verified: list[Verified] = []
    rejected: list[Rejected] = []
    for item in bundles:
        found = _judge(item, key, subject, predicate_type)
        if isinstance(found, Verified):
            verified.append(found)
        else:
            rejected.append(found)
    return Outcome(subject, predicate_type, tuple(verified), tuple(rejected))


def _judge(item: Signed, key: Verifier, subject: str, predicate_type: str) -> Verified | Rejected:
    if item.problem:
        return Rejected(Reason.MALFORMED, item.problem, item.source)
    try:
        bundle = bundles_.parse(item.data)
        envelope = bundle.envelope
        if envelope.payload_type != dsse.INTOTO:
            return Rejected(Reason.MALFORMED, f"payload type {envelope.payload_type!r}, not in-toto", item.source)
        claim = statement.parse(envelope.payload)
    except InputError as error:
        return Rejected(Reason.MALFORMED, str(error), item.source)
    if claim.predicate_type != predicate_type:
        detail = f"a statement of type {claim.predicate_type}, not {predicate_type}"
        return Rejected(Reason.WRONG_PREDICATE, detail, item.source)
    if not key.verifies(envelope.signature, envelope.signed_bytes()):
        detail = f"not signed by key {key.fingerprint}, or altered" + (
            "" if bundle.hint == key.hint else f" (the bundle names key hint {bundle.hint[:64]!r})"
        )
        return Rejected(Reason.WRONG_KEY, detail, item.source)
    if not claim.about(subject):
        about = ", ".join(f"{kind}:{value}" for one in claim.subjects[:3] for kind, value in one.digest.items())
        return Rejected(Reason.WRONG_SUBJECT, f"signed about {about}", item.source)
    return Verified(claim, envelope.payload, item.source)
