"""DSSE envelopes (secure-systems-lab/dsse, protocol.md and envelope.md v1.0)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from interlock.errors import InputError
from interlock.formats.oci import strict

INTOTO: Final = "application/vnd.in-toto+json"
CODE: Final = "signature-malformed"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and one signature over `pae` of both."""

    payload_type: str
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"sig": base64.b64encode(self.signature).decode()}],
        }

    def signed_bytes(self) -> bytes:
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: ``DSSEv1 LEN(type) type LEN(body) body``, lengths in bytes as ASCII decimals."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse(value: Mapping[str, Any]) -> Envelope:
    """An envelope with exactly one signature and no key id; InputError ``signature-malformed`` otherwise.

    cosign 3.1.1 refuses any ``keyid``, and several signatures leave open which of them is meant.
    """
    strict.refuse_case_variants(value, ("payload", "payloadType", "signatures"), code=CODE, what="DSSE envelope")
    payload_type, signatures = value.get("payloadType"), value.get("signatures")
    if not isinstance(payload_type, str) or not payload_type:
        _refuse("payloadType must be a string", payload_type)
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        _refuse("exactly one signature is expected", signatures)
    strict.refuse_case_variants(signatures[0], ("sig", "keyid"), code=CODE, what="DSSE signature")
    if signatures[0].get("keyid"):
        _refuse("a key id is not allowed: the verifier chooses the key", signatures[0]["keyid"])
    return Envelope(payload_type, _base64(value.get("payload"), "payload"), _base64(signatures[0].get("sig"), "sig"))


def _base64(text: Any, what: str) -> bytes:
    # The protocol allows the URL-safe alphabet too (envelope.md, "Parsing rules").
    if not isinstance(text, str) or not text:
        _refuse(f"{what} must be base64", text)
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        _refuse(f"{what} must be base64", text)


def _refuse(problem: str, got: object) -> NoReturn:
    raise InputError(CODE, f"DSSE envelope: {problem}", got=repr(got)[:160])
