"""Tiles: the names and widths of C2SP tlog-tiles, and proofs out of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.tlog import merkle, tiles
from interlock.formats.tlog.tiles import Tile


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999), "tile/1/999"),
        (Tile(0, 1234), "tile/0/x001/234"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(2, 0, 1), "tile/2/000.p/1"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    assert tile.path == path


def test_the_widths_of_the_specifications_example() -> None:
    size = 70_000
    assert [tiles.width(0, index, size) for index in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [tiles.width(1, index, size) for index in (0, 1, 2)] == [256, 17, 0]
    assert tiles.width(2, 0, size) == 1
    assert [tiles.width(0, 0, 256), tiles.width(1, 0, 256)] == [256, 1]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70_000), st.data())
def test_tiles_hold_all_that_a_proof_needs(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = [number.to_bytes(32, "big") for number in range(size)]
    levels = [leaves]
    while len(levels[-1]) >= tiles.WIDTH:
        below = levels[-1]
        full = range(0, len(below) - len(below) % tiles.WIDTH, tiles.WIDTH)
        levels.append([merkle.fold(b"".join(below[at : at + tiles.WIDTH])) for at in full])
    named = {(tile.level, tile.index): tile.width for tile in tiles.needed(index, size)}

    def stored(level: int, place: int) -> bytes:
        width = named[level, place]
        return b"".join(levels[level][place * tiles.WIDTH : place * tiles.WIDTH + width])

    path = merkle.inclusion(index, size, tiles.reader(stored))
    root = merkle.root(
        size, tiles.reader(lambda level, place: b"".join(levels[level][place * 256 : place * 256 + 256]))
    )
    assert merkle.includes(leaves[index], index, size, path, root)


def test_a_tile_that_lacks_hashes_is_named() -> None:
    with pytest.raises(InputError) as error:
        tiles.reader(lambda _level, _index: bytes(32))(0, 1)
    assert (error.value.code, str(error.value.where)) == ("tile-short", "tile/0/000")
