"""Finding entries in what a process sees of the ledger, whatever it is that it sees. For several threads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from interlock.errors import IntegrityError
from interlock.formats.tlog import merkle
from interlock.formats.tlog.tiles import HASH, WIDTH
from interlock.platform.books import entries, heads, index, terms
from interlock.platform.books.entries import Entry, Unknown
from interlock.platform.books.heads import DoubtError
from interlock.platform.books.index import Link, Place, StaleError
from interlock.platform.books.journal import Journal
from interlock.platform.books.known import Known
from interlock.platform.books.remains import Remains
from interlock.platform.books.view import View


class Search:
    def __init__(self, view: View, journal: Journal) -> None:
        self._view, self._journal = view, journal

    def find(self, term: str) -> Iterator[Entry | Unknown]:
        """What is under that term, newest first."""
        below: int | None = None
        doubted = False
        while True:
            try:
                for entry in self._walk(term):
                    if below is None or entry.sequence < below:
                        below = entry.sequence
                        yield entry
                return
            except DoubtError as doubt:
                with self._view.mutex:
                    self._view.doubt(doubt, again=doubted)
                doubted = doubted or not isinstance(doubt, StaleError)

    def scan(self, start: str) -> Iterator[Entry]:
        """Entries from that time on, oldest first."""
        above = 0
        doubted = False
        while True:
            try:
                for entry in self._scan(start, above):
                    above = entry.sequence
                    yield entry
                return
            except DoubtError as doubt:
                with self._view.mutex:
                    self._view.doubt(doubt, again=doubted)
                doubted = doubted or not isinstance(doubt, StaleError)

    def _walk(self, term: str) -> Iterator[Entry | Unknown]:
        with self._view.mutex:
            view = self._view.current()
            if isinstance(view, Known):
                places = view.postings.get(term, [])[::-1]
                link = view.base.latest(heads.key(term)) if view.base else None
                base = view.base
        if isinstance(view, Remains):
            yield from view.about(term)
            return
        for place in places:
            yield self._entry(place)
        while link and base:
            with self._view.mutex:
                row = base.row(link.sequence)
            entry, link = _before(self._journal.read(row.offset, row.length), row.links, term, link)
            yield entry

    def _scan(self, start: str, above: int) -> Iterator[Entry]:
        with self._view.mutex:
            view = self._view.current()
            if isinstance(view, Known):
                number, size = max(self._first(view, start), above), view.size
                offset = _place(view, number + 1).offset if number < size else view.offset
        if isinstance(view, Remains):
            yield from (entry for entry in view.all() if entry.time >= start and entry.sequence > above)
            return
        leaves = b""
        for line in self._journal.lines(offset):
            if number == size:
                return
            if not leaves or number % WIDTH == 0:
                leaves = self._leaves(view, number)
            entry = _proven(line, leaves, number)
            number += 1
            if isinstance(entry, Entry) and entry.time >= start:
                yield entry
        if number < size:
            raise DoubtError

    def _first(self, known: Known, start: str) -> int:
        """How many entries there are before the first that can be of ``start`` or later.

        Times never fall among entries of format 2, nor from those of format 1 to them.
        """

        def order(number: int) -> tuple[int, str]:
            place = _place(known, number + 1)
            line = self._journal.read(place.offset, place.length)
            entry = _proven(line, self._leaves(known, number), number)
            return entry.format, entry.time if isinstance(entry, Entry) else ""

        if not start:
            return 0
        found = bisect_left(range(known.size), (2, start), key=order)
        return found if found and order(found - 1)[0] > 1 else 0

    def _leaves(self, known: Known, number: int) -> bytes:
        with self._view.mutex:
            return known.tree.leaves(number // WIDTH)

    def _entry(self, place: Place) -> Entry | Unknown:
        line = self._journal.read(place.offset, place.length)
        if merkle.leaf_hash(line) != place.leaf:
            raise DoubtError
        return entries.parse(line)


def _proven(line: bytes, leaves: bytes, number: int) -> Entry | Unknown:
    """``line`` as the entry after the first ``number``; ``leaves`` are the hashes of its tile."""
    at = number % WIDTH * HASH
    if merkle.leaf_hash(line) != leaves[at : at + HASH]:
        raise DoubtError
    return entries.parse(line)


def _place(known: Known, sequence: int) -> Place | index.Row:
    newer = sequence - (known.size - len(known.places)) - 1
    if newer >= 0:
        return known.places[newer]
    if known.base is None:
        raise DoubtError
    return known.base.row(sequence)


def _before(line: bytes, links: bytes, term: str, link: Link) -> tuple[Entry | Unknown, Link | None]:
    """The entry at which a term's chain stands, and where it stood before."""
    try:
        entry = entries.parse(line)
    except IntegrityError as error:
        raise DoubtError from error
    before = index.link(links, bisect_left(terms.of(entry), term))
    if index.following(before.value, merkle.leaf_hash(line)) != link.value:
        raise DoubtError
    return entry, before if before.sequence else None
