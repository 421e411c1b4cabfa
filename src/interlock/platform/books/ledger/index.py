"""The index: one SQLite file in which entries are found by their terms. It is derived, and believed only where it can
be checked.

For each term of an entry there is a record, which says where the entry's line is and what it hashes to, in one of a
few sorted :mod:`~interlock.platform.books.ledger.runs`. Their roots are signed, together with the size and the root of
the ledger so far. So whoever asks sees whether a record is left out, added or changed, and that there is none is
proven.

The file is written in few, large transactions and never synced.
"""

from __future__ import annotations

import base64
import binascii
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from interlock.clients import files
from interlock.errors import IntegrityError
from interlock.formats.tlog import checkpoint
from interlock.platform.books.ledger import runs, terms
from interlock.platform.books.ledger.checkpoints import Notary
from interlock.platform.books.ledger.runs import DoubtError, Inner, Page
from interlock.platform.domain.ids import Digest

VERSION = 1
"""Of the file, of :mod:`~interlock.platform.books.ledger.terms` and of the records: another one is not read."""
_SCHEMA = """
CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), note BLOB NOT NULL);
CREATE TABLE page (number INTEGER PRIMARY KEY, data BLOB NOT NULL);
INSERT INTO head VALUES (1, x'');
"""
_WAIT = 10.0
"""Seconds that a transaction of another process may take."""
_CACHED = 4096
"""Pages that are kept in memory, 4 KB each."""
_LARGE = 1 << 17
"""Entries from which on runs are merged in parts, for the sake of memory."""
_PARTS = [letter.encode() + bytes([second]) for letter in sorted(terms.LETTERS) for second in range(256)]


class StaleError(DoubtError):
    """The index was written since it was read."""


class Place(NamedTuple):
    """Where a line is, the hash of the leaf that it is in the tree, and its entry's id."""

    offset: int
    leaf: bytes
    id: Digest


class Run(NamedTuple):
    """A run over so many entries; its pages are numbered from ``first`` to its root's."""

    entries: int
    first: int
    root: Page

    def text(self) -> str:
        return f"{self.entries} {self.first} {self.root.number} {base64.b64encode(self.root.hash).decode()}"


@dataclass(frozen=True, slots=True)
class Head:
    """What the index says of the ledger as far as it goes: ``size`` and ``root`` of the tree, where the last line
    starts and ends, the latest time, and the runs, oldest first."""

    size: int
    root: bytes
    start: int
    end: int
    latest: str
    runs: tuple[Run, ...] = ()

    def text(self, origin: str) -> str:
        more = (f"{self.start} {self.end}", self.latest or "-", *(run.text() for run in self.runs))
        return checkpoint.Checkpoint(f"{origin}/index/{VERSION}", self.size, self.root, more).text()


def _head(text: str, origin: str) -> Head:
    """Raises IntegrityError, ValueError."""
    found = checkpoint.parse(text)
    if found.origin != f"{origin}/index/{VERSION}":
        raise ValueError(found.origin)
    ends, latest, *rows = found.extensions
    start, end = map(int, ends.split())
    return Head(found.size, found.root, start, end, latest.lstrip("-"), tuple(map(_run, rows)))


def _run(text: str) -> Run:
    entries, first, number, root = text.split()
    return Run(int(entries), int(first), Page(int(number), base64.b64decode(root, validate=True)))


