"""Upstream's own examples: every run of every file, compared with what was written down by hand (``expected/``).

``INTERLOCK_TEKTON_EXAMPLES`` names another folder of the same shape; files of it that nobody wrote an expectation for
are judged by their runs' conditions alone, as upstream's own harness does it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conformance_suite import corpus, expectation, page
from .conformance_suite.suite import UPSTREAM, Verdict

FOLDER = corpus.upstream()
EXPECTATIONS = UPSTREAM
NAMES = corpus.names(FOLDER) if FOLDER else []
PAGE = corpus.ROOT / "docs/reference/tekton-conformance.md"

pytestmark = pytest.mark.skipif(FOLDER is None, reason="upstream's examples (../shared/conformance) are absent")


@pytest.mark.parametrize("name", NAMES)
def test_every_run_of_the_file_is_as_written_down(name: str, holds: Callable[[str], None]) -> None:
    holds(name)


def test_every_file_has_an_expectation_and_every_expectation_a_file() -> None:
    assert FOLDER is not None
    if not corpus.complete(FOLDER):
        pytest.skip("another folder than the one that the expectations were written for")
    assert expectation.names(UPSTREAM) == set(NAMES)


def test_the_committed_page_is_current(selected: set[str], verdicts: Callable[[str], Verdict]) -> None:
    assert FOLDER is not None
    if not corpus.complete(FOLDER) or selected != set(NAMES):
        pytest.skip("only a part of the examples was run")
    found = [verdicts(name) for name in NAMES]
    if absent := [item.not_run for item in found if item.not_run and item.kind == "a"]:
        pytest.skip(f"this machine cannot run all of class a: {', '.join(absent)}")
    assert PAGE.read_text() == page.markdown(found), "run `make conformance` and commit the page"
