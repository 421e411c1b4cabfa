"""Where each term's chain begins, in a Merkle radix trie: a value, or the proof that there is none, in O(log n).

The trie is over the SHA-256 of terms, sixteen ways a level. A subtree of up to ``PAGE`` terms is one page: their
records in order. Its form follows from what is in it and not from the order in which it came, so that a trie made
anew from the ledger has the same root. Pure functions: nodes are read through a function, and handed back to be kept.

A node's number is 1 for the root, and for others their parent's number and four bits more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import groupby

NONE = bytes(32)
"""The hash of a subtree without terms."""
VALUE = 40
"""Bytes of a value."""
PAGE = 32
"""Most records in a page."""
_KEY = 32
_RECORD = _KEY + VALUE
_LEAF, _INNER = b"\x02", b"\x03"

Node = Callable[[int], bytes | None]
Change = Callable[[bytes, bytes | None], bytes]
"""From a key and its old value the new one."""


class DoubtError(Exception):
    """A derived store does not hold what was signed. Never leaves the books."""


def key(term: str) -> bytes:
    return sha256(term.encode(errors="surrogatepass")).digest()


def find(root: bytes, key: bytes, node: Node) -> bytes | None:
    """The value of ``key``, or None when the trie with ``root`` has none. Raises DoubtError."""
    number, expected = 1, root
    for depth in range(2 * _KEY):
        if expected == NONE:
            return None
        data = _checked(node(number), expected)
        if data[:1] == _LEAF:
            at, present = _place(data, key)
            return data[at + _KEY : at + _RECORD] if present else None
        nibble = _nibble(key, depth)
        expected, number = data[1 + 32 * nibble : 33 + 32 * nibble], number << 4 | nibble
    raise DoubtError


def update(root: bytes, keys: Sequence[bytes], change: Change, node: Node) -> tuple[bytes, dict[int, bytes]]:
    """The new root, and the nodes that are new or other, after each of ``keys`` (ascending) got a new value.

    Raises DoubtError."""
    written: dict[int, bytes] = {}

    def keep(number: int, data: bytes) -> bytes:
        written[number] = data
        return sha256(data).digest()

    def visit(number: int, depth: int, expected: bytes, keys: Sequence[bytes]) -> bytes:
        data = _LEAF if expected == NONE else _checked(node(number), expected)
        if data[:1] == _LEAF:
            for key in keys:
                at, present = _place(data, key)
                end = at + _RECORD if present else at
                value = change(key, data[at + _KEY : end] if present else None)
                data = data[:at] + key + value + data[end:]
            return page(number, depth, data)
        hashes = [data[at : at + 32] for at in range(1, len(data), 32)]
        for nibble, group in groupby(keys, lambda key: _nibble(key, depth)):
            hashes[nibble] = visit(number << 4 | nibble, depth + 1, hashes[nibble], list(group))
        return keep(number, _INNER + b"".join(hashes))

    def page(number: int, depth: int, data: bytes) -> bytes:
        if len(data) <= 1 + PAGE * _RECORD:
            return keep(number, data)
        hashes = [NONE] * 16
        records = (data[at : at + _RECORD] for at in range(1, len(data), _RECORD))
        for nibble, group in groupby(records, lambda record: _nibble(record, depth)):
            hashes[nibble] = page(number << 4 | nibble, depth + 1, _LEAF + b"".join(group))
        return keep(number, _INNER + b"".join(hashes))

    return (visit(1, 0, root, keys) if keys else root), written


def _checked(data: bytes | None, expected: bytes) -> bytes:
    if data is None or sha256(data).digest() != expected:
        raise DoubtError
    return data


def _place(data: bytes, key: bytes) -> tuple[int, bool]:
    """Where in a page the key's record is or belongs."""
    records = range(1, len(data), _RECORD)
    found = bisect_left(records, key, key=lambda at: data[at : at + _KEY])
    at = 1 + found * _RECORD
    return at, data[at : at + _KEY] == key


def _nibble(key: bytes, depth: int) -> int:
    return key[depth >> 1] & 15 if depth & 1 else key[depth >> 1] >> 4
