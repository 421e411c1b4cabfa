"""Pipelines in Pipelines: child PipelineRuns, what reaches them, and what ends them."""

from __future__ import annotations

from typing import Any

import pytest

STEP = "steps: [{name: s, image: i, script: 'true'}]"
TASK = "taskSpec: {" + STEP + "}"
CHILD = f"""
    apiVersion: tekton.dev/v1
    kind: Pipeline
    metadata: {{name: child}}
    spec:
      params: [{{name: p}}]
      workspaces: [{{name: src}}]
      tasks:
      - {{name: deep, params: [{{name: p, value: "$(params.p)!"}}], workspaces: [{{name: src}}],
           taskSpec: {{params: [{{name: p}}], workspaces: [{{name: src}}], {STEP}}}}}
"""
PARENT = f"""
    params: [{{name: p}}]
    workspaces: [{{name: shared}}]
    tasks:
    - {{name: first, taskSpec: {{results: [{{name: r}}], {STEP}}}}}
    - name: sub
      pipelineRef: {{name: child}}
      params: [{{name: p, value: $(params.p)-$(tasks.first.results.r)}}]
      workspaces: [{{name: src, workspace: shared, subPath: below}}]
    - {{name: last, runAfter: [sub], {TASK}}}
"""
GIVEN = "{params: [{name: p, value: v}], workspaces: [{name: shared, emptyDir: {}}]}"


