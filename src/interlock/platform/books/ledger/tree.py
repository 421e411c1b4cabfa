"""The Merkle tree over the ledger's lines, in tiles.

``<ledger>.tiles/tile/<L>/<N>`` holds the hashes as C2SP tlog-tiles has them; a tile that still grows has its full name
already (a server answers ``.p/<W>`` with its first W hashes). There are no entry bundles: their entries end at 65,535
bytes, and ours do not. Everything here is derived from the ledger, is not synced, and is made again when it is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from interlock.errors import InputError
from interlock.formats.tlog import merkle, tiles
from interlock.formats.tlog.tiles import HASH, HEIGHT, WIDTH, Tile
from interlock.platform.books.ledger.journal import write
from interlock.platform.books.ledger.runs import DoubtError

_KEPT = 1 << 16


class Tree:
    """A tree that grows. What was not saved is kept in memory."""

    def __init__(self, folder: Path, size: int = 0) -> None:
        """The tree of the first ``size`` leaves, from the tiles in ``folder``. Raises DoubtError when one is missing:
        whether they are right is seen by the root."""
        self._folder = folder
        self._held: dict[tuple[int, int], bytearray] = {}
        self._unsaved: dict[tuple[int, int], int] = {}
        self._proofs: dict[tuple[int, int], bytes] = {}
        """Tiles above the lowest that were proven."""
        self._subtrees: dict[tuple[int, int], bytes] = {}
        """Roots of full subtrees, which never change."""
        for level in range((size.bit_length() + HEIGHT - 1) // HEIGHT):
            # Tiles that are not full have no parent that could tell whether they are right: they are read once.
            index = (size >> HEIGHT * level) // WIDTH
            if width := tiles.width(level, index, size):
                self._held[level, index] = bytearray(self._stored(level, index)[: width * HASH])
        try:
            self._edge = merkle.Edge(size, tiles.reader(self.tile))
        except InputError as error:
            raise DoubtError from error

    @property
    def size(self) -> int:
        return self._edge.size

    @property
    def root(self) -> bytes:
        return self._edge.root()

    def add(self, leaf: bytes) -> None:
        for level, found in enumerate(self._edge.append(leaf)[::HEIGHT]):
            index, position = divmod((self.size - 1) >> HEIGHT * level, WIDTH)
            self._held.setdefault((level, index), bytearray()).extend(found)
            self._unsaved.setdefault((level, index), position)

    def save(self) -> None:
        """Write what is new to the folder. Raises OSError; then it is still new."""
        for (level, index), position in list(self._unsaved.items()):
            data = self._held[level, index]
            path = _path(self._folder, level, index)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
            except FileNotFoundError:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.lseek(handle, position * HASH, os.SEEK_SET)
                write(handle, data[position * HASH :])
            finally:
                os.close(handle)
            del self._unsaved[level, index]
            if len(data) == WIDTH * HASH:
                del self._held[level, index]

    def tile(self, level: int, index: int) -> bytes:
        """Its hashes as they are held or stored."""
        held = self._held.get((level, index))
        return self._stored(level, index) if held is None else bytes(held)

    def leaves(self, index: int) -> bytes:
        """The hashes of tile ``index`` of the lowest level, proven to be the tree's. Raises DoubtError."""
        return self._proven(0, index)

    def path(self, index: int, size: int) -> list[bytes]:
        """The audit path of leaf ``index`` in the tree of ``size`` leaves, as the tiles have it: whether that is right
        is seen by the root. Raises DoubtError."""
        read = tiles.reader(lru_cache(self.tile))

        def kept(level: int, index: int) -> bytes:
            found = self._subtrees.get((level, index))
            if found is None:
                if len(self._subtrees) >= _KEPT:
                    self._subtrees.clear()
                found = self._subtrees[level, index] = read(level, index)
            return found

        try:
            return merkle.inclusion(index, size, kept)
        except InputError as error:
            raise DoubtError from error

    def differing(self) -> Iterator[str]:
        """Names of tiles in the folder that hold something else; those that are missing or short do not count."""
        for (level, index), data in self._held.items():
            stored = self._stored(level, index)[: len(data)]
            if not data.startswith(stored):
                yield Tile(level, index).path

    def _proven(self, level: int, index: int) -> bytes:
        held = self._held.get((level, index), self._proofs.get((level, index)))
        if held is not None:
            return bytes(held)
        if not tiles.width(level, index, self.size):
            raise DoubtError
        data = self._stored(level, index)
        above, position = divmod(index, WIDTH)
        expected = self._proven(level + 1, above)[position * HASH : (position + 1) * HASH]
        if len(data) != WIDTH * HASH or merkle.fold(data) != expected:
            raise DoubtError
        if level:
            self._proofs[level, index] = data
        return data

    def _stored(self, level: int, index: int) -> bytes:
        with suppress(FileNotFoundError):
            return Path(_path(self._folder, level, index)).read_bytes()
        return b""


@lru_cache(maxsize=64)
def _path(folder: Path, level: int, index: int) -> str:
    return str(folder / Tile(level, index).path)
