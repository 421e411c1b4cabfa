from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from interlock.platform.delivery import gate, queue
from interlock.platform.delivery.readmodel import Pull
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.verdict import Basis, Finding, Verdict
from interlock.platform.facts.case import Case
from interlock.platform.kinds.revert import NAME as REVERT


@given(st.lists(st.text("abc-: ", min_size=1, max_size=200), min_size=1, max_size=20))
def test_a_description_fits_the_forge_and_counts_what_it_leaves_out(parts: list[str]) -> None:
    text = gate.shorten(parts)
    assert 0 < len(text) <= gate.MAX_DESCRIPTION
    if "; ".join(parts) == text:
        return
    assert text.endswith(("more", "…"))


def finding(name: str, verdict: Verdict, reason: str = "x") -> Finding:
    return Finding(CheckId(name), "claim", verdict, ReasonCode(reason))


def made(*findings: Finding, number: int = 1, restores: bool = False) -> gate.Gate:
    environment, pull = SimpleNamespace(bases=tuple(Basis)), SimpleNamespace(number=number)
    return gate.Gate(pull, environment, Case(REVERT, None, restores=restores), findings)  # type: ignore[arg-type]


def test_unknown_is_pending_and_pending_does_not_merge() -> None:
    assert made(finding("a", Verdict.VALID)).state == "success"
    assert made(finding("a", Verdict.VALID), finding("b", Verdict.UNKNOWN)).state == "pending"
    assert made(finding("a", Verdict.INVALID), finding("b", Verdict.UNKNOWN)).state == "failure"
    assert made().state == "pending", "a gate without checks has proven nothing"


def test_causes_are_told_before_what_follows_from_them() -> None:
    found = made(
        finding("record-type", Verdict.UNKNOWN, "record-not-read"),
        finding("approval-other-team", Verdict.UNKNOWN, "approval-not-captured"),
        finding("record-named", Verdict.INVALID, "record-unnamed"),
        finding("pull-base", Verdict.VALID),
    )
    assert found.description == (
        "record-named: record-unnamed; approval-other-team: approval-not-captured; record-type: record-not-read"
    )
    assert made(finding("a", Verdict.VALID)).description == "1 checks hold"


def test_the_queue_is_first_come_first_served_except_for_what_releases_it() -> None:
    def order(*known: Pull, moved: int = 0) -> list[int]:
        listed = [SimpleNamespace(number=i.number, head_sha="b" if i.number == moved else i.head) for i in known]
        return [item.number for item in queue.ready(known, listed)]  # type: ignore[arg-type]

    waiting = [judged(number) for number in (9, 4, 7)]
    refused = dataclasses.replace(judged(1), verdict=Verdict.INVALID)
    assert order(*waiting, refused) == [4, 7, 9]
    assert order(*waiting, dataclasses.replace(judged(12), restores=True)) == [12, 4, 7, 9]
    assert order(*waiting, moved=4) == [7, 9], "it was judged at another head"
    assert order(refused) == order() == []


def judged(number: int) -> Pull:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    return Pull("acme/env-prod", number, "a", "main", "x", "prod", now, verdict=Verdict.VALID)
