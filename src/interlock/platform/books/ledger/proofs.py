"""The proof that an entry is in the ledger, which needs nothing but the attest key's public half."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.errors import IntegrityError
from interlock.formats.sigstore import PublicKey
from interlock.formats.tlog import merkle
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger.checkpoints import Notary
from interlock.platform.books.ledger.entries import Entry


@dataclass(frozen=True, slots=True)
class Inclusion:
    """``entry`` is leaf ``sequence - 1`` of the tree of ``size`` leaves with ``root``, as ``path`` shows from the
    leaf's sibling up (RFC 6962 2.1.1); ``checkpoint`` is the signed note that names size and root."""

    entry: Entry
    sequence: int
    size: int
    root: bytes
    path: tuple[bytes, ...]
    checkpoint: bytes


def verify(inclusion: Inclusion, key: PublicKey, *, origin: str = "interlock.dev/ledger") -> bool:
    """Whether the holder of ``key`` vouches for the entry as part of the ledger ``origin``. Pure."""
    try:
        signed = Notary(origin, AttestKey(key)).read(inclusion.checkpoint)
    except IntegrityError:
        return False
    if (signed.size, signed.root, inclusion.entry.sequence) != (inclusion.size, inclusion.root, inclusion.sequence):
        return False
    leaf = merkle.leaf_hash(inclusion.entry.encode())
    return inclusion.entry.hashed() and merkle.includes(
        leaf, inclusion.sequence - 1, inclusion.size, inclusion.path, inclusion.root
    )
