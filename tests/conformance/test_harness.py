"""The harness itself: it sees what differs, and says so where it has nothing to run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from .conformance_suite.comparison import differences
from .conformance_suite.corpus import ROOT
from .conformance_suite.expectation import Expectation
from .conformance_suite.stage import Finished


def finished(**status: Any) -> Finished:
    condition = {"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "done"}
    steps = [{"name": "s", "terminated": {"exitCode": 0}, "terminationReason": "Completed"}]
    value = {
        "kind": "TaskRun",
        "metadata": {"name": "run-abcde"},
        "spec": {"params": [{"name": "p", "value": "1"}]},
        "status": {"conditions": [condition], "steps": steps, **status},
    }
    return Finished(value, logs={"s": "hello\n"})


def expected(**task: Any) -> Expectation:
    return Expectation.model_validate({"runs": [{"name": "run-", "task": task}]})


def test_what_is_as_written_down_has_no_differences() -> None:
    wanted = expected(steps={"s": {"log": "hello\n"}}, results={"r": {"$length": 3}}, params={"p": "1"})
    assert differences([finished(results=[{"name": "r", "value": "abc"}])], wanted.runs) == []


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"condition": "False Failed"}, "condition: got 'True Succeeded', expected 'False Failed' (done)"),
        ({"message": "other"}, "message: got 'done', expected 'other'"),
        ({"results": {"r": "x"}}, "result r: missing"),
        ({"steps": {}}, "steps: got ['s'], expected []"),
        ({"steps": {"s": {"exit": 1}}}, "exit code: got 0, expected 1"),
        ({"steps": {"s": {"log": {"$matches": "bye"}}}}, "log: got 'hello\\n'"),
        ({"steps": {"s": {"contains": ["bye"]}}}, "the log lacks 'bye'"),
        ({"steps": {"s": {"lacks": ["hell"]}}}, "the log holds 'hell'"),
        ({"sidecars": {"q": None}}, "sidecars: got [], expected ['q']"),
        ({"params": {"p": "2"}}, "param p: got '1', expected '2'"),
        ({"retries": 1}, "attempts archived: got 0, expected 1"),
        ({"artifacts": {"outputs": []}}, "artifacts: got {}"),
        ({"source": {"uri": "git+x"}}, "refSource: got None"),
        ({"pod": {"hostname": "x"}}, "pod.hostname: got None, expected 'x'"),
        ({"files": {"claim/file": "x"}}, "claim/file: got [], expected ['x']"),
    ],
)
def test_every_kind_of_difference_is_seen(task: dict[str, Any], said: str, tmp_path: Path) -> None:
    found = differences([finished()], expected(**task).runs)
    assert any(said in item for item in found), found


def test_a_result_that_nobody_expects_is_a_difference() -> None:
    run = finished(results=[{"name": "r", "value": "x"}])
    assert differences([run], expected().runs) == ["run-: result r: not expected, got 'x'"]


def test_every_run_of_a_file_counts() -> None:
    assert differences([finished(), finished()], expected().runs) == ["the file has 2 runs, expected 1"]


@pytest.mark.parametrize("value", [{}, {"class": "b"}, {"runs": [{"name": "x"}]}, {"unknown": 1, "refused": "x"}])
def test_an_expectation_says_what_it_expects(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Expectation.model_validate(value)


def test_without_upstreams_examples_the_score_says_so_and_succeeds() -> None:
    command = [sys.executable, "-m", f"{__package__}.report"]
    environment = {**os.environ, "INTERLOCK_TEKTON_EXAMPLES": "/nonexistent"}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert "are absent: nothing to score" in result.stdout
