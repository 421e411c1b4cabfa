"""The attest key: the controller signs statements, ledger entries and checkpoints with it; everybody can verify.

Statements are DSSE envelopes, whose signed bytes start with ``DSSEv1``; everything that the ledger signs starts with a
line ``interlock.dev/...``: neither can stand for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.errors import NotFoundError, RefusedError
from interlock.formats.sigstore import PrivateKey, PublicKey
from interlock.formats.sigstore import keys as sigstore


@dataclass(frozen=True, slots=True)
class AttestKey:
    """The public half, and the private one where the caller may sign."""

    public: PublicKey
    secret: PrivateKey | None = None

    @property
    def private(self) -> PrivateKey:
        """Raises RefusedError ``attest-key-public``: only the controller holds the private half."""
        if self.secret is None:
            raise RefusedError("attest-key-public", "this process may verify with the attest key, not sign")
        return self.secret

    def sign(self, data: bytes) -> bytes:
        """Raises RefusedError ``attest-key-public``."""
        return self.private.sign(data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        return self.public.verifies(signature, data)


def load(public: Path, secret: Path | None = None) -> AttestKey:
    """Read PEM files. Raises NotFoundError ``key-missing``, InputError ``key-invalid``."""
    try:
        return AttestKey(
            sigstore.load_public(public.read_bytes()), sigstore.load_private(secret.read_bytes()) if secret else None
        )
    except FileNotFoundError as error:
        raise NotFoundError("key-missing", "no key file", where=str(error.filename)) from error
