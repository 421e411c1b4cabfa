"""Result ids, approvals, verdicts and names as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.ids import CheckId, CommitId, ObjectId, ReasonCode
from interlock.platform.domain.names import dns_label
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Basis, Finding, Verdict, overall

ids = st.dictionaries(st.sampled_from("abcd"), st.none() | st.sampled_from("12").map(lambda c: ObjectId(c * 40)))


@given(ids, ids)
def test_result_ids_are_equal_exactly_when_nothing_differs(
    one: dict[str, ObjectId], other: dict[str, ObjectId]
) -> None:
    first, second = ResultIds.of(one), ResultIds.of(other)
    assert (first == second) == (not first.difference(second) and one.keys() == other.keys())
    assert first.difference(second) == second.difference(first)
    assert ResultIds.of(dict(reversed(one.items()))) == first


@given(ids)
def test_absent_is_told_from_present(found: dict[str, ObjectId]) -> None:
    result = ResultIds.of(found)
    for path in found:
        assert ResultIds.of({**found, path: ObjectId("9" * 40)}) != result


def test_an_approval_without_a_result_never_holds() -> None:
    head, result = CommitId("b" * 40), ResultIds.of({})
    approval = Approval(1, "sam", "acme/env-prod", 7, "main", head, None)
    assert not approval.holds_for("acme/env-prod", "main", head, result)


findings = st.lists(
    st.builds(
        Finding,
        id=st.just(CheckId("x")),
        claim=st.just("x"),
        verdict=st.sampled_from(Verdict),
        reason=st.just(ReasonCode("x")),
        basis=st.sampled_from(Basis),
    )
)


@given(findings, st.sets(st.sampled_from(Basis)))
def test_valid_needs_every_finding_and_at_least_one(found: list[Finding], bases: set[Basis]) -> None:
    verdict = overall(found, bases)
    assert (verdict is Verdict.VALID) == (bool(found) and all(item.accepted(bases) for item in found))
    assert (verdict is Verdict.INVALID) == any(item.verdict is Verdict.INVALID for item in found)


@pytest.mark.parametrize("name", ["", "Payments", "1a", "a_b", "-a", "a-", "a" * 64, "a.b", "../a", "a\n", "ä"])
def test_a_name_is_a_dns_label(name: str) -> None:
    with pytest.raises(InputError) as caught:
        dns_label(name, what="the service")
    assert caught.value.code == "name-invalid"
    assert dns_label("a" * 63, what="the service") == "a" * 63
