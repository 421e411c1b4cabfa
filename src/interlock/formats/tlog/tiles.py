"""The tree's hashes in tiles (c2sp.org/tlog-tiles): 256 neighbouring hashes of every eighth level of the tree.

Tile ``n`` of tile level ``l`` holds the hashes of the full subtrees of level ``8 * l`` with the indexes ``256 * n`` up
to ``256 * n + 255``; the levels between are made from them. The last tile of a level may be partial: its name then ends
in its width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interlock.errors import InputError
from interlock.formats.tlog import merkle

HEIGHT = 8
WIDTH = 256
HASH = 32
"""Bytes of one hash."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """``level`` and ``index`` of a tile, and how many hashes of it a tree has."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """``tile/0/x001/x234/067``, ``tile/1/000.p/17``."""
        digits = f"{self.index:03}"
        digits = digits.zfill((len(digits) + 2) // 3 * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        return f"tile/{self.level}/{place}" + ("" if self.width == WIDTH else f".p/{self.width}")


def width(level: int, index: int, size: int) -> int:
    """How many hashes tile ``index`` of ``level`` has in a tree of ``size`` leaves."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def reader(tile: Callable[[int, int], bytes]) -> merkle.Read:
    """Hashes of full subtrees out of ``tile(level, index)``. Raises InputError ``tile-short``."""

    def read(level: int, index: int) -> bytes:
        first = index << level % HEIGHT
        number = 1 << level % HEIGHT
        data = tile(level // HEIGHT, first // WIDTH)[first % WIDTH * HASH : (first % WIDTH + number) * HASH]
        if len(data) != number * HASH:
            raise InputError("tile-short", "a tile lacks hashes", where=Tile(level // HEIGHT, first // WIDTH).path)
        return merkle.fold(data)

    return read


def needed(index: int, size: int) -> list[Tile]:
    """The tiles from which leaf ``index`` is proven in the tree of ``size`` leaves, in the order of their names."""
    found: set[Tile] = set()

    def note(level: int, place: int) -> bytes:
        tile = (place << level % HEIGHT) // WIDTH
        found.add(Tile(level // HEIGHT, tile, width(level // HEIGHT, tile, size)))
        return b""

    merkle.inclusion(index, size, note)
    return sorted(found)
