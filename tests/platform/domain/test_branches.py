from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.platform.domain.branches import WHOLE, Branch, Purpose, parse
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.names import DNS_LABEL

services = st.from_regex(DNS_LABEL, fullmatch=True).map(ServiceName)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
commits = st.text("0123456789abcdef", min_size=7, max_size=64)
written = st.one_of(
    st.builds(Branch, st.just(Purpose.ONBOARD), services),
    st.builds(Branch, st.sampled_from([Purpose.BUMP, Purpose.PROMOTE]), services, tags),
    st.builds(Branch, st.just(Purpose.REVERT), services, commits),
)


@given(written)
def test_what_is_written_is_read(branch: Branch) -> None:
    assert parse(str(branch)) == branch


@given(st.text(max_size=30) | written.map(lambda item: f"{item}/x") | written.map(lambda item: f"refs/heads/{item}"))
def test_what_is_read_is_what_was_written(name: str) -> None:
    found = parse(name)
    assert found is None or str(found) == name


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "onboard",
        "onboard/",
        "onboard/payments/",
        "onboard/payments/x",
        "onboard/Payments",
        "bump/payments",
        "bump//main-0123456",
        "bump/payments/main-@{0}",
        "bump/payments/../main",
        "bump/payments/main-0123456\n",
        "promote/payments/ä",
        "revert/payments",
        "revert/payments/012345",
        "revert/payments/012345G",
        "revert/a/b/0123456",
        "REVERT/payments/0123456",
        "feature/payments/0123456",
    ],
)
def test_other_branches_are_no_deliverys(name: str) -> None:
    assert parse(name) is None


def test_what_a_branch_names() -> None:
    bump = parse("bump/payments/main-0123456789ab")
    assert bump is not None and (bump.service, bump.source, bump.reverts) == ("payments", "0123456789ab", None)
    by_hand, promotion = parse("bump/payments/v1.2"), parse("promote/payments/main-0123456789ab")
    assert by_hand is not None and by_hand.source is None
    assert promotion is not None and promotion.source is None
    revert = parse("revert/main/0123456")
    assert revert is not None and (revert.service, revert.reverts) == (WHOLE, "0123456")
