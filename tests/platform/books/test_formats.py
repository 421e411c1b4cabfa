"""Entries of release 0.1 stay readable, those of this release say more, and those of later ones are in nobody's way."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from interlock.errors import ConflictError, IntegrityError, UnsupportedError
from interlock.formats.tlog import checkpoint, merkle, note
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import Ledger, proofs, search
from interlock.platform.books.ledger.entries import GENESIS, Stamp
from interlock.platform.books.times import moment
from interlock.platform.domain.ids import Digest

from .books_world.ledgers import Open, fill

FORMAT_1 = Path(__file__).parent / "format1"
RULES = Digest("sha256:" + "7" * 64)


@pytest.fixture
def old(path: Path) -> Path:
    """A ledger of release 0.1."""
    shutil.copytree(FORMAT_1, path.parent)
    return path


def test_a_ledger_of_release_0_1_is_read(old: Path, opened: Open) -> None:
    ledger = opened(read=True)
    assert ledger.verify().whole
    found = list(ledger.entries())
    assert [(entry.sequence, entry.key, entry.kind) for entry in found] == [
        (1, "act/1", "merged"),
        (2, "act/2", "sealed"),
        (3, "act/3", "merged"),
        (4, "act/4", "sealed"),
    ]
    for entry in found:
        assert (entry.format, entry.version, entry.epoch, entry.before, entry.interlock, entry.rules) == (
            1,
            1,
            0,
            None,
            "",
            None,
        )
        assert ledger.get(entry.id) == ledger.by_key(entry.key) == entry
    assert list(ledger.of_subject("prod/payments")) == found[2::-1]
    assert list(ledger.about("CHG0030001")) == found[::-1]
    assert ledger.epoch() == 0
    assert list(ledger.entries(since=moment("2026-05-04T12:00:02Z"))) == found[2:]


def test_its_checkpoint_still_counts(old: Path, opened: Open) -> None:
    lines = old.read_bytes().splitlines(keepends=True)
    old.write_bytes(b"".join(lines[:3]))
    fault = opened(read=True).verify().fault
    assert fault is not None and (fault.sequence, fault.reason) == (4, "ledger-truncated")
    with pytest.raises(IntegrityError) as error:
        fill(opened(), [9])
    assert error.value.code == "ledger-truncated"
    checkpoint_path = old.with_name(old.name + ".checkpoint")
    signed = json.loads(checkpoint_path.read_bytes())
    checkpoint_path.write_text(json.dumps({**signed, "size": 3}))
    with pytest.raises(IntegrityError) as error:
        fill(opened(), [9])
    assert error.value.code == "checkpoint-forged"


def test_every_byte_of_it_counts(old: Path, opened: Open) -> None:
    original = old.read_bytes()
    for index in range(0, len(original), 7):
        old.write_bytes(original[:index] + bytes([original[index] ^ 1]) + original[index + 1 :])
        assert not opened(read=True).verify().whole, index


def test_the_first_append_goes_on_from_it(old: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_NEAR", 1)
    before = list(opened(read=True).entries())
    ledger = opened(epoch=3)
    entry = ledger.append("synced", "prod/payments", key="new", body={"revision": "d" * 40}, version=2)
    assert (entry.sequence, entry.previous, entry.before) == (5, before[3].id, before[2].id)
    assert ledger.append("merged", "prod/payments", key="act/1", body={}) == before[0]
    report = ledger.verify()
    assert (report.size, report.fault) == (5, None)
    signed = ledger.checkpoint()
    assert signed is not None and signed.size == 5 and signed.root is not None
    ledger.close()
    for reader in (opened(read=True), opened()):
        assert list(reader.entries()) == [*before, entry]
        assert list(reader.of_subject("prod/payments")) == [entry, *before[2::-1]]
        assert list(reader.entries(since=moment(before[2].time))) == [before[2], before[3], entry]


def test_what_is_altered_is_not_signed_anew(old: Path, opened: Open) -> None:
    """Release 0.1 looked at signatures in `verify` alone: before its entries are leaves of a tree, each is verified."""
    lines = old.read_bytes().splitlines(keepends=True)
    value = json.loads(lines[1])
    value["signature"] = base64.b64encode(b"no signature").decode()
    lines[1] = json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    old.write_bytes(b"".join(lines))
    with pytest.raises(IntegrityError) as error:
        fill(opened(), [9])
    assert error.value.code == "ledger-entry-altered"
    assert [entry.sequence for entry in opened().entries()] == [1, 3, 4]


def test_an_entry_says_who_wrote_it_and_what_came_before(
    path: Path, attest_key: AttestKey, now: Callable[[], datetime]
) -> None:
    stamps = iter([Stamp("0.2.0", RULES, 4), Stamp("0.2.0", RULES, 4), Stamp("0.3.0", None, 7)])
    ledger = Ledger(path, attest_key, now=now, stamp=lambda: next(stamps))
    first = ledger.append("merged", "prod/payments", key="1", body={"a": 1}, version=3)
    other = ledger.append("merged", "prod/quotes", key="2", body={})
    third = ledger.append("sealed", "prod/payments", key="3", body={})
    assert (first.format, first.version, first.interlock, first.rules, first.epoch) == (2, 3, "0.2.0", RULES, 4)
    assert (first.previous, first.before) == (GENESIS, None)
    assert (other.previous, other.before) == (first.id, None)
    assert (third.previous, third.before) == (other.id, first.id)
    assert (third.interlock, third.rules, third.epoch) == ("0.3.0", None, 7)
    assert ledger.epoch() == 7
    value = json.loads(path.read_bytes().splitlines()[0])
    assert {name: value[name] for name in ("format", "version", "interlock", "rules", "epoch", "before")} == {
        "format": 2,
        "version": 3,
        "interlock": "0.2.0",
        "rules": RULES,
        "epoch": 4,
        "before": None,
    }


def test_whoever_lost_the_lease_writes_no_more(opened: Open) -> None:
    leader, successor = opened(epoch=1), opened(epoch=2)
    fill(leader, [1])
    fill(successor, [2])
    with pytest.raises(ConflictError) as error:
        fill(leader, [3])
    assert error.value.code == "ledger-epoch"
    fill(successor, [3])
    assert [entry.epoch for entry in opened(read=True).entries()] == [1, 2, 2]


def test_times_never_fall(path: Path, attest_key: AttestKey) -> None:
    times = iter(moment(f"2026-05-04T12:00:{second:02}Z") for second in (5, 3, 4, 9))
    ledger = Ledger(path, attest_key, now=lambda: next(times))
    written = [ledger.append("x", "s", key=str(number), body={}) for number in range(4)]
    assert [moment(entry.time).second for entry in written] == [5, 5, 5, 9]


def sign(path: Path, key: AttestKey) -> None:
    """A checkpoint over the lines as they are."""
    leaves = [merkle.leaf_hash(line) for line in path.read_bytes().splitlines()]
    text = checkpoint.Checkpoint(
        "interlock.dev/ledger", len(leaves), merkle.root(len(leaves), merkle.over(leaves))
    ).text()
    verifier = note.Ecdsa("interlock.dev/ledger", key.public)
    signature = note.Signature(verifier.name, verifier.key_id, key.sign(text.encode()))
    path.with_name(path.name + ".checkpoint").write_bytes(note.encode(text, [signature]))


def test_a_signed_root_makes_no_wrong_hash_right(opened: Open, path: Path, attest_key: AttestKey) -> None:
    written = fill(opened(), range(3))
    path.write_bytes(path.read_bytes().replace(b'"key":"act/1"', b'"key":"act/x"'))
    sign(path, attest_key)
    fault = opened().verify().fault
    assert fault is not None and (fault.sequence, fault.reason) == (2, "ledger-entry-altered")
    assert not proofs.verify(opened().prove(written[1].id), attest_key.public)


def test_a_note_about_something_else_is_no_checkpoint(opened: Open, path: Path, index: Path) -> None:
    ledger = opened()
    fill(ledger, range(3))
    ledger.close()
    with closing(sqlite3.connect(index)) as connection:
        (head,) = connection.execute("SELECT note FROM head").fetchone()
    path.with_name(path.name + ".checkpoint").write_bytes(head)
    with pytest.raises(IntegrityError) as error:
        opened().checkpoint()
    assert error.value.code == "checkpoint-forged"


def later(path: Path, key: AttestKey, covered: bool) -> str:
    """A later release writes an entry of its own format; its id."""
    lines = path.read_bytes().splitlines()
    last = json.loads(lines[-1])
    content = {"format": 3, "sequence": last["sequence"] + 1, "previous": last["hash"], "unheard": ["of"]}
    name = "sha256:" + hashlib.sha256(json.dumps(content).encode()).hexdigest()
    lines.append(json.dumps({**content, "hash": name}, sort_keys=True, separators=(",", ":")).encode())
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    if covered:
        sign(path, key)
    return name


@pytest.mark.parametrize("covered", [True, False], ids=["covered", "past the checkpoint"])
@pytest.mark.parametrize("indexed", [True, False], ids=["with index", "without"])
def test_an_entry_of_a_later_release(
    opened: Open, path: Path, attest_key: AttestKey, covered: bool, indexed: bool
) -> None:
    ledger = opened()
    written = fill(ledger, range(5))
    if indexed:
        ledger.close()
    name = later(path, attest_key, covered)
    for reader in (opened(read=True), opened()):
        assert list(reader.entries()) == written
        assert all(reader.get(entry.id) == reader.by_key(entry.key) == entry for entry in written)
        assert reader.by_key("act/none") is None
        fault = reader.verify().fault
        assert fault is not None and (fault.sequence, fault.reason) == (6, "ledger-format-unknown")
    bytes_before = path.read_bytes()
    with pytest.raises(UnsupportedError) as error:
        fill(opened(), [9])
    assert error.value.code == "ledger-format-unknown"
    assert path.read_bytes() == bytes_before
    opened().close()
    if covered:
        with pytest.raises(UnsupportedError) as error:
            opened(read=True).get(Digest(name))
        assert error.value.code == "ledger-format-unknown"


def test_what_json_can_say_and_an_entry_cannot(opened: Open, path: Path) -> None:
    """None of these lines is anybody's entry, and none of them is more than that."""
    ledger = opened()
    written = fill(ledger, range(3))
    good = json.loads(path.read_bytes().splitlines()[-1])
    odd: list[bytes] = [
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b"[" * 20_000,
        b'{"sequence":' + b"9" * 5000 + b"}",
        *(json.dumps({**good, "sequence": 4, name: value}).encode() for name, value in [
            ("sequence", 4.0),
            ("sequence", True),
            ("sequence", float("inf")),
            ("format", "2"),
            ("format", None),
            ("body", None),
            ("body", {"merge": ["list"]}),
            ("body", {"merge": "\ud800"}),
            ("subject", "\ud800"),
            ("key", 4),
            ("evidence", {"reviews": 7}),
            ("before", 7),
            ("hash", None),
            ("signature", "?"),
        ]),
    ]  # fmt: skip
    whole = path.read_bytes()
    for line in odd:
        for text in (whole + line + b"\n", whole + line + b"\n" + line + b"\n"):
            path.write_bytes(text)
            for reader in (opened(read=True), opened()):
                assert list(reader.entries()) == written, line
                assert reader.by_key("act/2") == written[2]
                fault = reader.verify().fault
                assert fault is not None and fault.reason == "ledger-entry-altered"
        path.write_bytes(whole + line + b"\n")
        assert fill(opened(), [2]) == written[2:]
        assert path.read_bytes() == whole
