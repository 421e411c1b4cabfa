"""Signed notes (c2sp.org/signed-note): a text, a blank line, and a line for each signature of it.

Signatures of keys that the reader does not know are ignored, so that witnesses can add theirs. Keys here are ECDSA
P-256, type 0x02: their id is the beginning of the SHA-256 of the public key's DER.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.errors import IntegrityError
from interlock.formats.sigstore import PublicKey

_LINE = re.compile("— ([^ +]+) ([A-Za-z0-9+/=]+)")
_MOST = 100
"""More signatures than this are not looked at (the specification demands 16 or more)."""


class Verifier(Protocol):
    """A key that a reader trusts, of any kind."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> bytes: ...
    def verify(self, text: bytes, signature: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """A verifier for the log's own key."""

    name: str
    key: PublicKey

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.key.der).digest()[:4]

    def verify(self, text: bytes, signature: bytes) -> bool:
        return self.key.verifies(signature, text)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. ``name`` and ``key_id`` (4 bytes) together say which key, and prove nothing."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


def encode(text: str, signatures: Iterable[Signature]) -> bytes:
    """The note. ``text`` ends in a newline."""
    return (text + "\n" + "".join(item.line() for item in signatures)).encode()


def parse(data: bytes) -> tuple[str, list[Signature]]:
    """Text and signatures as they stand, unverified. Raises IntegrityError ``note-unreadable``."""
    try:
        note = data.decode()
    except UnicodeDecodeError as error:
        raise _unreadable("not UTF-8") from error
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or any(char < " " and char != "\n" for char in note):
        raise _unreadable("no text with signatures below it")
    rows = lines[:-1].split("\n")
    if len(rows) > _MOST:
        raise _unreadable(f"{len(rows)} signatures")
    return text + "\n", [_signature(row) for row in rows]


def verified(data: bytes, verifiers: Sequence[Verifier]) -> str:
    """The text, when at least one of ``verifiers`` signed it and no signature in the name of one of them is wrong.

    Raises IntegrityError ``note-unreadable``, ``note-forged``, ``note-unsigned``.
    """
    text, signatures = parse(data)
    signed = False
    for item in signatures:
        for verifier in verifiers:
            if (verifier.name, verifier.key_id) == (item.name, item.key_id):
                if not verifier.verify(text.encode(), item.data):
                    raise IntegrityError("note-forged", "a signature of a note is not that key's", got=item.name)
                signed = True
    if not signed:
        names = ", ".join(verifier.name for verifier in verifiers)
        raise IntegrityError("note-unsigned", "no trusted key signed the note", expected=names)
    return text


def _signature(row: str) -> Signature:
    match = _LINE.fullmatch(row)
    try:
        data = base64.b64decode(match[2], validate=True) if match else b""
    except binascii.Error:
        data = b""
    if match is None or len(data) < 5 or any(char.isspace() for char in match[1]):
        raise _unreadable("a line that is not a signature")
    return Signature(match[1], data[:4], data[4:])


def _unreadable(got: str) -> IntegrityError:
    return IntegrityError("note-unreadable", "not a signed note", got=got, expected="text, blank line, signatures")
