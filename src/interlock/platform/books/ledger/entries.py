"""Ledger entries as values: their bytes, hashes and signatures. No I/O.

An entry's hash covers everything in it but hash and signature, and with ``previous`` everything before it. Each entry
is signed, so that one altered entry does not make its neighbours doubtful: the chain proves order and completeness,
the signature proves the entry.

Format 2 says more than format 1 (release 0.1), which stays readable. A line of a format that this release does not
know is :class:`Unknown`: it has its place in the chain, and nothing else can be said of it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from interlock.errors import InputError, IntegrityError
from interlock.platform.books import canonical
from interlock.platform.books.keys import AttestKey
from interlock.platform.domain.ids import Digest

GENESIS = Digest("sha256:" + "0" * 64)
"""``previous`` of the first entry."""
FORMAT = 2
"""What this release writes."""
_SIGNED = {1: b"interlock.dev/ledger-entry/v1\n", 2: b"interlock.dev/ledger-entry/v2\n"}

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an entry says of its writer: the release, the digest of the rules in force, and the epoch of its lease."""

    interlock: str
    rules: Digest | None
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger.

    ``kind`` and ``subject`` say what happened to what; ``key`` makes a retried act recognisable; ``evidence`` names
    facts of the evidence store; ``id`` is the entry's hash, which seals carry in their trailer. ``version`` is that of
    the body; ``before`` the id of the entry before it of the same subject.
    """

    sequence: int
    time: str
    kind: str
    subject: str
    key: str
    body: Mapping[str, Any]
    evidence: Mapping[str, Digest]
    previous: Digest
    id: Digest = GENESIS
    signature: str = ""
    format: int = FORMAT
    version: int = 1
    interlock: str = ""
    rules: Digest | None = None
    epoch: int = 0
    before: Digest | None = None

    def encode(self) -> bytes:
        """The line without its newline."""
        return canonical.encode({**self._content(), "hash": self.id, "signature": self.signature})

    def hashed(self) -> bool:
        """Whether the hash belongs to this content."""
        try:
            return self._hash() == self.id
        except InputError:  # what JSON can spell and the canonical form cannot, such as half a surrogate pair
            return False

    def authentic(self, key: AttestKey) -> bool:
        """Whether hash and signature belong to this content."""
        return self.hashed() and key.verify(_SIGNED[self.format] + self.id.encode(), _decode(self.signature))

    def _hash(self) -> Digest:
        return canonical.digest(canonical.encode(self._content()))

    def _content(self) -> dict[str, Any]:
        content = {
            "sequence": self.sequence,
            "time": self.time,
            "kind": self.kind,
            "subject": self.subject,
            "key": self.key,
            "body": self.body,
            "evidence": self.evidence,
            "previous": self.previous,
        }
        if self.format == 1:
            return content
        return {
            **content,
            "format": self.format,
            "version": self.version,
            "interlock": self.interlock,
            "rules": self.rules,
            "epoch": self.epoch,
            "before": self.before,
        }


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line that a later release wrote; what it says of itself."""

    format: int
    sequence: int
    previous: Digest
    id: Digest


def parse(line: bytes) -> Entry | Unknown:
    """Read one line as it stands, without judging it. Raises IntegrityError ``ledger-line-unreadable``."""
    try:
        value = _Fields(json.loads(line))
        number = value.number("format") if "format" in value else 1
        sequence, previous, name = value.number("sequence"), value.digest("previous"), value.digest("hash")
        if number not in _SIGNED:
            return Unknown(number, sequence, previous, name)
        common: dict[str, Any] = {
            "sequence": sequence,
            "time": value.text("time"),
            "kind": value.text("kind"),
            "subject": value.text("subject"),
            "key": value.text("key"),
            "body": value.mapping("body"),
            "evidence": _Fields(value.mapping("evidence")).digests(),
            "previous": previous,
            "id": name,
            "signature": value.text("signature"),
            "format": number,
        }
        if number == 1:
            return Entry(**common)
        return Entry(
            **common,
            version=value.number("version"),
            interlock=value.text("interlock"),
            rules=None if value["rules"] is None else value.digest("rules"),
            epoch=value.number("epoch"),
            before=None if value["before"] is None else value.digest("before"),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError("ledger-line-unreadable", "a line of the ledger is not an entry", got=error) from error


def make(content: Mapping[str, Any], key: AttestKey) -> tuple[Entry, bytes]:
    """The entry with these fields, hashed and signed, and its line. Raises RefusedError ``attest-key-public``,
    InputError ``evidence-not-json``."""
    data = canonical.encode(content)
    id = canonical.digest(data)
    signature = base64.b64encode(key.sign(_SIGNED[FORMAT] + id.encode()))
    # Hash and signature have their places in the order of names. Nothing after them has names within, so that the last
    # one of a name is that of the entry.
    first, second = data.rindex(b',"interlock":'), data.rindex(b',"subject":')
    parts = (data[:first], b',"hash":"', id.encode(), b'"', data[first:second], b',"signature":"', signature, b'"')
    return Entry(**content, id=id, signature=signature.decode()), b"".join((*parts, data[second:]))


def authentic(line: bytes, entry: Entry, key: AttestKey) -> bool:
    """Whether ``line``, which was read as ``entry``, is byte for byte what a holder of the key wrote."""
    return entry.authentic(key) and entry.encode() == line


class _Fields(dict[str, Any]):
    """The object of a line. What is not of the right type is a TypeError."""

    def number(self, name: str) -> int:
        return self._of(int, name)

    def text(self, name: str) -> str:
        return self._of(str, name)

    def digest(self, name: str) -> Digest:
        return Digest(self._of(str, name))

    def mapping(self, name: str) -> dict[str, Any]:
        return self._of(dict, name)

    def digests(self) -> dict[str, Digest]:
        return {name: self.digest(name) for name in self}

    def _of(self, kind: type[_Value], name: str) -> _Value:
        value = self[name]
        if type(value) is not kind:
            raise TypeError(f"{name} is not {kind.__name__}")
        return value


def _decode(text: str) -> bytes:
    """Only the one spelling of base64 that an encoder writes: else a signature's text could vary."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""
