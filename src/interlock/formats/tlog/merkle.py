"""The Merkle tree of RFC 6962 (section 2.1, SHA-256), its proofs, and their verification (RFC 9162, section 2.1).

Whoever makes proofs hands in a ``Read``: the hash of a *full* subtree, ``read(level, index)`` over the leaves
``index * 2**level`` up to ``(index + 1) * 2**level``. Nothing here asks for a subtree that reaches past the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

Read = Callable[[int, int], bytes]

EMPTY = sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """The root over neighbouring hashes (32 bytes each) whose number is a power of two."""
    while len(hashes) > 32:
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)])
    return hashes


def over(leaves: Sequence[bytes]) -> Read:
    """A reader over leaf hashes in memory."""
    return lambda level, index: fold(b"".join(leaves[index << level : (index + 1) << level]))


def root(size: int, read: Read) -> bytes:
    """The root of the first ``size`` leaves."""
    return _subtree(0, size, read) if size else EMPTY


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf's sibling up (RFC 6962 2.1.1)."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    return path[::-1]


def consistency(old: int, new: int, read: Read) -> list[bytes]:
    """The proof that the tree of ``new`` leaves continues the one of ``old`` leaves (RFC 6962 2.1.2)."""
    if not 0 < old < new:
        return []
    proof, start, end, whole = [], 0, new, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_subtree(middle, end, read))
            end = middle
        else:
            proof.append(_subtree(start, middle, read))
            start, whole = middle, False
    return ([] if whole else [_subtree(start, end, read)]) + proof[::-1]


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that the hash ``leaf`` is leaf ``index`` of the tree (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for item in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(item, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, item)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def continues(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that the first tree is the beginning of the second (RFC 9162 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    items = list(proof)
    if old & (old - 1) == 0:
        items.insert(0, old_root)
    if not items:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = items[0]
    for item in items[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(item, first), node_hash(item, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, item)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class Edge:
    """The right edge of a growing tree: the roots of its full subtrees, largest first. Appending and the root cost
    O(log n)."""

    def __init__(self, size: int = 0, read: Read | None = None) -> None:
        """``read`` is needed for a tree that has leaves."""
        self.size = 0
        self._hashes: list[bytes] = []
        for level in reversed(range(size.bit_length())):
            if size >> level & 1 and read is not None:
                self._hashes.append(read(level, self.size >> level))
                self.size += 1 << level

    def append(self, leaf: bytes) -> list[bytes]:
        """The roots of the full subtrees that ``leaf`` ends, smallest first: at least its own."""
        ended, number = [leaf], self.size
        while number & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            ended.append(leaf)
            number >>= 1
        self._hashes.append(leaf)
        self.size += 1
        return ended

    def root(self) -> bytes:
        if not self._hashes:
            return EMPTY
        found = self._hashes[-1]
        for item in reversed(self._hashes[:-1]):
            found = node_hash(item, found)
        return found


def _split(width: int) -> int:
    """The largest power of two that is smaller than ``width``."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(start: int, end: int, read: Read) -> bytes:
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(width)
    return node_hash(_subtree(start, middle, read), _subtree(middle, end, read))
