"""From a change record forwards, and the index that finds things and proves nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.errors import NotFoundError
from interlock.platform.domain.ids import EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.proof import kinds
from interlock.platform.proof.chain import trace
from interlock.platform.proof.forward import Forward, forward
from interlock.platform.proof.index import Index


def followed(world: Any, number: str) -> Forward:
    return forward(world.sources(), RecordNumber(number), now=world.clock)


def numbers(world: Any) -> list[str]:
    """Of the onboarding and of the deliveries of prod, in order."""
    return [entry.body["record"] for entry in world.ledger.find(kinds.MERGED, "prod/payments")]


def test_a_record_leads_to_what_runs(shared: Any) -> None:
    found = followed(shared, numbers(shared)[-1])
    (journey,) = found.journeys
    assert [item.id for item in journey.findings] == [
        "change-record",
        "approvals",
        "merge",
        "seal",
        "sync",
        "running-object",
    ]
    assert {item.id: item.reason for item in journey.findings if item.verdict is not Verdict.VALID} == {}
    assert found.holds
    assert json.loads(json.dumps(found.as_dict()))["journeys"][0]["ids"]["seal"] == shared.tip("env-prod", "sealed")


def test_a_delivery_that_was_replaced_says_so(world: Any) -> None:
    first = numbers(world)[-1]
    tag, digest = world.build("two")
    world.ship("prod", tag, digest)
    (journey,) = followed(world, first).journeys
    assert journey.findings[-1].reason == "superseded"
    assert journey.overall is Verdict.VALID
    assert followed(world, numbers(world)[-1]).journeys[0].findings[-1].id == "running-object"


def test_a_decision_without_a_seal_is_not_proven(world: Any) -> None:
    number = numbers(world)[-1]
    path = world.ledger.path
    kept = [line for line in path.read_bytes().splitlines(keepends=True) if b'"kind":"sealed"' not in line]
    path.write_bytes(b"".join(kept))
    found = followed(world, number)
    assert not found.holds
    assert "not-sealed" in {item.reason for item in found.journeys[0].findings}


def test_an_altered_record_is_told(world: Any) -> None:
    number = numbers(world)[-1]
    live = world.tickets.records[number]
    world.tickets.records[number] = replace(live, raw={**live.raw, "description": "something else"})
    found = followed(world, number)
    assert found.journeys[0].findings[0].reason == "live-differs"
    assert not found.holds


def test_a_record_that_led_to_nothing_yet(world: Any) -> None:
    live = world.tickets.records[numbers(world)[-1]]
    world.tickets.records["CHG0099999"] = replace(live, number="CHG0099999", correlation_id="acme/env-prod#99@abc")
    found = followed(world, "CHG0099999")
    assert (found.journeys, found.pending, found.holds) == ((), "acme/env-prod#99@abc", False)


def test_an_unknown_record(shared: Any) -> None:
    with pytest.raises(NotFoundError) as error:
        followed(shared, "CHG0012345")
    assert error.value.code == "record-unknown"


# The index


def index(world: Any) -> Index:
    return Index(world.folder / "index" / "index.sqlite", world.ledger)


def test_everything_is_found_by_its_names(world: Any) -> None:
    entry = world.ledger.find(kinds.MERGED, "prod/payments")[-1]
    found = index(world)
    for term in ("prod", "payments", "prod/payments", entry.body["record"], entry.body["merge"], entry.body["head"]):
        assert entry.id in found.lookup(term), term
    for digest in entry.evidence.values():
        assert found.lookup(digest) == [entry.id]
    assert found.lookup(world.ledger.find(kinds.ATTESTED)[-1].subject)[-1] == world.ledger.find(kinds.ATTESTED)[-1].id
    assert found.lookup("nothing") == []


def test_it_follows_the_ledger(world: Any) -> None:
    found = index(world)
    assert found.lookup("later") == []
    entry = world.ledger.append("noted", "prod/later", key="later", body={})
    assert found.lookup("later") == [entry.id]


def test_changes_since(world: Any) -> None:
    entries = world.ledger.entries()
    start = world.clock.time - timedelta(days=1)
    found = index(world)
    assert found.since(start) == [entry.id for entry in entries]
    assert found.since(start, "prod") == [entry.id for entry in entries if entry.subject.startswith("prod/")]
    assert found.since(world.clock.time + timedelta(days=1)) == []


@pytest.mark.parametrize("damage", ["delete", "garbage", "another ledger"])
def test_a_lost_index_is_made_again(world: Any, damage: str) -> None:
    found = index(world)
    before = found.lookup("prod/payments")
    if damage == "delete":
        found.path.unlink()
    elif damage == "garbage":
        found.path.write_bytes(b"no database" * 100)
    else:
        world.ledger.path.write_bytes(b"".join(world.ledger.path.read_bytes().splitlines(keepends=True)[:3]))
        assert len(index(world).lookup("prod/payments")) < len(before)
        return
    assert found.lookup("prod/payments") == before


def test_the_proof_does_not_need_the_index(world: Any) -> None:
    def told() -> list[tuple[str, str, str]]:
        found = trace(world.sources(), EnvironmentName("prod"), ServiceName("payments"), now=world.clock)
        return [(item.id, item.verdict.value, item.reason) for item in found.findings]

    before = told()
    index(world).lookup("prod")
    assert told() == before
    index(world).path.write_bytes(b"a lie")
    assert told() == before
    index(world).path.unlink()
    assert told() == before
