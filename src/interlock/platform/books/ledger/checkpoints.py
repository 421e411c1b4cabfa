"""What the attest key vouches for: signed sizes with their roots, as C2SP notes. No I/O.

The checkpoint of release 0.1 was JSON and named the last entry in place of a root. It stays readable until the first
append replaces it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from interlock.errors import IntegrityError
from interlock.formats.tlog import checkpoint, note
from interlock.platform.books.keys import AttestKey
from interlock.platform.domain.ids import Digest

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (FIPS 186-4, D.1.2.3)."""
_FIRST = b"interlock.dev/ledger-checkpoint/v1\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement that the ledger has ``size`` entries: of the tree with ``root``, or, of release 0.1, ending
    in the entry ``head``. ``signed`` is the statement itself, which others can verify."""

    size: int
    signed: bytes
    root: bytes | None = None
    head: Digest | None = None

    def fits(self, head: Digest, root: bytes) -> bool:
        """Whether a ledger of ``size`` entries that ends in ``head`` and has ``root`` is the one that was signed."""
        return head == self.head if self.root is None else root == self.root


class Notary:
    """Signs and reads the notes of one log with the attest key. ``origin`` names the log."""

    def __init__(self, origin: str, key: AttestKey) -> None:
        self.origin, self._key = origin, key
        self._verifiers = [note.Ecdsa(origin, item) for item in key.ring.keys]
        self._key_id = self._verifiers[0].key_id

    def sign(self, text: str) -> bytes:
        """The note. Raises RefusedError ``attest-key-public``.

        Of the two signatures (r, s) and (r, -s) the one with the smaller s: notes are of the same length then.
        """
        r, s = decode_dss_signature(self._key.sign(text.encode()))
        signature = encode_dss_signature(r, min(s, _ORDER - s))
        return note.encode(text, [note.Signature(self.origin, self._key_id, signature)])

    def verified(self, data: bytes) -> str:
        """The text of a note. Raises IntegrityError ``note-...``."""
        return note.verified(data, self._verifiers)

    def make(self, size: int, root: bytes) -> Checkpoint:
        """Raises RefusedError ``attest-key-public``."""
        return Checkpoint(size, self.sign(checkpoint.Checkpoint(self.origin, size, root).text()), root=root)

    def read(self, data: bytes) -> Checkpoint:
        """Raises IntegrityError ``checkpoint-unreadable`` or ``checkpoint-forged``."""
        if data.startswith(b"{"):
            return _first(data, self._key)
        try:
            found = checkpoint.parse(self.verified(data))
        except IntegrityError as error:
            if error.code in ("note-forged", "note-unsigned"):
                raise _forged() from error
            raise _unreadable(error) from error
        if found.origin != self.origin:
            raise _forged()
        return Checkpoint(found.size, data, root=found.root)


def _first(data: bytes, key: AttestKey) -> Checkpoint:
    try:
        value = json.loads(data)
        size, head, time, text = int(value["size"]), str(value["head"]), str(value["time"]), str(value["signature"])
        signature = base64.b64decode(text, validate=True)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise _unreadable(error) from error
    if not key.verify(_FIRST + f"{size}\n{head}\n{time}\n".encode(errors="replace"), signature):
        raise _forged()
    return Checkpoint(size, data, head=Digest(head))


def _forged() -> IntegrityError:
    return IntegrityError("checkpoint-forged", "the ledger's checkpoint is not signed by the attest key")


def _unreadable(error: Exception) -> IntegrityError:
    return IntegrityError("checkpoint-unreadable", "the ledger's checkpoint cannot be read", got=error)
