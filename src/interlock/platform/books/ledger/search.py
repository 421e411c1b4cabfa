"""Finding entries in what a process sees of the ledger, whatever it is that it sees. For several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from interlock.errors import IntegrityError
from interlock.formats.tlog import merkle
from interlock.formats.tlog.tiles import HASH, WIDTH
from interlock.platform.books.ledger import entries, terms
from interlock.platform.books.ledger.entries import Entry, Unknown
from interlock.platform.books.ledger.index import StaleError
from interlock.platform.books.ledger.journal import Journal
from interlock.platform.books.ledger.known import Known
from interlock.platform.books.ledger.remains import Remains
from interlock.platform.books.ledger.runs import DoubtError
from interlock.platform.books.ledger.view import View
from interlock.platform.domain.ids import Digest

_NEAR = 1 << 14
"""Bytes that are read through rather than searched in."""


class Search:
    def __init__(self, view: View, journal: Journal) -> None:
        self._view, self._journal = view, journal

    def find(self, term: str) -> Iterator[Entry | Unknown]:
        """What is under that term, newest first."""
        return self._again(lambda below: self._walk(term, below))

    def lacks(self, key: str) -> bool:
        """Whether certainly no entry has that key; False when that is not known without looking for it."""
        with self._view.mutex, suppress(DoubtError):
            view = self._view.current()
            if isinstance(view, Known) and terms.key(key) not in view.postings:
                return view.base is None or view.base.lacks(key)
        return False

    def newest(self, term: str) -> Digest | None:
        """The id of the last entry under that term."""
        with self._view.mutex:
            view = self._view.current()
            if isinstance(view, Known) and (places := view.postings.get(term)):
                return places[-1].id
        return next((entry.id for entry in self.find(term)), None)

    def scan(self, start: str) -> Iterator[Entry]:
        """Entries from that time on, oldest first."""
        found = self._again(lambda above: self._scan(start, above or 0))
        return (entry for entry in found if isinstance(entry, Entry) and entry.time >= start)

    def _again(self, ask: Callable[[int | None], Iterator[Entry | Unknown]]) -> Iterator[Entry | Unknown]:
        """What ``ask`` finds after the last that it found before something was in doubt."""
        last: int | None = None
        doubted = False
        while True:
            try:
                for entry in ask(last):
                    last = entry.sequence
                    yield entry
                return
            except DoubtError as doubt:
                with self._view.mutex:
                    self._view.doubt(doubt, again=doubted)
                doubted = doubted or not isinstance(doubt, StaleError)

    def _walk(self, term: str, below: int | None) -> Iterator[Entry | Unknown]:
        with self._view.mutex:
            view = self._view.current()
            if isinstance(view, Known):
                places, base = view.postings.get(term, [])[::-1], view.base
        if isinstance(view, Remains):
            yield from (entry for entry in view.about(term) if below is None or entry.sequence < below)
            return
        for place in places:
            entry = self._read(place.offset, place.leaf)
            if below is None or entry.sequence < below:
                below = entry.sequence
                yield entry
        older = base.find(term) if base else iter(())
        while True:
            with self._view.mutex:
                item = next(older, None)
            if item is None:
                return
            entry = self._read(*item)
            # The index may meanwhile have taken in what was in memory; two terms may share a key.
            if (below is None or entry.sequence < below) and term in terms.of(entry):
                below = entry.sequence
                yield entry

    def _scan(self, start: str, above: int) -> Iterator[Entry | Unknown]:
        with self._view.mutex:
            view = self._view.current()
            if isinstance(view, Known):
                offset = self._first(view, start) if start else 0
                number, size = 0, view.size
        if isinstance(view, Remains):
            yield from (entry for entry in view.all() if entry.sequence > above)
            return
        leaves = b""
        for line in self._journal.lines(offset):
            if number == size:
                return
            entry = _parsed(line)
            if (number or not offset) and entry.sequence != number + 1:
                raise DoubtError
            if not leaves or number % WIDTH == 0:
                leaves = self._leaves(view, entry)
            number = entry.sequence
            _prove(line, entry, leaves)
            if number > above:
                yield entry
        if number < size:
            raise DoubtError

    def _first(self, known: Known, start: str) -> int:
        """Where to begin to read: before it there is nothing of ``start`` or later.

        Times never fall among entries of format 2, nor from those of format 1 to them.
        """
        low, high, format = 0, known.offset, 1
        while high - low > _NEAR:
            middle = (low + high) // 2
            at = middle + len(self._journal.line(middle)) + 1
            if at >= high:
                high = middle
                continue
            line = self._journal.line(at)
            entry = _parsed(line)
            _prove(line, entry, self._leaves(known, entry))
            if isinstance(entry, Entry) and (entry.format, entry.time) < (2, start):
                low, format = at + len(line) + 1, entry.format
            else:
                high = at
        return 0 if format == 1 else low

    def _leaves(self, known: Known, entry: Entry | Unknown) -> bytes:
        """The hashes of the tile in which the entry is, if it is what it says."""
        if not 0 < entry.sequence <= known.size:
            raise DoubtError
        with self._view.mutex:
            return known.tree.leaves((entry.sequence - 1) // WIDTH)

    def _read(self, offset: int, leaf: bytes) -> Entry | Unknown:
        """The entry at ``offset``; ``leaf`` is what its leaf's hash begins with."""
        line = self._journal.line(offset)
        if not merkle.leaf_hash(line).startswith(leaf):
            raise DoubtError
        return entries.parse(line)


def _parsed(line: bytes) -> Entry | Unknown:
    try:
        return entries.parse(line)
    except IntegrityError as error:
        raise DoubtError from error


def _prove(line: bytes, entry: Entry | Unknown, leaves: bytes) -> None:
    at = (entry.sequence - 1) % WIDTH * HASH
    if merkle.leaf_hash(line) != leaves[at : at + HASH]:
        raise DoubtError
