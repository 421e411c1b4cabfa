"""What the attest key vouches for: signed sizes with their roots, as C2SP notes. No I/O.

The checkpoint of release 0.1 was JSON and named the last entry in place of a root. It stays readable until the first
append replaces it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from interlock.errors import IntegrityError
from interlock.formats.tlog import checkpoint, note
from interlock.platform.books.keys import AttestKey
from interlock.platform.domain.ids import Digest

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


def sign(text: str, name: str, key: AttestKey) -> bytes:
    """A note with the attest key's signature. Raises RefusedError ``attest-key-public``."""
    return note.encode(text, [note.Signature(name, key.note_id, key.sign(text.encode()))])


def make(origin: str, size: int, root: bytes, key: AttestKey) -> Checkpoint:
    signed = sign(checkpoint.Checkpoint(origin, size, root).text(), origin, key)
    return Checkpoint(size, signed, root=root)


def read(data: bytes, origin: str, key: AttestKey) -> Checkpoint:
    """Raises IntegrityError ``checkpoint-unreadable`` or ``checkpoint-forged``."""
    if data.startswith(b"{"):
        return _first(data, key)
    try:
        found = checkpoint.parse(note.verified(data, [note.Ecdsa(origin, key.public)]))
    except IntegrityError as error:
        if error.code in ("note-forged", "note-unsigned"):
            raise _forged() from error
        raise IntegrityError("checkpoint-unreadable", "the ledger's checkpoint cannot be read", got=error) from error
    if found.origin != origin:
        raise _forged()
    return Checkpoint(found.size, data, root=found.root)


def _first(data: bytes, key: AttestKey) -> Checkpoint:
    try:
        value = json.loads(data)
        size, head, time, text = int(value["size"]), str(value["head"]), str(value["time"]), str(value["signature"])
        signature = base64.b64decode(text, validate=True)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise IntegrityError("checkpoint-unreadable", "the ledger's checkpoint cannot be read", got=error) from error
    if not key.verify(_FIRST + f"{size}\n{head}\n{time}\n".encode(errors="replace"), signature):
        raise _forged()
    return Checkpoint(size, data, head=Digest(head))


def _forged() -> IntegrityError:
    return IntegrityError("checkpoint-forged", "the ledger's checkpoint is not signed by the attest key")
