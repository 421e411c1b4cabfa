"""Sorted runs of records in pages, where each page is proven by its hash in the page above it.

A run is written once and never changed: what is new is a run of its own, and runs of like size are made into one. So
there are few of them, and writing a record costs O(log n) copies in large sorted batches, which is what makes it cheap.
That a run has no record of a key is as certain as that it has one: the pages where it would be are proven.

Pure functions: pages are read through a function, which proves them, and handed back to be kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

KEY = 8
"""Bytes of a key. That two terms share one hides nothing: who finds an entry looks whether it has the term."""
RECORD = 32
_FIRST = 16
"""Bytes of a record by which records are in order: key and place."""
_CHILD = _FIRST + 8 + 32
_LAST = b"\xff" * _FIRST
_LEAF, _INNER = b"\x02", b"\x03"
_RECORDS, _CHILDREN = 126, 512
"""In a page. With its records a leaf fits into one page of SQLite's; the few inner ones stay in memory."""


class DoubtError(Exception):
    """A derived store does not hold what was signed. Never leaves the books."""


class Page(NamedTuple):
    """A page by its number, and the hash that it must have."""

    number: int
    hash: bytes


class Inner(NamedTuple):
    """A page above others: what each of them begins with, in order."""

    firsts: list[bytes]
    pages: list[Page]


Read = Callable[[Page], "Inner | bytes"]


def key(term: str) -> bytes:
    """Its first byte is that of the term, so that the terms of a name-space lie together."""
    data = term.encode(errors="surrogatepass")
    return data[:1] + sha256(data).digest()[: KEY - 1]


def record(key: bytes, offset: int, leaf: bytes) -> bytes:
    """An entry under a key: where its line is, and the first half of the hash of its leaf."""
    return key + offset.to_bytes(8, "big") + leaf[:16]


def build(records: Iterable[bytes], number: int) -> Iterator[tuple[Page, bytes]]:
    """The pages of a run of ``records`` (ascending, at least one), numbered from ``number``; the last is the root."""
    level, width, kind = iter(records), _RECORDS, _LEAF
    while True:
        above: list[bytes] = []
        while group := list(islice(level, width)):
            data = kind + b"".join(group)
            page = Page(number, sha256(data).digest())
            yield page, data
            above.append(group[0][:_FIRST] + number.to_bytes(8, "big") + page.hash)
            number += 1
        if len(above) == 1:
            return
        level, width, kind = iter(above), _CHILDREN, _INNER


def find(root: Page, prefix: bytes, read: Read) -> Iterator[list[bytes]]:
    """The records that begin with ``prefix``: ascending lists, the last one first."""
    page = read(root)
    if isinstance(page, Inner):
        start = bisect_left(page.firsts, prefix)
        end = bisect_left(page.firsts, prefix + _LAST, lo=start)
        for at in range(end - 1, max(start - 1, 0) - 1, -1):
            yield from find(page.pages[at], prefix, read)
        return
    if page.startswith(prefix, 1) and page.startswith(prefix, len(page) - RECORD):
        yield [page[at : at + RECORD] for at in range(1, len(page), RECORD)]
        return
    found = []
    at = page.find(prefix, 1)
    while 0 <= at < len(page):
        if at % RECORD == 1:
            found.append(page[at : at + RECORD])
        at = page.find(prefix, at + 1 if at % RECORD != 1 else at + RECORD)
    yield found


def parse(data: object, page: Page) -> Inner | bytes:
    """``data``, which should be that page: records as they are, or an inner one. Raises DoubtError."""
    if not isinstance(data, bytes) or sha256(data).digest() != page.hash:
        raise DoubtError
    if data[:1] == _LEAF:
        return data
    children = [data[at : at + _CHILD] for at in range(1, len(data), _CHILD)]
    pages = [Page(int.from_bytes(item[_FIRST : _FIRST + 8], "big"), item[_FIRST + 8 :]) for item in children]
    return Inner([item[:_FIRST] for item in children], pages)
