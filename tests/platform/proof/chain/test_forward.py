"""From a change record forwards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from interlock.errors import NotFoundError
from interlock.platform.books.vocabulary import Merged
from interlock.platform.domain.ids import RecordNumber
from interlock.platform.domain.verdict import Verdict
from interlock.platform.proof.forward import Forward, forward


def followed(world: Any, number: str) -> Forward:
    return forward(world.sources(), RecordNumber(number), now=world.clock)


def numbers(world: Any) -> list[str]:
    """Of the onboarding and of the deliveries of prod, in order."""
    return [entry.body["record"] for entry in world.found(Merged, "prod/payments")]


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
