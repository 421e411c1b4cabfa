"""That an entry is in the ledger is proven by a few hashes and a signed checkpoint."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import IntegrityError, NotFoundError
from interlock.formats.sigstore import PrivateKey
from interlock.formats.tlog import merkle, note, tiles
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import proofs
from interlock.platform.books.times import moment
from interlock.platform.domain.ids import Digest

from .books_world.ledgers import Open, fill, grown

SIZE = 300


@pytest.fixture
def tile_folder(path: Path) -> Path:
    return path.with_name(path.name + ".tiles")


def test_every_entry_is_proven(opened: Open, attest_key: AttestKey) -> None:
    ledger = opened()
    written = []
    for number in range(20):
        written += fill(ledger, [number])
        for entry in written:
            inclusion = opened(read=True).prove(entry.id)
            assert inclusion.entry == entry
            assert (inclusion.sequence, inclusion.size) == (entry.sequence, len(written))
            assert proofs.verify(inclusion, attest_key.public)


def test_a_proof_proves_nothing_else(opened: Open, attest_key: AttestKey) -> None:
    written = fill(opened(), range(6))
    good = opened(read=True).prove(written[2].id)
    other = opened(read=True).prove(written[3].id)
    older = replace(good, checkpoint=b"", size=5)
    entry = replace(good.entry, body={"changed": True})
    stranger = PrivateKey(ec.generate_private_key(ec.SECP256R1())).public
    assert proofs.verify(good, attest_key.public)
    assert not proofs.verify(good, stranger)
    assert not proofs.verify(good, attest_key.public, origin="example.com/other")
    for wrong in (
        older,
        replace(good, entry=entry),
        replace(good, entry=other.entry),
        replace(good, entry=replace(good.entry, signature=other.entry.signature)),
        replace(good, sequence=4),
        replace(good, path=other.path),
        replace(good, path=good.path[:-1]),
        replace(good, root=bytes(32)),
        replace(good, checkpoint=good.checkpoint.replace(b"\n6\n", b"\n7\n")),
    ):
        assert not proofs.verify(wrong, attest_key.public)


def test_what_is_not_there_is_not_proven(opened: Open, path: Path) -> None:
    written = fill(opened(), range(6))
    with pytest.raises(NotFoundError) as missing:
        opened().prove(Digest("sha256:" + "0" * 64))
    assert missing.value.code == "ledger-entry-missing"
    path.write_bytes(path.read_bytes().replace(b'"key":"act/3"', b'"key":"act/x"'))
    with pytest.raises(IntegrityError):
        opened().prove(written[3].id)


def test_the_checkpoint_is_a_signed_note(opened: Open, path: Path, attest_key: AttestKey) -> None:
    fill(opened(), range(6))
    data = path.with_name(path.name + ".checkpoint").read_bytes()
    verifier = note.Ecdsa("interlock.dev/ledger", attest_key.public)
    origin, size, root = note.verified(data, [verifier]).splitlines()
    leaves = [merkle.leaf_hash(line) for line in path.read_bytes().splitlines()]
    assert (origin, size) == ("interlock.dev/ledger", "6")
    assert merkle.root(6, merkle.over(leaves)) == opened().checkpoint().root  # type: ignore[union-attr]
    assert root


def test_tiles_are_those_of_the_specification(opened: Open, path: Path, tile_folder: Path) -> None:
    grown(opened, SIZE, step=150)
    leaves = [merkle.leaf_hash(line) for line in path.read_bytes().splitlines()]
    assert (tile_folder / "tile/0/000").read_bytes() == b"".join(leaves[:256])
    assert (tile_folder / "tile/0/001").read_bytes() == b"".join(leaves[256:])
    assert (tile_folder / "tile/1/000").read_bytes() == merkle.fold(b"".join(leaves[:256]))
    needed = {tile.path.partition(".p/")[0] for index in range(SIZE) for tile in tiles.needed(index, SIZE)}
    assert {str(item.relative_to(tile_folder)) for item in tile_folder.rglob("*") if item.is_file()} == needed


@pytest.mark.parametrize("damage", ["delete", "shorten", "zeros", "longer", "all"])
def test_a_missing_or_wrong_tile_changes_no_answer(
    opened: Open, attest_key: AttestKey, tile_folder: Path, damage: str
) -> None:
    written = grown(opened, SIZE, step=150)
    good = {item: item.read_bytes() for item in tile_folder.rglob("*") if item.is_file()}
    for tile, data in good.items():
        if damage == "delete":
            tile.unlink()
        elif damage == "all":
            shutil.rmtree(tile_folder)
        else:
            tile.write_bytes({"shorten": data[:-32], "zeros": bytes(len(data)), "longer": data + b"\1" * 32}[damage])
        report = opened(read=True).verify()
        if damage == "zeros":
            assert report.fault is not None and report.fault.reason == "ledger-tile-altered"
            assert str(tile.relative_to(tile_folder)) in report.fault.detail
        else:
            assert report.whole
        for reader in (opened(read=True), opened()):
            for entry in (written[0], written[255], written[256], written[-1]):
                assert proofs.verify(reader.prove(entry.id), attest_key.public)
            assert list(reader.entries()) == written
        # Whoever holds the private key makes it again.
        writer = opened()
        writer.prove(written[0].id)
        writer.prove(written[-1].id)
        fill(writer, [0])
        writer.close()
        for item, before in good.items():
            assert item.read_bytes()[: len(before)] == before
            item.write_bytes(before)


def test_an_altered_line_with_a_tile_to_fit_it_is_left_out(opened: Open, path: Path, tile_folder: Path) -> None:
    written = grown(opened, SIZE, step=150)
    lines = path.read_bytes().splitlines()
    lines[7] = lines[7].replace(b'"key":"act/7"', b'"key":"act/x"')
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    tile = tile_folder / "tile/0/000"
    data = tile.read_bytes()
    tile.write_bytes(data[: 7 * 32] + merkle.leaf_hash(lines[7]) + data[8 * 32 :])
    for reader in (opened(read=True), opened()):
        assert list(reader.entries()) == [*written[:7], *written[8:]]
        assert list(reader.entries(since=moment(written[3].time))) == [*written[3:7], *written[8:]]
