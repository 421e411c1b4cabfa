"""Altering or deleting any single piece of evidence turns its link, and only the links that cite it by digest.

Exhaustive: every file of the evidence store, every entry of the ledger, and every manifest and blob of the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interlock.platform.books.vocabulary import Merged
from interlock.platform.domain.ids import EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.proof.chain import Trace, trace
from interlock.platform.proof.forward import forward

DAMAGES = ("alter", "delete")


def traced(world: Any) -> Trace:
    return trace(world.sources(), EnvironmentName("prod"), ServiceName("payments"), now=world.clock)


@pytest.fixture(scope="module")
def cited(shared: Any) -> dict[str, set[str]]:
    """Digest -> the links that cite it, while everything is whole."""
    found: dict[str, set[str]] = {}
    for finding in traced(shared).findings:
        assert finding.verdict is Verdict.VALID
        for item in finding.evidence:
            if item.digest:
                found.setdefault(item.digest, set()).add(finding.id)
    return found


def turned(world: Any) -> set[str]:
    return {item.id for item in traced(world).findings if item.verdict is not Verdict.VALID}


@contextmanager
def damaged(world: Any, digest: str, damage: str) -> Iterator[None]:
    """One piece, by its digest, altered or deleted, and restored afterwards."""
    with _place(world, digest)(damage):
        yield


def _place(world: Any, digest: str) -> Callable[[str], Any]:
    evidence = world.store.path(digest)
    if evidence.is_file():
        return lambda damage: _file(evidence, damage)
    for held in (world.registry.manifests, world.registry.blobs):
        if digest in held:
            return lambda damage: _held(held, digest, damage)
    return lambda damage: _line(world.ledger.path, digest, damage)


@contextmanager
def _file(path: Path, damage: str) -> Iterator[None]:
    before = path.read_bytes()
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(before.replace(b'"kind":', b'"kind" :', 1))
    yield
    path.write_bytes(before)


@contextmanager
def _held(held: dict[str, bytes], digest: str, damage: str) -> Iterator[None]:
    before = dict(held)
    if damage == "delete":
        del held[digest]
    else:
        held[digest] = held[digest][:-1] + bytes([held[digest][-1] ^ 1])
    yield
    held.clear()
    held.update(before)


@contextmanager
def _line(path: Path, digest: str, damage: str) -> Iterator[None]:
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    (index,) = [number for number, line in enumerate(lines) if f'"hash":"{digest}"'.encode() in line]
    if damage == "delete":
        del lines[index]
    else:
        lines[index] = lines[index].replace(b'"body":{', b'"body":{"added":"valid",', 1)
    path.write_bytes(b"".join(lines))
    yield
    path.write_bytes(before)


def pieces(world: Any) -> list[str]:
    entries = [entry.id for entry in world.ledger.entries()]
    return [*world.store.digests(), *entries, *world.registry.manifests, *world.registry.blobs]


def test_every_piece_of_this_delivery_is_cited(shared: Any, cited: dict[str, set[str]]) -> None:
    """What is not cited is of dev's delivery (pull request 7) or of the onboarding (8)."""
    pulls = {entry.id: entry.body["pull"] for entry in shared.found(Merged)}
    others = [
        entry
        for entry in shared.ledger.entries()
        if entry.subject in ("dev/payments", "acme/env-prod#8", "CHG0000008")
        or pulls.get(entry.id) == 8
        or pulls.get(entry.body.get("decision")) == 8
    ]
    assert set(pieces(shared)) - set(cited) == {
        digest for entry in others for digest in (entry.id, *entry.evidence.values())
    }
    assert set(cited) <= set(pieces(shared))


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_piece_turns_exactly_the_links_that_cite_it(shared: Any, cited: dict[str, set[str]], damage: str) -> None:
    wrong = {}
    for digest in pieces(shared):
        with damaged(shared, digest, damage):
            found = turned(shared)
        if found != cited.get(digest, set()):
            wrong[digest] = (sorted(cited.get(digest, set())), sorted(found))
    assert wrong == {}
    assert turned(shared) == set()


@pytest.mark.parametrize("place", ["last", "of another delivery", "checkpoint"])
def test_a_ledger_that_is_not_whole_proves_nothing(world: Any, place: str) -> None:
    """All links hold, and what was taken away may be what speaks against them: a withdrawal, a refusal."""
    record = world.found(Merged, "prod/payments")[-1].body["record"]
    path = world.ledger.path
    if place == "checkpoint":
        path.with_name(f"{path.name}.checkpoint").unlink()
    else:
        world.ledger.append("refused", "prod/quotes", key="refused/1", body={})
        lines = path.read_bytes().splitlines(keepends=True)
        index = (
            -1 if place == "last" else next(i for i, line in enumerate(lines) if b'"subject":"dev/payments"' in line)
        )
        del lines[index]
        path.write_bytes(b"".join(lines))

    back, forth = traced(world), forward(world.sources(), RecordNumber(record), now=world.clock)

    assert {item.verdict for item in back.findings} == {Verdict.VALID}
    assert back.overall is Verdict.UNKNOWN
    assert back.as_dict()["overall"] == "unknown"
    assert {item.overall for item in forth.journeys} == {Verdict.UNKNOWN}
    assert not back.holds
    assert not forth.holds


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b'{"sequence":1e999}', b'{"a":"\\ud800"}', b"\xff", b"{}"], ids=lambda line: line[:20]
)
def test_a_line_that_nobody_writes_ends_no_proof(world: Any, line: bytes) -> None:
    with world.ledger.path.open("ab") as file:
        file.write(line + b"\n")

    found = traced(world)

    assert len(found.findings) == 13
    assert found.ledger.fault is not None
    assert not found.holds
