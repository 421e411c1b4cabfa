"""Upstream's own examples: every run of every file, compared with what was written down by hand (``expected/``).

``INTERLOCK_TEKTON_EXAMPLES`` names another folder of the same shape; files of it that nobody wrote an expectation for
are judged by their runs' conditions alone, as upstream's own harness does it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping

import pytest

from conformance_suite import corpus, expectation
from conformance_suite.comparison import condition, differences
from conformance_suite.settings import settings
from conformance_suite.stage import Stage, Submitted

FOLDER = corpus.upstream()
NAMES = corpus.names(FOLDER) if FOLDER else []
needs_examples = pytest.mark.skipif(FOLDER is None, reason="upstream's examples (../shared/conformance) are absent")


@pytest.fixture(scope="module")
def submitted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Submitted]]:
    """The selected files, all under way at once: a file's case then waits for its own runs."""
    assert FOLDER is not None
    cases = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    names = [item.callspec.params["name"] for item in cases]  # type: ignore[attr-defined]
    examples = [corpus.load(FOLDER, name) for name in names if not _reason_not_to_run(name)]
    stage = Stage(
        tmp_path_factory.mktemp("stage"), {image for example in examples for image in example.images()} | {"ubuntu"}
    )
    try:
        yield {example.name: stage.submit(example, settings(example.name)) for example in examples}
    finally:
        stage.close()


def _reason_not_to_run(name: str) -> str:
    if name not in expectation.names():
        return ""
    expected = expectation.load(name)
    missing = [program for program in expected.needs if shutil.which(program) is None]
    return expected.reason if expected.kind != "a" else ", ".join(f"{program} is not installed" for program in missing)


@needs_examples
@pytest.mark.parametrize("name", NAMES)
def test_every_run_of_the_file_is_as_written_down(name: str, submitted: Mapping[str, Submitted]) -> None:
    if reason := _reason_not_to_run(name):
        pytest.skip(f"class {expectation.load(name).kind}: {reason}")
    runs = submitted[name].finished()
    if name in expectation.names():
        found = differences(runs, expectation.load(name).runs)
    else:
        found = [ended for run in runs if not (ended := condition(run.object)).startswith("True")]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@needs_examples
def test_every_file_has_an_expectation_and_every_expectation_a_file() -> None:
    assert FOLDER is not None
    if not corpus.complete(FOLDER):
        pytest.skip("another folder than the one that the expectations were written for")
    assert expectation.names() == set(NAMES)
