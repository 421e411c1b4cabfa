"""The suite's own modules, importable; and a folder of examples as cases of one module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from .conformance_suite.suite import Suite, Verdict


@pytest.fixture(scope="module")
def selected(request: pytest.FixtureRequest) -> set[str]:
    """The ``name`` of every case of the module that is part of this session."""
    cases = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    return {item.callspec.params["name"] for item in cases}


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest, selected: set[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Verdict]]:
    """The selected files of the module's ``FOLDER``, all under way at once: a case then waits for its own runs."""
    folder, expectations = request.module.FOLDER, request.module.EXPECTATIONS
    with closing(Suite(folder, sorted(selected), expectations, tmp_path_factory.mktemp("stage"))) as suite:
        yield suite.verdict


@pytest.fixture
def holds(verdicts: Callable[[str], Verdict]) -> Callable[[str], None]:
    """Fails with every difference of the file, or skips with the reason why it was not run."""

    def check(name: str) -> None:
        verdict = verdicts(name)
        if verdict.not_run:
            pytest.skip(f"class {verdict.kind}: {verdict.not_run}")
        if verdict.differences:
            pytest.fail("\n".join(verdict.differences), pytrace=False)

    return check
