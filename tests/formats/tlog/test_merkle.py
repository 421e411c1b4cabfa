"""The tree of RFC 6962: known roots, and every proof against the definition."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.formats.tlog import merkle

# The entries and roots that Certificate Transparency's own implementation is tested with (merkletree/testonly).
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]

sizes = st.integers(min_value=1, max_value=300)


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(count)]


def definition(items: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it stands there."""
    if not items:
        return sha256(b"").digest()
    if len(items) == 1:
        return items[0]
    split = max(1 << bit for bit in range(len(items).bit_length()) if 1 << bit < len(items))
    return merkle.node_hash(definition(items[:split]), definition(items[split:]))


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert merkle.root(size, merkle.over(LEAVES)).hex() == ROOTS[size]


def test_a_known_path() -> None:
    assert [item.hex() for item in merkle.inclusion(0, 8, merkle.over(LEAVES))] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_a_known_proof_of_consistency() -> None:
    assert [item.hex() for item in merkle.consistency(6, 8, merkle.over(LEAVES))] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(deadline=None)
@given(sizes)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    items, edge = leaves(size), merkle.Edge()
    for item in items:
        edge.append(item)
    expected = definition(items)
    assert merkle.root(size, merkle.over(items)) == edge.root() == expected
    assert merkle.Edge(size, merkle.over(items)).root() == expected


@settings(deadline=None)
@given(sizes, st.data())
def test_every_leaf_is_proven_and_nothing_else(size: int, data: st.DataObject) -> None:
    items = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    root, path = definition(items), merkle.inclusion(index, size, merkle.over(items))
    assert merkle.includes(items[index], index, size, path, root)
    assert not merkle.includes(merkle.leaf_hash(b"other"), index, size, path, root)
    assert not merkle.includes(items[index], index, size, [*path, root], root)
    assert not merkle.includes(items[index], size, size, path, root)
    for place in range(len(path)):
        assert not merkle.includes(items[index], index, size, path[:place] + path[place + 1 :], root)
        assert not merkle.includes(items[index], index, size, [*path[:place], root, *path[place + 1 :]], root)


@settings(deadline=None)
@given(sizes, st.data())
def test_a_tree_continues_its_beginnings_alone(new: int, data: st.DataObject) -> None:
    items = leaves(new)
    old = data.draw(st.integers(0, new))
    old_root, new_root = definition(items[:old]), definition(items)
    proof = merkle.consistency(old, new, merkle.over(items))
    assert merkle.continues(old, new, old_root, new_root, proof)
    assert not merkle.continues(old, new, merkle.leaf_hash(b"other"), new_root, proof)
    if old:
        assert not merkle.continues(old, new, old_root, merkle.leaf_hash(b"other"), proof)
        assert not merkle.continues(new, old, new_root, old_root, proof) or new == old
    for place in range(len(proof)):
        assert not merkle.continues(old, new, old_root, new_root, proof[:place] + proof[place + 1 :])


@settings(deadline=None)
@given(sizes)
def test_an_edge_names_the_subtrees_that_a_leaf_ends(size: int) -> None:
    items, edge = leaves(size), merkle.Edge()
    for number, item in enumerate(items, 1):
        for level, found in enumerate(edge.append(item)):
            assert number % (1 << level) == 0
            assert found == definition(items[number - (1 << level) : number])
