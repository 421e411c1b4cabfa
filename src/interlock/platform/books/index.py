"""The index: one SQLite file in which entries are found by their terms. It is derived, and believed only where it can
be checked.

* The entries of a term are a chain of hashes: the first value is zero, each next one the hash of the value before and
  the entry's leaf. ``entry`` has, for each term of an entry in order, where its chain stood before: whoever walks it
  sees with each line of the ledger whether one is left out, added or changed.
* The newest value of every term is in a Merkle trie (:mod:`~interlock.platform.books.heads`), so that the absence of a
  term is proven as well.
* The trie's root is signed together with the size and the root of the ledger at that point.

The file is written in few, large transactions and never synced.
"""

from __future__ import annotations

import base64
import binascii
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from interlock.errors import IntegrityError
from interlock.formats.tlog import checkpoint
from interlock.formats.tlog import note as notes
from interlock.platform.books import heads
from interlock.platform.books.heads import DoubtError
from interlock.platform.books.keys import AttestKey

VERSION = 1
"""Of the file, of :mod:`~interlock.platform.books.terms` and of the trie's form: another one is not read."""
_SCHEMA = """
CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), note BLOB NOT NULL);
CREATE TABLE entry (sequence INTEGER PRIMARY KEY, offset INTEGER NOT NULL, length INTEGER NOT NULL,
                    links BLOB NOT NULL);
CREATE TABLE node (number INTEGER PRIMARY KEY, data BLOB NOT NULL);
INSERT INTO head VALUES (1, x'');
"""
_WAIT = 10.0
"""Seconds that a transaction of another process may take."""


class StaleError(DoubtError):
    """Another process has written the index since it was opened."""


class Link(NamedTuple):
    """The newest entry of a term, and the hash of its chain up to it."""

    sequence: int
    value: bytes


class Place(NamedTuple):
    """Where a line is, and the hash of the leaf that it is in the tree."""

    sequence: int
    offset: int
    length: int
    leaf: bytes


class Row(NamedTuple):
    offset: int
    length: int
    links: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """What the index says of the ledger as far as it goes: ``size`` and ``root`` of the tree, the latest time in it,
    and the root of the trie."""

    size: int
    root: bytes
    latest: str
    heads: bytes = heads.NONE

    def text(self, origin: str) -> str:
        more = (self.latest or "-", base64.b64encode(self.heads).decode())
        return checkpoint.Checkpoint(f"{origin}/index/{VERSION}", self.size, self.root, more).text()


def _head(text: str, origin: str) -> Head:
    """Raises IntegrityError, ValueError."""
    found = checkpoint.parse(text)
    latest, root = found.extensions
    if found.origin != f"{origin}/index/{VERSION}":
        raise ValueError(found.origin)
    return Head(found.size, found.root, latest.lstrip("-"), base64.b64decode(root, validate=True))