class Index:
    """``head`` is None while nothing is in it."""

    def __init__(
        self, connection: sqlite3.Connection, head: Head | None = None, note: bytes = b"", path: Path | None = None
    ) -> None:
        self._connection, self.head, self.note, self._path = connection, head, note, path
        self._file = path.stat().st_ino if path else 0
        self._pages: dict[Page, Inner | bytes] = {}
        self._keys: set[bytes] | None = None
        weakref.finalize(self, connection.close)

    @classmethod
    def private(cls) -> Index:
        """An empty one that nobody else sees; SQLite keeps it in memory while it is small."""
        connection = _connect("")
        connection.executescript(_SCHEMA)
        return cls(connection)

    @classmethod
    def open(cls, path: Path, notary: Notary, *, write: bool) -> Index | None:
        """The one in a file; None when it is not signed, or not there."""
        if not path.is_file():
            return None
        connection = None
        try:
            connection = _connect(f"file:{quote(str(path.absolute()))}?mode={'rw' if write else 'ro'}")
            (signed,) = connection.execute("SELECT note FROM head").fetchone()
            return cls(connection, _head(notary.verified(signed), notary.origin), signed, path)
        except (sqlite3.Error, IntegrityError, ValueError, TypeError, AttributeError, binascii.Error):
            if connection:
                connection.close()
            return None

    @property
    def shared(self) -> bool:
        """Whether other processes see it."""
        return self._path is not None

    def publish(self, path: Path, signed: bytes) -> None:
        """Put a copy of a private one into the file. Raises sqlite3.Error, OSError."""
        scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
        files.make_folder(path.parent)
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

    def find(self, term: str) -> Iterator[tuple[int, bytes]]:
        """Where the lines are that may have the term, and the first half of their leaves' hashes, newest first.

        Raises DoubtError for what is not as it was signed."""
        head = self.head
        try:
            for run in reversed(head.runs if head else ()):
                for group in runs.find(run.root, runs.key(term), self._page):
                    for item in reversed(group):
                        yield int.from_bytes(item[runs.KEY : 16], "big"), item[16:]
        except DoubtError:
            if self.head is not head or self.stale():
                raise StaleError from None
            raise

    def lacks(self, key: str) -> bool:
        """Whether certainly no entry has that key. The first question reads all keys, and further ones nothing: for
        who asks before each append. Raises DoubtError."""
        if self._keys is None:
            prefix = runs.key(terms.key(""))[:1]
            groups = (runs.find(run.root, prefix, self._page) for run in (self.head.runs if self.head else ()))
            self._keys = {item[: runs.KEY] for run in groups for group in run for item in group}
        return runs.key(terms.key(key)) not in self._keys

    def add(self, postings: Mapping[str, Sequence[Place]], head: Head, sign: Callable[[Head], bytes]) -> None:
        """Take in ``postings``, which go up to ``head`` (its runs are made here).

        ``sign`` makes the note of an index that others see. Raises sqlite3.Error, OSError, DoubtError; then nothing
        was taken in.
        """
        kept = list(self.head.runs if self.head else ())
        entries, merged = head.size - (self.head.size if self.head else 0), []
        number = kept[-1].root.number + 1 if kept else 1
        while kept and kept[-1].entries <= entries:
            merged.append(kept.pop())
            entries += merged[-1].entries
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Not into a file that was replaced either: its journal would lie beside the new one.
            if self.stale():
                raise StaleError
            root = Page(0, b"")
            for root, data in runs.build(self._merged(merged, postings, entries), number):
                connection.execute("INSERT INTO page VALUES (?, ?)", (root.number, data))
            for run in merged:
                connection.execute("DELETE FROM page WHERE number BETWEEN ? AND ?", (run.first, run.root.number))
            made = replace(head, runs=(*kept, Run(entries, number, root)))
            signed = sign(made) if self.shared else b""
            connection.execute("UPDATE head SET note = ?", (signed,))
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self.head, self.note = made, signed
        if self._keys is not None:
            self._keys.update(runs.key(term) for term in postings if term.startswith(terms.key("")))

    def stale(self) -> bool:
        """Whether another process has written it since."""
        try:
            (found,) = self._connection.execute("SELECT note FROM head").fetchone()
            return found != self.note or (self._path is not None and self._path.stat().st_ino != self._file)
        except (sqlite3.Error, OSError, TypeError):
            return True

    def _merged(self, old: Sequence[Run], postings: Mapping[str, Sequence[Place]], entries: int) -> Iterable[bytes]:
        """The records of some runs, newest first, and those of ``postings``, in order."""
        new = []
        for term, places in postings.items():
            key = runs.key(term)
            new += [runs.record(key, place.offset, place.leaf) for place in places]
        new.sort()
        parts = _PARTS if entries >= _LARGE else [b""]
        return chain.from_iterable(self._part(old, new, part) for part in parts)

    def _part(self, old: Sequence[Run], new: Sequence[bytes], prefix: bytes) -> list[bytes]:
        found = [item for item in new if item.startswith(prefix)] if prefix else list(new)
        for run in old:
            for group in reversed(list(runs.find(run.root, prefix, self._page))):
                found += group
        found.sort()
        return found

    def _page(self, page: Page) -> Inner | bytes:
        data = self._pages.get(page)
        if data is None:
            try:
                found = self._connection.execute("SELECT data FROM page WHERE number = ?", (page.number,)).fetchone()
            except sqlite3.Error as error:
                raise DoubtError from error
            data = runs.parse(found[0] if found else None, page)
            if len(self._pages) >= _CACHED:
                self._pages.clear()
            self._pages[page] = data
        return data


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=_WAIT, isolation_level=None, check_same_thread=False, uri=True)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -65536")
    return connection
