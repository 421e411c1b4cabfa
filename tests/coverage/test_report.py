from __future__ import annotations

from pathlib import Path

import pytest

from .report import FLOORS, Lines, judged, main

FLOOR = round(10 * FLOORS["platform"])
"""Of a thousand lines."""

MODULES = {f"platform/m{number}.py": Lines(100, 80 + number) for number in range(12)}


@pytest.mark.parametrize(("covered", "answer"), [(FLOOR - 1, 1), (FLOOR, 0), (1000, 0)])
def test_a_wing_below_its_floor_fails(covered: int, answer: int) -> None:
    assert judged("platform", Lines(1000, covered), MODULES) == answer


def test_the_least_covered_modules_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    judged("platform", Lines(1000, 1000), MODULES)
    named = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert named == [f"platform/m{number}.py" for number in range(10)]


def test_a_wing_that_was_not_counted_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_FILE", str(tmp_path / "nothing"))
    assert main() == 1
