"""The attest key: the controller signs statements, ledger entries and checkpoints with it; everybody can verify.

Statements are DSSE envelopes, whose signed bytes start with ``DSSEv1``; everything that the ledger signs starts with a
line ``interlock.dev/...``: neither can stand for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats.sigstore import PrivateKey, PublicKey
from interlock.formats.sigstore import keys as sigstore
from interlock.formats.sigstore.keys import Ring


@dataclass(frozen=True, slots=True)
class AttestKey:
    """The public half, and the private one where the caller may sign. ``others``: keys that hold beside it, as the one
    that it replaced does."""

    public: PublicKey
    secret: PrivateKey | None = None
    others: tuple[PublicKey, ...] = ()

    @property
    def ring(self) -> Ring:
        """Whatever verifies, the current one first."""
        return Ring((self.public, *self.others))

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
        return self.ring.verifies(signature, data)


def load(public: Path, secret: Path | None = None) -> AttestKey:
    """Read PEM files. ``public`` may hold several keys: the current one is that of ``secret``, without which it is the
    first. Raises NotFoundError ``key-missing``, InputError ``key-invalid`` or ``key-pair``."""
    try:
        ring = sigstore.load_ring(public.read_bytes()).keys
        private = sigstore.load_private(secret.read_bytes()) if secret else None
    except FileNotFoundError as error:
        raise NotFoundError("key-missing", "no key file", where=str(error.filename)) from error
    current = private.public if private else ring[0]
    others = tuple(key for key in ring if key.fingerprint != current.fingerprint)
    if len(others) == len(ring):
        raise InputError(
            "key-pair",
            "the private key is of none of the public ones",
            got=current.fingerprint,
            expected=sigstore.Ring(ring).fingerprint,
            where=str(public),
            todo="put its public half into that file, first",
        )
    return AttestKey(current, private, others)
