"""Ledger entries and checkpoints as values: their bytes, hashes and signatures. No I/O.

An entry's hash covers everything in it but hash and signature, and with ``previous`` everything before it. Each entry
is signed, so that one altered entry does not make its neighbours doubtful: the chain proves order and completeness,
the signature proves the entry.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.errors import IntegrityError
from interlock.platform.books import canonical
from interlock.platform.books.keys import AttestKey
from interlock.platform.domain.ids import Digest

GENESIS = Digest("sha256:" + "0" * 64)
"""``previous`` of the first entry."""
_ENTRY = b"interlock.dev/ledger-entry/v1\n"
_CHECKPOINT = b"interlock.dev/ledger-checkpoint/v1\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    ``kind`` and ``subject`` say what happened to what (see :mod:`interlock.platform.proof.kinds`); ``key`` makes a
    retried act recognisable; ``evidence`` names facts of the evidence store; ``id`` is the entry's hash, which seals
    carry in their trailer.
    """

    sequence: int
    time: str
    kind: str
    subject: str
    key: str
    body: Mapping[str, Any]
    evidence: Mapping[str, Digest]
    previous: Digest
    id: Digest
    signature: str
    version: int = 1

    def encode(self) -> bytes:
        """The line without its newline."""
        return canonical.encode({**self._content(), "hash": self.id, "signature": self.signature})

    def hashed(self) -> bool:
        """Whether the hash belongs to this content."""
        return self.content_hash() == self.id

    def authentic(self, key: AttestKey) -> bool:
        """Whether hash and signature belong to this content."""
        return self.hashed() and key.verify(_ENTRY + self.id.encode(), _decode(self.signature))

    def content_hash(self) -> Digest:
        return canonical.digest(canonical.encode(self._content()))

    def _content(self) -> dict[str, Any]:
        return {
            "sequence": self.sequence,
            "time": self.time,
            "kind": self.kind,
            "subject": self.subject,
            "key": self.key,
            "body": self.body,
            "evidence": self.evidence,
            "previous": self.previous,
        }


def make(
    *,
    sequence: int,
    time: str,
    kind: str,
    subject: str,
    key: str,
    body: Mapping[str, Any],
    evidence: Mapping[str, Digest],
    previous: Digest,
    signer: AttestKey,
) -> Entry:
    """A hashed and signed entry."""
    draft = Entry(sequence, time, kind, subject, key, body, evidence, previous, GENESIS, "")
    name = draft.content_hash()
    signature = base64.b64encode(signer.sign(_ENTRY + name.encode())).decode()
    return Entry(sequence, time, kind, subject, key, body, evidence, previous, name, signature)


def parse(line: bytes) -> Entry:
    """Read one line as it stands, without judging it. Raises IntegrityError ``ledger-line-unreadable``."""
    try:
        value = json.loads(line)
        return Entry(
            sequence=int(value["sequence"]),
            time=str(value["time"]),
            kind=str(value["kind"]),
            subject=str(value["subject"]),
            key=str(value["key"]),
            body=dict(value["body"]),
            evidence=dict(value["evidence"]),
            previous=Digest(str(value["previous"])),
            id=Digest(str(value["hash"])),
            signature=str(value["signature"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("ledger-line-unreadable", "a line of the ledger is not an entry", got=error) from error


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement that the ledger has ``size`` entries and ends in ``head``: truncation is seen against it."""

    size: int
    head: Digest
    time: str
    signature: str

    def encode(self) -> bytes:
        return canonical.encode({"size": self.size, "head": self.head, "time": self.time, "signature": self.signature})

    def authentic(self, key: AttestKey) -> bool:
        return key.verify(_checkpoint_text(self.size, self.head, self.time), _decode(self.signature))


def make_checkpoint(size: int, head: Digest, time: str, signer: AttestKey) -> Checkpoint:
    signature = signer.sign(_checkpoint_text(size, head, time))
    return Checkpoint(size, head, time, base64.b64encode(signature).decode())


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Raises IntegrityError ``checkpoint-unreadable``."""
    try:
        value = json.loads(data)
        return Checkpoint(int(value["size"]), Digest(str(value["head"])), str(value["time"]), str(value["signature"]))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("checkpoint-unreadable", "the ledger's checkpoint cannot be read", got=error) from error


def _checkpoint_text(size: int, head: Digest, time: str) -> bytes:
    return _CHECKPOINT + f"{size}\n{head}\n{time}\n".encode()


def _decode(text: str) -> bytes:
    """Only the one spelling of base64 that an encoder writes: else a signature's text could vary."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""
