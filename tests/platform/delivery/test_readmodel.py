"""The read model: what rounds found, looked at while it is written, and made anew whenever it cannot be read."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interlock.errors import UnreachableError
from interlock.platform.delivery.readmodel import Outcome, Pull, Reader, ReadModel, changed
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.verdict import Basis, Finding, Verdict

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def finding(name: str, reason: str, verdict: Verdict = Verdict.INVALID, basis: Basis = Basis.EXECUTED) -> Finding:
    return Finding(CheckId(name), "It holds.", verdict, ReasonCode(reason), "detail", basis, remedy="do it")


PULL = Pull(
    "acme/env-prod",
    7,
    "a" * 40,
    "b" * 40,
    "CHG1 payments",
    "prod",
    NOW,
    kind="image",
    service="payments",
    verdict=Verdict.INVALID,
    findings=(finding("window-open", "window-closed"), finding("queue", "ok", Verdict.VALID, Basis.SIMULATED)),
    bases=(Basis.EXECUTED,),
    judged_at=NOW,
)


@pytest.fixture
def model(tmp_path: Path) -> ReadModel:
    return ReadModel(tmp_path / "readmodel.db")


def test_what_was_found_is_read_by_another_process(model: ReadModel, tmp_path: Path) -> None:
    model.put(PULL)
    reader = Reader(tmp_path / "readmodel.db")
    assert reader.pull("acme/env-prod", 7) == PULL
    assert reader.open_pulls() == [PULL]
    assert reader.open_pulls("acme/env-dev") == []
    assert PULL.missing == {("window-open", "window-closed"), ("queue", "ok")}, "a basis can stand in the way"


def test_when_it_was_first_seen_stays(model: ReadModel) -> None:
    model.put(PULL)
    model.put(replace(PULL, first_seen=NOW + timedelta(hours=1), head="c" * 40))
    found = model.pull("acme/env-prod", 7)
    assert found is not None
    assert (found.first_seen, found.head) == (NOW, "c" * 40)


def test_what_is_closed_is_kept_and_no_longer_open(model: ReadModel) -> None:
    model.put(PULL)
    model.gone("acme/env-prod", 7)
    model.gone("acme/env-prod", 8)
    assert model.open_pulls() == []
    assert model.pull("acme/env-prod", 7) == replace(PULL, open=False)


def test_the_newest_outcome_of_a_key_counts(model: ReadModel) -> None:
    outcomes = [Outcome("build", "payments", said, "", NOW) for said in ("pending", "success")]
    for outcome in outcomes:
        model.finished(outcome)
    assert model.outcomes("build") == outcomes[1:]
    assert model.outcomes("sync") == []


@pytest.mark.parametrize("there", [b"no database, but of some length" * 100, b"", None])
def test_one_that_cannot_be_read_is_made_anew(tmp_path: Path, there: bytes | None) -> None:
    path = tmp_path / "readmodel.db"
    if there is not None:
        path.write_bytes(there)
    else:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
    model = ReadModel(path)
    model.put(PULL)
    model.close()
    again = ReadModel(path)
    assert again.open_pulls() == [PULL], "and then it stays"


@pytest.mark.parametrize("there", [b"no database", b"", None])
def test_a_reader_makes_none(tmp_path: Path, there: bytes | None) -> None:
    path = tmp_path / "readmodel.db"
    if there is not None:
        path.write_bytes(there)
    with pytest.raises(UnreachableError, match="readmodel-missing"):
        Reader(path).open_pulls()
    assert path.exists() == (there is not None)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, set(), True),
        (set(), set(), False),
        ({("a", "x")}, {("a", "x")}, False),
        ({("a", "x")}, {("a", "y")}, True),
        ({("a", "x")}, set(), True),
        ({("a", "x")}, {("a", "x"), ("b", "x")}, True),
    ],
)
def test_people_are_told_when_what_is_missing_changes(
    before: set[tuple[str, str]] | None, now: set[tuple[str, str]], told: bool
) -> None:
    assert changed(before, now) is told
