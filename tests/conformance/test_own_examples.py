"""The project's own examples (``examples/tekton``), one a feature: run always, as they lie in every clone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from interlock.cli import app

from .conformance_suite import corpus, expectation
from .conformance_suite.suite import OWN

FOLDER = corpus.OWN
EXPECTATIONS = OWN


@pytest.mark.parametrize("name", corpus.names(FOLDER))
def test_every_run_of_the_file_is_as_written_down(name: str, holds: Callable[[str], None]) -> None:
    holds(name)


def test_no_example_is_refused_or_warned_about() -> None:
    """As a person checks them: folders alpha with upstream's flags for alpha."""
    stable = [str(FOLDER / name) for name in corpus.names(FOLDER) if "alpha/" not in name]
    for arguments in (stable, ["--alpha", str(FOLDER)]):
        result = CliRunner().invoke(app, ["pipeline", "validate", *arguments])
        assert result.exit_code == 0, result.output
        assert "0 errors, 0 warnings" in result.output


def test_every_example_has_an_expectation_and_every_expectation_an_example() -> None:
    assert expectation.names(OWN) == set(corpus.names(FOLDER))
