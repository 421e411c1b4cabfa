"""`interlock pipeline run`, `rerun` and `debug` as a person calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from interlock import cli

HOST = "test/shell"
PATIENCE = 60.0

PIPELINE = f"""
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {{name: deliver}}
spec:
  params:
    - {{name: service}}
    - {{name: queues, type: array, default: []}}
    - {{name: owner, type: object, properties: {{team: {{}}}}, default: {{team: nobody}}}}
  workspaces: [{{name: source}}]
  results: [{{name: bar, value: $(tasks.build.results.bar)}}]
  tasks:
    - name: build
      workspaces: [{{name: source}}]
      taskSpec:
        workspaces: [{{name: source}}]
        results: [{{name: bar}}]
        steps:
          - name: pack
            image: {HOST}
            env: [{{name: SERVICE, value: $(params.service)}}, {{name: TEAM, value: $(params.owner.team)}}]
            args: ["$(params.queues[*])"]
            script: |
              echo "packing $SERVICE for $TEAM with $*"
              echo once >> $(workspaces.source.path)/builds
              printf '%s.bar' "$SERVICE" > $(results.bar.path)
    - name: check
      runAfter: [build]
      workspaces: [{{name: source}}]
      taskSpec:
        workspaces: [{{name: source}}]
        steps:
          - name: look
            image: {HOST}
            script: |
              cat $(workspaces.source.path)/builds
              echo spoiled >> $(workspaces.source.path)/builds
              test -e /tekton/home/never || test -e $(workspaces.source.path)/good
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("INTERLOCK_PIPELINES", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli.app, ["pipeline", *arguments], catch_exceptions=False)

    return call


def pipeline(folder: Path, text: str = PIPELINE) -> str:
    path = folder / "pipeline.yaml"
    path.write_text(text)
    return str(path)


def test_a_pipeline_gets_a_run_and_its_logs_their_prefix(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "good").touch()
    arguments = ["run", pipeline(tmp_path), "--host-image", HOST, "-w", f"source={tmp_path / 'source'}"]
    done = run(*arguments, "-p", "service=payments", "-p", "queues=IN,OUT", "-p", "owner=team:mq")
    assert done.exit_code == 0, done.output
    assert "[build : pack] [interlock.local] step-pack: isolation " in done.output
    assert "[build : pack] packing payments for mq with IN OUT\n" in done.output
    assert "[check : look] once\n" in done.output
    assert "result bar = payments.bar\n" in done.output
    assert "Succeeded: Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 0" in done.output
    assert (tmp_path / "source" / "builds").read_text() == "once\nspoiled\n", "the workspace is the folder itself"


def test_the_exit_code_is_the_verdict_and_json_is_the_objects(run: Callable[..., Result], tmp_path: Path) -> None:
    done = run(
        "run", pipeline(tmp_path), "--host-image", HOST, "-w", "source=template", "-p", "service=x", "-o", "json"
    )
    assert done.exit_code == 1
    values = json.loads(done.stdout)
    assert [value["kind"] for value in values] == ["PipelineRun", "TaskRun", "TaskRun"]
    condition = next(item for item in values[0]["status"]["conditions"] if item["type"] == "Succeeded")
    assert (condition["status"], condition["reason"]) == ("False", "Failed")


def test_a_rerun_from_what_failed_repeats_the_rest_from_the_record(run: Callable[..., Result], tmp_path: Path) -> None:
    text = PIPELINE.replace("|| test -e $(workspaces.source.path)/good", f"|| test -e {tmp_path}/never")
    failed = run("run", pipeline(tmp_path, text), "--host-image", HOST, "-w", "source=template", "-p", "service=x")
    assert failed.exit_code == 1
    name = next(word for word in failed.output.split() if word.startswith("deliver-run-"))
    again = run("rerun", name, "--from-failed")
    assert again.exit_code == 1
    assert f"{name}-again-2" in again.output
    assert "packing" not in again.output, "a task that had succeeded ran again"
    assert "[check : look] once\n" in again.output
    assert "spoiled" not in again.output, "the workspace is as the failed task found it, not as it left it"
    assert "result bar = x.bar" in again.output