def test_a_child_by_reference(driver: Any) -> None:
    driver.apply(CHILD)
    driver.start(PARENT, GIVEN, labels={"team": "x"})
    run = driver.end("pr-first", results={"r": "1"})
    assert driver.names("PipelineRun") == ["pr", "pr-sub"]
    child = driver.get("PipelineRun", "pr-sub")
    assert child["spec"] == {
        "pipelineRef": {"name": "child"},
        "params": [{"name": "p", "value": "v-1"}],
        "workspaces": [{"name": "src", "subPath": "below", "emptyDir": {}}],
    }
    assert child["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    labels = child["metadata"]["labels"]
    assert (labels["tekton.dev/pipeline"], labels["tekton.dev/pipelineTask"], labels["team"]) == ("child", "sub", "x")
    assert labels["tekton.dev/pipelineRun"] == "pr"
    assert run["status"]["childReferences"][1] == {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "name": "pr-sub",
        "pipelineTaskName": "sub",
    }
    assert driver.params("pr-sub-deep") == {"p": "v-1!"}
    assert driver.get("TaskRun", "pr-sub-deep")["metadata"]["labels"]["tekton.dev/pipelineRun"] == "pr-sub"
    driver.end("pr-sub-deep")
    assert driver.condition(driver.get("PipelineRun", "pr-sub"))[:2] == ("True", "Succeeded")
    assert driver.condition(driver.end("pr-last")) == (
        "True",
        "Succeeded",
        "Tasks Completed: 3 (Failed: 0, Cancelled 0), Skipped: 0",
    )


def test_an_embedded_child_and_the_state_of_a_failed_one(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: sub, pipelineSpec: {{tasks: [{{name: a, {TASK}}}]}}}}
        - {{name: next, runAfter: [sub], {TASK}}}
        finally: [{{name: f, {TASK}, params: [{{name: s, value: $(tasks.sub.status) $(tasks.sub.reason)}}]}}]
    """)
    driver.fail("pr-sub-a")
    assert driver.params("pr-f") == {"s": "Failed Failed"}
    run = driver.end("pr-f")
    assert driver.condition(run)[1:] == ("Failed", "Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 1")


def test_cancelling_reaches_the_grandchildren(driver: Any) -> None:
    driver.start(f"tasks: [{{name: sub, pipelineSpec: {{tasks: [{{name: a, {TASK}}}]}}}}]")
    driver.change({"status": "Cancelled"})
    assert driver.get("PipelineRun", "pr-sub")["spec"]["status"] == "Cancelled"
    assert driver.condition(driver.get("PipelineRun", "pr-sub"))[1] == "Cancelled"
    assert driver.get("TaskRun", "pr-sub-a")["spec"]["status"] == "TaskRunCancelled"


def test_a_time_limit_reaches_the_grandchildren(driver: Any) -> None:
    driver.start(f"tasks: [{{name: sub, pipelineSpec: {{tasks: [{{name: a, {TASK}}}]}}}}]", "timeouts: {pipeline: 1m}")
    run = driver.pass_time(seconds=61)
    assert driver.condition(run)[1] == "PipelineRunTimeout"
    assert driver.get("TaskRun", "pr-sub-a")["spec"]["status"] == "TaskRunCancelled"


def test_a_pipeline_that_contains_itself_is_found(driver: Any) -> None:
    driver.apply(
        """
        apiVersion: tekton.dev/v1
        kind: Pipeline
        metadata: {name: outer}
        spec: {tasks: [{name: down, pipelineRef: {name: inner}}]}
        ---
        apiVersion: tekton.dev/v1
        kind: Pipeline
        metadata: {name: inner}
        spec: {tasks: [{name: up, pipelineRef: {name: outer}}]}
        """
    )
    driver.create("PipelineRun", "pr", {"pipelineRef": {"name": "outer"}})
    run = driver.settle()
    assert driver.names("PipelineRun") == ["pr", "pr-down"]
    assert driver.condition(driver.get("PipelineRun", "pr-down")) == (
        "False",
        "CreateRunFailed",
        'detected cycle in pipeline-in-pipeline: pipeline "outer" is already running in ancestor chain [inner]',
    )
    assert driver.condition(run)[1] == "Failed"


def test_a_child_that_does_not_exist(driver: Any) -> None:
    run = driver.start("tasks: [{name: sub, pipelineRef: {name: gone}}]")
    assert driver.condition(run) == (
        "False",
        "CouldntGetPipeline",
        "Pipeline ci/pr can't be Run; it contains child Pipelines that don't exist: Couldn't retrieve Pipeline "
        '"gone": tekton client cannot get pipeline gone from local cluster: pipelines.tekton.dev "gone" not found',
    )


@pytest.mark.parametrize(
    ("flags", "version", "pipeline", "message"),
    [
        (
            {},
            "1.15",
            "tasks: [{name: sub, pipelineRef: {name: c}}]",
            'pipelineRef requires "enable-api-fields" feature gate to be "alpha" but it is "beta": spec.tasks[0]',
        ),
        (
            {"enable-api-fields": "alpha"},
            "1.15",
            f"tasks: [{{name: sub, pipelineRef: {{name: c}}}}, {{name: a, {TASK}, "
            "when: [{input: $(tasks.sub.results.r), operator: in, values: [x]}]}]",
            'invalid value: result reference to pipelineTask "sub" is not supported: referenced task uses pipelineRef '
            "or pipelineSpec and result propagation from child Pipelines is not yet implemented: spec.tasks[1]",
        ),
        (
            {"enable-api-fields": "alpha"},
            "1.15",
            f"tasks: [{{name: sub, pipelineRef: {{name: c}}, {TASK}}}]",
            "expected exactly one, got multiple: spec.tasks[0].taskSpec, spec.tasks[0].pipelineRef",
        ),
        (
            {"enable-api-fields": "alpha"},
            "1.15",
            "tasks: [{name: sub}]",
            "expected exactly one, got neither: spec.tasks[0].taskRef, spec.tasks[0].taskSpec, "
            "spec.tasks[0].pipelineRef, spec.tasks[0].pipelineSpec",
        ),
        (
            {"enable-api-fields": "alpha"},
            "1.9",
            "tasks: [{name: sub, pipelineRef: {name: c}}]",
            'PipelineRef for PipelineTask "sub" is not yet implemented',
        ),
    ],
)
def test_what_is_refused(driver_with: Any, flags: Any, version: str, pipeline: str, message: str) -> None:
    driver = driver_with(flags=flags, tekton_version=version)
    run = driver.start(pipeline)
    assert driver.condition(run)[1] == "PipelineValidationFailed"
    assert driver.condition(run)[2].endswith(message)
