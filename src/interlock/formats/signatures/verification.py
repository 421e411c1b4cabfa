"""The answer of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Verified:
    """The signature is good and was made by a key of the given set."""

    kind: Literal["openpgp", "ssh"]
    fingerprint: str
    """OpenPGP: of the primary key, 40 (v4) or 64 (v6) lower-case hex digits. SSH: ``SHA256:…`` as ssh-keygen -l."""
    signing_key: str
    """The key or subkey that made the signature; equals ``fingerprint`` for SSH."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not shown to be signed by a key of the given set. ``reason`` is a stable code:

    ``unsigned``, ``signature-ambiguous``, ``signature-type-unsupported``, ``signature-malformed``, ``unknown-key``,
    ``bad-signature`` (includes: the key was expired or revoked), ``wrong-namespace``, ``key-type-unsupported``.
    """

    reason: str
    detail: str = ""


Verification = Verified | Rejected