def test_a_run_that_succeeded_has_nothing_to_repeat(run: Callable[..., Result], tmp_path: Path) -> None:
    steps = f"steps: [{{image: {HOST}, script: 'true'}}]"
    task = f"{{apiVersion: tekton.dev/v1, kind: Task, metadata: {{name: t}}, spec: {{{steps}}}}}"
    done = run("run", pipeline(tmp_path, task), "--host-image", HOST)
    assert done.exit_code == 0, done.output
    assert "TaskRun t-run-" in done.output
    name = next(word for word in done.output.split() if word.startswith("t-run-"))
    refused = CliRunner().invoke(cli.app, ["pipeline", "rerun", name, "--from-failed"])
    assert getattr(refused.exception, "code", "") == "nothing-failed"


def test_what_the_webhook_refuses_never_starts(run: Callable[..., Result], tmp_path: Path) -> None:
    broken = PIPELINE.replace("runAfter: [build]", "runAfter: [nothing]").replace("script: |", "scrpt: |", 1)
    result = CliRunner().invoke(cli.app, ["pipeline", "run", pipeline(tmp_path, broken)])
    assert getattr(result.exception, "code", "") == "tekton-refused"
    assert "scrpt" in str(result.exception)
    assert not list((tmp_path / "state").rglob("logs/*/*"))


@pytest.mark.parametrize(
    ("option", "code"),
    [
        (("-p", "novalue"), "param-option"),
        (("-w", "source"), "workspace-option"),
        (("-w", "source=./absent"), "workspace-folder"),
    ],
)
def test_options_that_mean_nothing(
    run: Callable[..., Result], tmp_path: Path, option: Sequence[str], code: str
) -> None:
    result = CliRunner().invoke(cli.app, ["pipeline", "run", pipeline(tmp_path), "-p", "service=x", *option])
    assert getattr(result.exception, "code", "") == code


BROKEN = f"""
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {{name: broken}}
spec:
  taskSpec:
    steps:
      - name: build
        image: {HOST}
        env: [{{name: SECRET_PLACE, value: here}}]
        script: |
          echo half > /workspace/artifact
          exit 3
      - name: after
        image: {HOST}
        script: cat /workspace/artifact
"""


@pytest.mark.parametrize(
    "decision",
    ["exec /tekton/debug/scripts/debug-continue", ". /tekton/debug/scripts/debug-continue\nsleep 0.5\nexit"],
    ids=["at-once", "with-more-to-do"],
)
def test_a_breakpoint_holds_a_failed_step_until_somebody_decides(
    run: Callable[..., Result], tmp_path: Path, decision: str
) -> None:
    """`debug` opens a shell in the step's own view; what it repairs there, the next step sees. The step's sandbox, and
    with it everything in it, ends after whoever decided, not before: that would be a kill."""
    state, environment = tmp_path / "state", {**os.environ, "INTERLOCK_PIPELINES": str(tmp_path / "state")}
    command = [sys.executable, "-c", "from interlock.cli import main; main()", "pipeline"]
    running = subprocess.Popen(
        [*command, "run", pipeline(tmp_path, BROKEN), "--host-image", HOST, "--breakpoint", "on-failure"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output: list[str] = []
    held = threading.Event()

    def read() -> None:
        for line in running.stdout or ():
            output.append(line)
            if "2) fail-continue" in line:
                held.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert held.wait(PATIENCE), output
        repair = f"echo $SECRET_PLACE whole > /workspace/artifact\n{decision}\n"
        [folder] = state.iterdir()
        shell = subprocess.run(
            [*command, "debug", str(folder)], env=environment, input=repair, text=True, timeout=PATIENCE, check=False
        )
        assert shell.returncode == 0
        assert running.wait(PATIENCE) == 0, output
    finally:
        running.kill()
        running.wait()
        reader.join()
        if running.stdout is not None:
            running.stdout.close()
    assert "[broken : after] here whole\n" in output


def test_no_step_waits(run: Callable[..., Result], tmp_path: Path) -> None:
    result: Any = CliRunner().invoke(cli.app, ["pipeline", "debug", str(tmp_path)])
    assert result.exception.code == "breakpoint-missing"
