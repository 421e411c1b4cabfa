"""Upstream's own examples: every run of every file, compared with what was written down by hand (``expected/``).

``INTERLOCK_TEKTON_EXAMPLES`` names another folder of the same shape; files of it that nobody wrote an expectation for
are judged by their runs' conditions alone, as upstream's own harness does it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance_suite import corpus, expectation, page
from conformance_suite.suite import UPSTREAM, Suite

FOLDER = corpus.upstream()
NAMES = corpus.names(FOLDER) if FOLDER else []
PAGE = corpus.ROOT / "docs/reference/tekton-conformance.md"

pytestmark = pytest.mark.skipif(FOLDER is None, reason="upstream's examples (../shared/conformance) are absent")


def _selected(request: pytest.FixtureRequest) -> set[str]:
    """Files whose cases are part of this session."""
    cases = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    return {item.callspec.params["name"] for item in cases}  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def suite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The selected files, all under way at once: a file's case then waits for its own runs."""
    assert FOLDER is not None
    made = Suite(FOLDER, sorted(_selected(request)), UPSTREAM, tmp_path_factory.mktemp("stage"))
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("name", NAMES)
def test_every_run_of_the_file_is_as_written_down(name: str, suite: Suite) -> None:
    verdict = suite.verdict(name)
    if verdict.not_run:
        pytest.skip(f"class {verdict.kind}: {verdict.not_run}")
    if verdict.differences:
        pytest.fail("\n".join(verdict.differences), pytrace=False)


def test_every_file_has_an_expectation_and_every_expectation_a_file() -> None:
    assert FOLDER is not None
    if not corpus.complete(FOLDER):
        pytest.skip("another folder than the one that the expectations were written for")
    assert expectation.names(UPSTREAM) == set(NAMES)


def test_the_committed_page_is_current(request: pytest.FixtureRequest, suite: Suite) -> None:
    assert FOLDER is not None
    if not corpus.complete(FOLDER) or _selected(request) != set(NAMES):
        pytest.skip("only a part of the examples was run")
    verdicts = [suite.verdict(name) for name in NAMES]
    if absent := [item.not_run for item in verdicts if item.not_run and item.kind == "a"]:
        pytest.skip(f"this machine cannot run all of class a: {', '.join(absent)}")
    assert PAGE.read_text() == page.markdown(verdicts), "run `make conformance` and commit the page"