class Index:
    """``head`` is None while nothing is in it. Methods raise DoubtError for whatever is not as it was signed."""

    def __init__(
        self, connection: sqlite3.Connection, head: Head | None = None, note: bytes = b"", path: Path | None = None
    ) -> None:
        self._connection, self.head, self.note, self._path = connection, head, note, path
        self._file = path.stat().st_ino if path else 0
        weakref.finalize(self, connection.close)

    @property
    def shared(self) -> bool:
        """Whether other processes see it."""
        return self._path is not None

    @classmethod
    def private(cls) -> Index:
        """An empty one that nobody else sees; SQLite keeps it in memory while it is small."""
        connection = _connect("")
        connection.executescript(_SCHEMA)
        return cls(connection)

    @classmethod
    def open(cls, path: Path, origin: str, key: AttestKey) -> Index | None:
        """The one in a file, to read and (with :meth:`add`) to write; None when it is not signed, or not there."""
        if not path.is_file():
            return None
        try:
            mode = "rw" if key.secret else "ro"
            connection = _connect(f"file:{quote(str(path.absolute()))}?mode={mode}")
            (signed,) = connection.execute("SELECT note FROM head").fetchone()
            return cls(
                connection, _head(notes.verified(signed, [notes.Ecdsa(origin, key.public)]), origin), signed, path
            )
        except (sqlite3.Error, IntegrityError, ValueError, TypeError, binascii.Error):
            return None

    def publish(self, path: Path, signed: bytes) -> None:
        """Put a copy of a private one into the file. Raises sqlite3.Error, OSError."""
        scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
        scratch.unlink(missing_ok=True)
        try:
            self._connection.execute("UPDATE head SET note = ?", (signed,))
            self.note = signed
            self._connection.execute("VACUUM INTO ?", (str(scratch),))
            # A journal that a dead writer left belongs to the file that is replaced.
            path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def latest(self, key: bytes) -> Link | None:
        """The newest entry of the term with that key; None when there is proven to be none."""
        if self.head is None:
            return None
        with self._reading():
            value = heads.find(self.head.heads, key, self._node)
        return Link(int.from_bytes(value[:8], "big"), value[8:]) if value else None

    def row(self, sequence: int) -> Row:
        with self._reading():
            found = self._connection.execute("SELECT offset, length, links FROM entry WHERE sequence = ?", (sequence,))
            row = found.fetchone()
        if row is None or not all(isinstance(item, kind) for item, kind in zip(row, (int, int, bytes), strict=True)):
            raise DoubtError
        return Row(*row)

    def add(
        self,
        places: Sequence[Place],
        postings: Mapping[str, Sequence[Place]],
        head: Head,
        sign: Callable[[Head], bytes],
    ) -> None:
        """Take in the entries at ``places``, whose terms are ``postings``, up to ``head`` (its trie is made here).

        ``sign`` makes the note of an index that others see. Raises sqlite3.Error, OSError; then nothing was taken in.
        """
        links: dict[int, list[tuple[str, bytes]]] = {place.sequence: [] for place in places}
        named = {heads.key(term): term for term in postings}

        def change(key: bytes, old: bytes | None) -> bytes:
            term = named[key]
            link = old or bytes(heads.VALUE)
            for place in postings[term]:
                links[place.sequence].append((term, link))
                link = place.sequence.to_bytes(8, "big") + following(link[8:], place.leaf)
            return link

        with self._writing() as connection:
            before = self.head.heads if self.head else heads.NONE
            root, nodes = heads.update(before, sorted(named), change, self._node)
            made = Head(head.size, head.root, head.latest, root)
            signed = sign(made) if self.shared else b""
            rows = ((*place[:3], b"".join(_packed(links[place.sequence]))) for place in places)
            connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", rows)
            connection.executemany("INSERT OR REPLACE INTO node VALUES (?, ?)", sorted(nodes.items()))
            connection.execute("UPDATE head SET note = ?", (signed,))
        self.head, self.note = made, signed

    def stale(self) -> bool:
        """Whether another process has written it since."""
        if self._path is None:
            return False
        try:
            with self._reading():
                return self._path.stat().st_ino != self._file
        except (DoubtError, OSError):
            return True

    def _node(self, number: int) -> bytes | None:
        found = self._connection.execute("SELECT data FROM node WHERE number = ?", (number,)).fetchone()
        return found[0] if found and isinstance(found[0], bytes) else None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One state of the file, the one that :attr:`head` is about."""
        connection = self._connection
        try:
            connection.execute("BEGIN")
            try:
                if connection.execute("SELECT note FROM head").fetchone() != (self.note,):
                    raise StaleError
                yield
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise DoubtError from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        if self._path is not None and self._path.stat().st_ino != self._file:
            # A transaction on a file that was replaced would leave its journal beside the new one.
            raise StaleError
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("SELECT note FROM head").fetchone() != (self.note,):
                raise StaleError
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def following(value: bytes, leaf: bytes) -> bytes:
    """The value of a chain after the entry with that leaf."""
    return sha256(b"\x04" + value + leaf).digest()


def link(links: bytes, number: int) -> Link:
    """Where the chain of an entry's term ``number`` stood before. Raises DoubtError."""
    at = 0
    for _ in range(number):
        at += 40 if any(links[at : at + 8]) else 8
    sequence = links[at : at + 8]
    value = links[at + 8 : at + 40] if any(sequence) else bytes(32)
    if len(sequence) + len(value) != 40:
        raise DoubtError
    return Link(int.from_bytes(sequence, "big"), value)


def _packed(links: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    for _, item in sorted(links):
        yield item if any(item[:8]) else item[:8]


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=_WAIT, isolation_level=None, check_same_thread=False, uri=True)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -65536")
    return connection
