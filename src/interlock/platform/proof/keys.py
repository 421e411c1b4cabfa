"""The attest key as the ledger uses it: ECDSA P-256 over SHA-256, DER signatures.

The same key signs statements as DSSE envelopes (``formats/sigstore``). Every text signed here starts with a line
``interlock.dev/...``; a DSSE pre-authentication encoding starts with ``DSSEv1``: neither can stand for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import InputError, NotFoundError, RefusedError

_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class AttestKey:
    """The public half, and the private one where the caller may sign."""

    public: ec.EllipticCurvePublicKey
    secret: ec.EllipticCurvePrivateKey | None = None

    def sign(self, data: bytes) -> bytes:
        """Raises RefusedError ``attest-key-public``: only the controller holds the private half."""
        if self.secret is None:
            raise RefusedError("attest-key-public", "this process may read the ledger, not write it")
        return self.secret.sign(data, _ALGORITHM)

    def verify(self, data: bytes, signature: bytes) -> bool:
        try:
            self.public.verify(signature, data, _ALGORITHM)
        except InvalidSignature:
            return False
        return True


def load(public: Path, secret: Path | None = None) -> AttestKey:
    """Read PEM files. Raises NotFoundError ``key-missing``, InputError ``key-invalid``."""
    try:
        public_key = serialization.load_pem_public_key(public.read_bytes())
        secret_key = serialization.load_pem_private_key(secret.read_bytes(), None) if secret else None
    except FileNotFoundError as error:
        raise NotFoundError("key-missing", "no key file", where=str(error.filename)) from error
    except (ValueError, TypeError) as error:
        raise InputError("key-invalid", "not an unencrypted PEM key", where=str(secret or public)) from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not (
        secret_key is None or isinstance(secret_key, ec.EllipticCurvePrivateKey)
    ):
        raise InputError("key-invalid", "not an ECDSA key", expected="ECDSA P-256", where=str(public))
    return AttestKey(public_key, secret_key)
