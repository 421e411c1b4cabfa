"""What a comment says to people, and to whoever lost the read model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.platform.delivery import report
from interlock.platform.delivery.readmodel import Missing
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.verdict import Basis, Finding, Verdict

HEAD, OTHER = "a" * 40, "b" * 40


def finding(name: str, verdict: Verdict, reason: str, **more: object) -> Finding:
    return Finding(CheckId(name), "It holds.", verdict, ReasonCode(reason), **more)  # type: ignore[arg-type]


def test_what_stands_in_the_way_comes_with_its_remedy() -> None:
    closed = finding("window-open", Verdict.INVALID, "window-closed", detail="Mon-Fri 09:00", remedy="wait")
    simulated = finding("health", Verdict.VALID, "ok", basis=Basis.SIMULATED)
    holds = finding("queue", Verdict.VALID, "ok")
    found = report.text(HEAD, Verdict.INVALID, (closed, simulated), (closed, simulated, holds))
    assert found.splitlines() == [
        "Gate of aaaaaaaaaaaa: refused",
        "",
        "Missing:",
        "- window-open [window-closed]: Mon-Fri 09:00 → wait",
        "- health [ok] (basis simulated is not accepted here)",
        "",
        "Holds: queue",
    ]


NAMES = st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fullmatch=True)


@given(st.frozensets(st.tuples(NAMES, NAMES), max_size=6), st.text(max_size=50))
def test_the_last_comment_tells_what_was_missing_at_its_head(missing: Missing, prose: str) -> None:
    line = report.mark(HEAD, missing)
    told = report.marked(["Overtaken", f"{prose}\n\n{report.mark(OTHER, frozenset())}", f"{prose}\n\n{line}"])
    assert told == line
    assert report.missing_at(line, HEAD) == missing
    assert report.missing_at(line, OTHER) is None


@pytest.mark.parametrize(
    "bodies",
    [
        [],
        ["words"],
        [f"<!-- interlock:gate {HEAD} x -->"],
        ["<!-- interlock:gate abc a:b -->"],
        ["> <!-- interlock:gate"],
    ],
)
def test_a_comment_without_the_line_tells_nothing(bodies: list[str]) -> None:
    assert report.marked(bodies) is None
