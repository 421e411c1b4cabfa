"""The index makes lookups fast, and is believed in nothing that cannot be checked."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from interlock.errors import IntegrityError, NotFoundError
from interlock.platform.books.ledger import Ledger, runs, view
from interlock.platform.books.ledger import index as books_index
from interlock.platform.books.ledger.entries import Entry
from interlock.platform.books.times import moment
from interlock.platform.domain.ids import Digest

from .books_world.ledgers import Open, fill, grown

SIZE = 40


def assert_finds_everything(ledger: Ledger, written: list[Entry]) -> None:
    for entry in written:
        assert ledger.get(entry.id) == entry
        assert ledger.by_key(entry.key) == entry
        assert list(ledger.about(str(entry.body["merge"]))) == [entry]
        assert list(ledger.about(entry.evidence["reviews"])) == [entry]
    newest = written[::-1]
    for subject in {entry.subject for entry in written}:
        own = [entry for entry in newest if entry.subject == subject]
        assert list(ledger.of_subject(subject)) == own
        assert list(ledger.about(subject)) == own
        assert list(ledger.of_subject(subject, kind="sealed")) == [entry for entry in own if entry.kind == "sealed"]
    prod = [entry for entry in newest if entry.subject.startswith("prod/")]
    assert list(ledger.about("prod")) == prod
    assert list(ledger.about("prod", kind="merged")) == [entry for entry in prod if entry.kind == "merged"]
    assert list(ledger.entries()) == written


def assert_finds_nothing_else(ledger: Ledger) -> None:
    assert ledger.by_key("act/none") is None
    assert list(ledger.about("prod/none")) == list(ledger.about("f" * 40)) == list(ledger.about("")) == []
    # Neither a part of a subject is one, nor a key something that an entry is about.
    assert list(ledger.of_subject("prod")) == list(ledger.about("act/1")) == []
    assert ledger.by_key("prod/service-1") is None
    with pytest.raises(NotFoundError) as error:
        ledger.get(Digest("sha256:" + "0" * 64))
    assert error.value.code == "ledger-entry-missing"


@pytest.fixture(params=[True, False], ids=["public key", "private key"])
def asked(request: pytest.FixtureRequest, opened: Open) -> Callable[[], Ledger]:
    return lambda: opened(read=request.param)


def change(index: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.parametrize("size", [1, 2, 3, 7, SIZE])
def test_lookups(opened: Open, asked: Callable[[], Ledger], index: Path, size: int) -> None:
    written = grown(opened, size)
    assert index.is_file()
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())


def test_lookups_without_an_index(opened: Open, asked: Callable[[], Ledger], index: Path) -> None:
    written = grown(opened, SIZE)
    index.unlink()
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())


def test_lookups_while_entries_come(opened: Open, asked: Callable[[], Ledger]) -> None:
    reader, writer = asked(), opened()
    written = []
    for number in range(12):
        written += fill(writer, [number])
        if number % 5 == 4:
            writer.close()
        assert_finds_everything(reader, written)
        assert_finds_nothing_else(reader)


def test_entries_newer_than_the_index_are_found(opened: Open, asked: Callable[[], Ledger], index: Path) -> None:
    written = grown(opened, 20)
    older = index.read_bytes()
    written += fill(opened(), range(20, 30))
    index.write_bytes(older)
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())


def pages(index: Path) -> list[int]:
    with closing(sqlite3.connect(index)) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM page ORDER BY number")]


@pytest.mark.parametrize("damage", ["delete", "change", "swap", "null", "text", "empty"])
def test_no_row_is_believed(opened: Open, asked: Callable[[], Ledger], index: Path, damage: str) -> None:
    written = grown(opened, SIZE)
    whole = index.read_bytes()
    numbers = pages(index)
    assert len(numbers) > 2
    for number in numbers:
        index.write_bytes(whole)
        if damage == "delete":
            change(index, "DELETE FROM page WHERE number = ?", number)
        elif damage == "change":
            change(index, "UPDATE page SET data = zeroblob(length(data)) WHERE number = ?", number)
        elif damage == "swap":
            other = numbers[0] if number != numbers[0] else numbers[1]
            change(
                index, "UPDATE page SET data = (SELECT data FROM page WHERE number = ?) WHERE number = ?", other, number
            )
        elif damage == "text":
            change(index, "UPDATE page SET data = 'text' WHERE number = ?", number)
        else:
            change(index, "UPDATE page SET data = x'' WHERE number = ?", number)
        assert_finds_everything(asked(), written)
        assert_finds_nothing_else(asked())


def head(index: Path) -> bytes:
    with closing(sqlite3.connect(index)) as connection:
        return bytes(connection.execute("SELECT note FROM head").fetchone()[0])


def test_an_index_that_says_less_is_not_signed(opened: Open, asked: Callable[[], Ledger], index: Path) -> None:
    """It is whole in itself, but lacks the run with what somebody wants hidden."""
    written = grown(opened, SIZE)
    lines = head(index).split(b"\n")
    first_run = 5
    assert len(lines) > first_run + 4, "there are several runs"
    change(index, "UPDATE head SET note = ?", b"\n".join(lines[:first_run] + lines[first_run + 1 :]))
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())


@pytest.mark.parametrize("damage", ["no rows", "no table", "no database", "not a file", "empty file", "other type"])
def test_a_broken_file_is_made_again(opened: Open, asked: Callable[[], Ledger], index: Path, damage: str) -> None:
    written = grown(opened, SIZE)
    if damage == "no rows":
        change(index, "DELETE FROM head")
    elif damage == "no table":
        change(index, "DROP TABLE page")
    elif damage == "no database":
        index.write_bytes(b"no database" * 1000)
    elif damage == "empty file":
        index.write_bytes(b"")
    elif damage == "other type":
        change(index, "UPDATE head SET note = 7")
    else:
        index.unlink()
        index.mkdir()
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())
    if damage != "not a file":
        writer = opened()
        assert_finds_everything(writer, written)
        writer.close()
        with closing(sqlite3.connect(index)) as connection:
            assert connection.execute("SELECT count(*) FROM page").fetchone()[0] > 0


def test_an_index_of_another_ledger_answers_nothing(
    opened: Open, asked: Callable[[], Ledger], path: Path, index: Path, tmp_path: Path
) -> None:
    grown(opened, SIZE)
    other = tmp_path / "other.sqlite"
    shutil.move(index, other)
    for item in path.parent.iterdir():
        shutil.rmtree(item) if item.is_dir() else item.unlink()
    ledger = opened()
    written = fill(ledger, range(100, 100 + SIZE))
    shutil.move(other, index)
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())
    ledger.close()
    assert_finds_everything(asked(), written)


def test_an_index_that_is_ahead_of_the_ledger_answers_nothing(
    opened: Open, asked: Callable[[], Ledger], path: Path
) -> None:
    checkpoint = path.with_name(path.name + ".checkpoint")
    written = grown(opened, 20)
    restored = path.read_bytes(), checkpoint.read_bytes()
    grown(opened, SIZE)
    path.write_bytes(restored[0])
    checkpoint.write_bytes(restored[1])
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())


def test_an_altered_line_is_left_out_and_disturbs_no_other(
    opened: Open, asked: Callable[[], Ledger], path: Path
) -> None:
    """A line of the ledger is altered: lookups of others need not read it, and it is left out where it belongs."""
    written = grown(opened, SIZE)
    altered = path.read_bytes().replace(b'"key":"act/7"', b'"key":"act/x"')
    path.write_bytes(altered)
    ledger = asked()
    assert ledger.by_key("act/8") == written[8]
    assert ledger.by_key("act/x") is None
    with pytest.raises(IntegrityError) as error:
        ledger.get(written[7].id)
    assert error.value.code == "ledger-entry-altered"
    left = [entry for entry in written if entry is not written[7]]
    assert list(asked().entries()) == left
    assert list(asked().of_subject(written[7].subject)) == [e for e in left[::-1] if e.subject == written[7].subject]


@pytest.mark.parametrize("number", [0, 7, SIZE - 1])
def test_a_line_that_is_there_twice_is_found_once(
    opened: Open, asked: Callable[[], Ledger], path: Path, number: int
) -> None:
    written = grown(opened, SIZE)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[: number + 1], *lines[number:]]))
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())
    assert not asked().verify().whole


def test_a_line_in_the_place_of_another_is_found_once(opened: Open, asked: Callable[[], Ledger], path: Path) -> None:
    written = grown(opened, SIZE)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines[20]) == len(lines[21])
    path.write_bytes(b"".join([*lines[:21], lines[20], *lines[22:]]))
    ledger = asked()
    assert ledger.by_key("act/30") == written[30]
    assert list(ledger.entries()) == [entry for entry in written if entry is not written[21]]
    assert ledger.by_key("act/21") is None


def test_a_lookup_goes_on_while_the_index_is_written(opened: Open, asked: Callable[[], Ledger]) -> None:
    written = grown(opened, SIZE)
    found = asked().about("prod")
    expected = [entry for entry in written[::-1] if entry.subject.startswith("prod/")]
    assert [next(found) for _ in range(3)] == expected[:3]
    writer = opened()
    fill(writer, range(SIZE, 2 * SIZE))
    writer.close()
    assert list(found) == expected[3:]


def test_times_are_searched(opened: Open, asked: Callable[[], Ledger]) -> None:
    ledger = opened()
    written = [
        ledger.append("merged", "prod/payments", key=str(number), body={"filler": "x" * 3000}) for number in range(80)
    ]
    ledger.close()
    for number in (0, 1, 31, 62, 79):
        assert list(asked().entries(since=moment(written[number].time))) == written[number:]
    assert list(asked().entries(since=moment("2026-05-04T11:00:00Z"))) == written
    assert list(asked().entries(since=moment("2026-05-05T12:00:00Z"))) == []


def test_terms_that_share_a_key_are_told_apart(
    opened: Open, asked: Callable[[], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are short: here all of a name-space are the same."""
    monkeypatch.setattr(runs, "key", lambda term: term[:1].encode() * runs.KEY)
    written = grown(opened, 12)
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())


@pytest.mark.parametrize("indexed", [True, False], ids=["with index", "without"])
def test_a_ledger_that_is_large_for_its_limits(
    opened: Open, asked: Callable[[], Ledger], index: Path, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    """Read in pieces, indexed as it grows, in runs of many pages that are merged in parts."""
    for module, name, value in (
        (view, "BATCH", 4),
        (view, "BULK", 8),
        (view, "_CHUNK", 900),
        (books_index, "_LARGE", 16),
        (books_index, "_CACHED", 5),
        (runs, "_RECORDS", 3),
        (runs, "_CHILDREN", 2),
    ):
        monkeypatch.setattr(module, name, value)
    writer, written = opened(), []
    for number in range(45):
        written += fill(writer, [number])
        if number % 11 == 0:
            assert_finds_everything(writer, written)
    if not indexed:
        index.unlink()
    assert_finds_everything(asked(), written)
    assert_finds_nothing_else(asked())
    assert fill(writer, range(45)) == fill(opened(), range(45)) == written
