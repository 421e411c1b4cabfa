"""Sigstore bundles v0.3 with public-key material (sigstore/protobuf-specs, protos/sigstore_bundle.proto)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from interlock.errors import InputError
from interlock.formats.oci import strict
from interlock.formats.sigstore import dsse
from interlock.formats.sigstore.keys import PrivateKey
from interlock.formats.sigstore.statement import MAX_BYTES, Statement

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MEDIA_TYPE_OLD: Final = "application/vnd.dev.sigstore.bundle+json;version=0.3"
"""How v0.3 was first spelled; cosign reads both."""
_CODE: Final = "signature-malformed"
_FIELDS: Final = ("mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature")
_MATERIAL: Final = ("publicKey", "certificate", "x509CertificateChain", "tlogEntries", "timestampVerificationData")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A signed envelope and the hint which key signed it. The hint is not trusted for anything."""

    envelope: dsse.Envelope
    hint: str = ""

    def to_bytes(self) -> bytes:
        return strict.dump(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {"publicKey": {"hint": self.hint}},
                "dsseEnvelope": self.envelope.as_json(),
            }
        )


def sign(statement: Statement, key: PrivateKey) -> Bundle:
    """The signed statement."""
    payload = statement.to_bytes()
    return Bundle(dsse.Envelope(dsse.INTOTO, payload, key.sign(dsse.pae(dsse.INTOTO, payload))), hint=key.public.hint)


def parse(data: bytes) -> Bundle:
    """Raises InputError ``signature-malformed``: among others for certificates (keyless signatures) and for
    ``messageSignature``, which no OCI verifier accepts for images.

    Log entries and timestamps may be there and are not looked at: trust rests on the key that the verifier holds.
    """
    value = strict.load_object(data, code=_CODE, what="Sigstore bundle", max_bytes=2 * MAX_BYTES)
    strict.refuse_case_variants(value, _FIELDS, code=_CODE, what="Sigstore bundle")
    if value.get("mediaType") not in (MEDIA_TYPE, MEDIA_TYPE_OLD):
        _refuse("unknown mediaType", value.get("mediaType"))
    material = value.get("verificationMaterial")
    if not isinstance(material, dict):
        _refuse("no verificationMaterial", material)
    strict.refuse_case_variants(material, _MATERIAL, code=_CODE, what="verificationMaterial")
    if (
        not isinstance(material.get("publicKey"), dict)
        or "certificate" in material
        or "x509CertificateChain" in material
    ):
        _refuse("signed with a certificate, not with a public key", sorted(material))
    hint: Any = material["publicKey"].get("hint", "")
    envelope = value.get("dsseEnvelope")
    if not isinstance(envelope, dict) or "messageSignature" in value:
        _refuse("the content must be a DSSE envelope", sorted(value))
    return Bundle(dsse.parse(envelope), hint if isinstance(hint, str) else "")


def _refuse(problem: str, got: object) -> NoReturn:
    raise InputError(_CODE, f"Sigstore bundle: {problem}", got=repr(got)[:160])
