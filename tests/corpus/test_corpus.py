"""What a release left is read by every later one, and gives the same answers."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock import cli

from .corpus_world.estate import Corpus, Estate, Recorded, replayed

CORPORA = tuple(Corpus(Path(__file__).parent / version) for version in ("v1",))
"""One of every version that was ever written; none is taken away."""

EstateOf = Callable[[Corpus], Estate]
Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def estate_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateOf]:
    """The estate that a corpus is of, unpacked and answering."""
    with ExitStack() as stack:

        @cache
        def estate_of(corpus: Corpus) -> Estate:
            return stack.enter_context(replayed(corpus, tmp_path_factory.mktemp(corpus.folder.name)))

        yield estate_of


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """One command with ``--json`` at a moment: exit code, and what it printed or the error that it gave."""

    def run(context: Path, *arguments: str, at: str | None = None) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["interlock", *arguments, "--json", "--context", str(context)])
        if at is not None:
            moment = datetime.fromisoformat(at)
            monkeypatch.setattr("interlock.cli.proofs.now", lambda: moment)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(printed.out or printed.err)

    return run


@pytest.mark.parametrize(
    ("corpus", "recorded"),
    [pytest.param(corpus, item, id=f"{corpus}-{item}") for corpus in CORPORA for item in corpus.recorded],
)
def test_a_later_release_answers_alike(corpus: Corpus, recorded: Recorded, estate_of: EstateOf, run: Run) -> None:
    # The clock stands where it stood: an answer says when it was given.
    at = recorded.answer.get("at") if isinstance(recorded.answer, dict) else None
    exit_code, answer = run(estate_of(corpus).context(), *recorded.arguments, at=at)
    assert _leaves(answer) == _leaves(recorded.answer)
    assert exit_code == recorded.exit


def _leaves(answer: Any, path: str = "") -> dict[str, Any]:
    """Every value of an answer by its path, so that a difference is seen where it is; no address is told apart."""
    if isinstance(answer, dict | list) and answer:
        items = answer.items() if isinstance(answer, dict) else enumerate(answer)
        return {where: value for key, item in items for where, value in _leaves(item, f"{path}.{key}").items()}
    return {path: re.sub(r"https?://127\.0\.0\.1:\d+", "loopback", answer) if isinstance(answer, str) else answer}


def _alter(ledger: Path) -> None:
    lines = ledger.read_bytes().splitlines(keepends=True)
    lines[41] = lines[41].replace(b"payments", b"payment5")
    ledger.write_bytes(b"".join(lines))


def _remove(ledger: Path) -> None:
    lines = ledger.read_bytes().splitlines(keepends=True)
    del lines[41]
    ledger.write_bytes(b"".join(lines))


def _shorten(ledger: Path) -> None:
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:41]))


def _tear(ledger: Path) -> None:
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:41]) + lines[41][:100])


def _forget(ledger: Path) -> None:
    ledger.with_name(f"{ledger.name}.checkpoint").unlink()


@pytest.mark.parametrize(
    ("damage", "sequence", "reason"),
    [
        pytest.param(_alter, 42, "ledger-entry-altered", id="an altered line"),
        pytest.param(_remove, 42, "ledger-entry-missing", id="a removed line"),
        pytest.param(_shorten, 42, "ledger-truncated", id="a cut tail"),
        pytest.param(_tear, 42, "ledger-truncated", id="a torn tail"),
        pytest.param(_forget, 0, "checkpoint-missing", id="a removed checkpoint"),
    ],
)
@pytest.mark.parametrize("corpus", CORPORA, ids=str)
def test_a_damaged_ledger_is_found(
    corpus: Corpus,
    damage: Callable[[Path], None],
    sequence: int,
    reason: str,
    estate_of: EstateOf,
    run: Run,
    tmp_path: Path,
) -> None:
    estate = estate_of(corpus)
    copy = Path(shutil.copytree(estate.ledger.parent, tmp_path / "ledger")) / estate.ledger.name
    damage(copy)
    exit_code, answer = run(estate.context(ledger=copy), "ledger", "verify")
    assert exit_code == 1
    assert not answer["whole"]
    assert (answer["fault"]["sequence"], answer["fault"]["reason"]) == (sequence, reason)


@pytest.mark.parametrize("corpus", CORPORA, ids=str)
def test_a_checkpoint_that_was_kept_is_of_the_ledger_of_today(
    corpus: Corpus, estate_of: EstateOf, run: Run, tmp_path: Path
) -> None:
    estate = estate_of(corpus)
    kept = tmp_path / "kept"
    kept.write_bytes(estate.ledger.with_name(f"{estate.ledger.name}.checkpoint").read_bytes())
    exit_code, answer = run(estate.context(), "ledger", "verify", "--checkpoint", str(kept))
    assert (exit_code, answer["whole"]) == (0, True)
    kept.write_bytes(kept.read_bytes().replace(b'"size":', b'"size":1'))
    exit_code, answer = run(estate.context(), "ledger", "verify", "--checkpoint", str(kept))
    assert exit_code and "checkpoint-forged" in json.dumps(answer)


@pytest.mark.parametrize("corpus", CORPORA, ids=str)
def test_the_systems_of_the_past_know_no_more_and_take_no_writes(corpus: Corpus, estate_of: EstateOf) -> None:
    for address in estate_of(corpus).addresses.values():
        with httpx.Client(base_url=address, headers={"Authorization": estate_of(corpus).authorization}) as http:
            assert http.get("/api/v1/nothing").status_code == 404
            assert {http.request(method, "/api/v1").status_code for method in ("POST", "PUT", "PATCH", "DELETE")} == {
                405
            }
