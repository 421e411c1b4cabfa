"""The objects that a PipelineTask becomes: names, labels, overrides, workspaces, params handed down."""

from __future__ import annotations

from typing import Any

import pytest

STEP = "steps: [{name: s, image: i, script: 'true'}]"
TASK = "taskSpec: {" + STEP + "}"


def test_a_task_run_as_upstream_creates_it(driver: Any) -> None:
    driver.apply(
        """
        apiVersion: tekton.dev/v1
        kind: Task
        metadata: {name: t}
        spec: {params: [{name: p}], steps: [{name: s, image: i, script: "true"}]}
        ---
        apiVersion: tekton.dev/v1
        kind: Pipeline
        metadata: {name: pipe, labels: {from: pipeline, both: pipeline}, annotations: {note: text}}
        spec:
          params: [{name: p}]
          tasks: [{name: a, retries: 1, timeout: 5m, taskRef: {name: t}, params: [{name: p, value: $(params.p)}]}]
        """
    )
    spec = {"pipelineRef": {"name": "pipe"}, "params": [{"name": "p", "value": "v"}, {"name": "extra", "value": "e"}]}
    annotations = {"keep": "k", "chains.tekton.dev/signed": "true"}
    driver.create("PipelineRun", "pr", spec, labels={"both": "run"}, annotations=annotations)
    run = driver.settle()
    assert run["metadata"]["labels"] == {"both": "run", "from": "pipeline", "tekton.dev/pipeline": "pipe"}
    assert run["metadata"]["annotations"] == {**annotations, "note": "text"}
    child = driver.get("TaskRun", "pr-a")
    uid = run["metadata"]["uid"]
    assert child["metadata"]["labels"] == {
        "both": "run",
        "from": "pipeline",
        "tekton.dev/pipeline": "pipe",
        "tekton.dev/pipelineRun": "pr",
        "tekton.dev/pipelineRunUID": uid,
        "tekton.dev/pipelineTask": "a",
        "tekton.dev/memberOf": "tasks",
        "app.kubernetes.io/managed-by": "tekton-pipelines",
    }
    assert child["metadata"]["annotations"] == {"keep": "k", "note": "text"}
    assert child["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "name": "pr",
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert child["spec"] == {
        "serviceAccountName": "default",
        "params": [{"name": "p", "value": "v"}],
        "taskRef": {"kind": "Task", "name": "t"},
        "retries": 1,
        "timeout": "5m0s",
    }
    status = run["status"]
    assert status["pipelineSpec"]["tasks"][0]["params"] == [{"name": "p", "value": "v"}]
    assert status["provenance"]["featureFlags"]["enableAPIFields"] == "alpha"
    assert status["childReferences"] == [
        {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": "pr-a", "pipelineTaskName": "a"}
    ]


def test_an_embedded_pipeline_is_labelled_by_how_the_run_was_named(driver: Any) -> None:
    spec = {"pipelineSpec": {"tasks": [{"name": "a", "taskSpec": {"steps": [{"image": "i", "script": "x"}]}}]}}
    for metadata in ({"name": "plain"}, {"generateName": "many-", "name": "many-abcde"}):
        value = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"namespace": "ci", **metadata}}
        driver.client.create({**value, "spec": spec})
    driver.settle("plain")
    found = {name: driver.get("PipelineRun", name)["metadata"]["labels"] for name in ("plain", "many-abcde")}
    assert found == {"plain": {"tekton.dev/pipeline": "plain"}, "many-abcde": {"tekton.dev/pipeline": "many"}}


def test_task_run_specs_override_everything_for_one_task(driver: Any) -> None:
    driver.start(
        f"""
        tasks:
        - name: a
          timeout: 1m
          taskSpec: {{metadata: {{labels: {{l: embedded, k: embedded, r: embedded}}}}, {STEP},
                      sidecars: [{{name: sc, image: i}}]}}
        - {{name: b, {TASK}}}
        """,
        """
        taskRunTemplate:
          serviceAccountName: robot
          podTemplate:
            env: [{name: A, value: run}, {name: B, value: run}]
            schedulerName: s
            nodeSelector: {zone: run}
        taskRunSpecs:
        - pipelineTaskName: a
          serviceAccountName: other
          timeout: 2h
          metadata: {labels: {l: spec, tekton.dev/memberOf: mine}, annotations: {x: spec}}
          podTemplate: {env: [{name: A, value: task}], nodeSelector: {zone: task}}
          stepSpecs: [{name: s, computeResources: {limits: {memory: 1Gi}}}]
          sidecarSpecs: [{name: sc, computeResources: {limits: {memory: 1Gi}}}]
          computeResources: {requests: {cpu: "1"}}
        """,
        labels={"r": "run"},
    )
    a, b = driver.get("TaskRun", "pr-a"), driver.get("TaskRun", "pr-b")
    labels = a["metadata"]["labels"]
    assert (labels["l"], labels["k"], labels["r"]) == ("spec", "embedded", "run")
    assert labels["tekton.dev/memberOf"] == "mine" and a["metadata"]["annotations"] == {"x": "spec"}
    assert a["spec"]["serviceAccountName"] == "other" and b["spec"]["serviceAccountName"] == "robot"
    assert a["spec"]["timeout"] == "2h0m0s" and "timeout" not in b["spec"]
    assert a["spec"]["podTemplate"] == {
        "env": [{"name": "A", "value": "task"}, {"name": "B", "value": "run"}],
        "schedulerName": "s",
        "nodeSelector": {"zone": "task"},
    }
    assert b["spec"]["podTemplate"]["env"][0] == {"name": "A", "value": "run"}
    assert a["spec"]["stepSpecs"][0]["name"] == "s" and a["spec"]["sidecarSpecs"][0]["name"] == "sc"
    assert a["spec"]["computeResources"] == {"requests": {"cpu": "1"}}
    assert "stepSpecs" not in b["spec"]


@pytest.mark.parametrize(
    ("timeouts", "version", "task", "final"),
    [
        ("{pipeline: 3h, tasks: 2h}", "1.15", "2h0m0s", None),
        ("{pipeline: 4h, tasks: 2h}", "1.15", "2h0m0s", "2h0m0s"),
        ("{pipeline: 0s, tasks: 0s}", "1.15", "0s", None),
        ("{pipeline: 30m, tasks: 20m}", "1.15", None, None),
        ("{pipeline: 3h}", "1.15", None, None),
        ("{pipeline: 4h, tasks: 2h}", "1.9", None, None),
    ],
)
def test_a_section_that_may_take_longer_than_the_default_lets_its_tasks(
    driver_with: Any, timeouts: str, version: str, task: str | None, final: str | None
) -> None:
    driver = driver_with(tekton_version=version)
    driver.start(f"tasks: [{{name: a, {TASK}}}]\nfinally: [{{name: f, {TASK}}}]", f"timeouts: {timeouts}")
    driver.end("pr-a")
    assert driver.get("TaskRun", "pr-a")["spec"].get("timeout") == task
    assert driver.get("TaskRun", "pr-f")["spec"].get("timeout") == final


def test_workspaces_are_bound_joined_and_handed_down(driver: Any) -> None:
    driver.start(
        """
        workspaces: [{name: shared}, {name: conf, optional: true}]
        tasks:
        - name: a
          workspaces: [{name: src, workspace: shared, subPath: "$(context.pipelineRun.name)"}, {name: conf}]
          taskSpec:
            workspaces: [{name: src}, {name: conf, optional: true}]
            steps: [{name: s, image: i, script: "ls"}]
        - name: b
          taskSpec: {steps: [{name: s, image: i, script: "ls $(workspaces.shared.path)"}]}
        - name: c
          taskSpec: {steps: [{name: s, image: i, script: "true"}]}
        """,
        "workspaces: [{name: shared, subPath: base, volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce]}}}]",
    )
    bound = [driver.get("TaskRun", name)["spec"].get("workspaces") for name in ("pr-a", "pr-b", "pr-c")]
    claim = bound[0][0]["persistentVolumeClaim"]["claimName"]
    assert bound[0] == [{"name": "src", "subPath": "base/pr", "persistentVolumeClaim": {"claimName": claim}}]
    assert bound[1] == [{"name": "shared", "subPath": "base", "persistentVolumeClaim": {"claimName": claim}}]
    assert bound[2] is None


def test_a_workspace_that_nobody_bound_ends_the_run(driver: Any) -> None:
    run = driver.start(
        "tasks: [{name: a, workspaces: [{name: w, workspace: gone}], taskSpec: {workspaces: [{name: w}], "
        + STEP
        + "}}]\nworkspaces: [{name: gone, optional: true}]"
    )
    assert driver.condition(run)[1:] == (
        "RequiredWorkspaceMarkedOptional",
        '[User error] Optional workspace not supported by task: pipeline workspace "gone" is marked optional but '
        'pipeline task "a" requires it be provided',
    )


def test_params_reach_embedded_tasks_by_scope(driver: Any) -> None:
    driver.start(
        """
        params:
        - {name: run}
        - {name: pipeline, default: from-pipeline}
        - {name: derived, default: "<$(params.run)>"}
        - {name: obj, type: object, properties: {a: {}, b: {}}, default: {a: da, b: db}}
        tasks:
        - name: a
          params: [{name: pipeline, value: from-task}, {name: own, value: own}]
          taskSpec:
            params: [{name: inner, default: from-spec}, {name: run, default: never}]
            steps:
            - name: s
              image: i
              script: |
                $(params.run) $(params.pipeline) $(params.derived) $(params.own) $(params.inner)
                $(params.obj.a) $(params.obj.b) $(context.pipeline.name) $(params.nobody)
        """,
        "params: [{name: run, value: from-run}, {name: obj, value: {a: given}}]",
    )
    script = driver.get("TaskRun", "pr-a")["spec"]["taskSpec"]["steps"][0]["script"]
    assert script.splitlines() == [
        "from-run from-task <from-run> $(params.own) $(params.inner)",
        "given db pr $(params.nobody)",
    ]


def test_nothing_is_propagated_into_a_task_by_reference(driver: Any) -> None:
    driver.apply(
        """
        apiVersion: tekton.dev/v1
        kind: Task
        metadata: {name: t}
        spec: {steps: [{name: s, image: i, script: "$(params.p) $(workspaces.w.path)"}]}
        """
    )
    driver.start(
        "workspaces: [{name: w}]\nparams: [{name: p}]\ntasks: [{name: a, taskRef: {name: t}}]",
        "{params: [{name: p, value: v}], workspaces: [{name: w, emptyDir: {}}]}",
    )
    assert driver.get("TaskRun", "pr-a")["spec"] == {
        "serviceAccountName": "default",
        "taskRef": {"kind": "Task", "name": "t"},
    }


@pytest.mark.parametrize(
    ("specs", "given", "reason", "message"),
    [
        ("[{name: p}]", "[]", "ParameterMissing", "pipelineRun missing parameters: [p]"),
        (
            "[{name: p, enum: [a, b]}]",
            "[{name: p, value: c}]",
            "InvalidParamValue",
            "[User error] PipelineRun ci/pr parameters have invalid value: param `p` value: c is not in the enum list",
        ),
        (
            "[{name: p, type: object, properties: {a: {}, b: {}}}]",
            "[{name: p, value: {a: x}}]",
            "ObjectParameterMissKeys",
            "pipelineRun missing object keys for parameters: map[p:[b]]",
        ),
        (
            '[{name: p, default: "$(params.q)"}, {name: q, default: "$(params.p)"}]',
            "[]",
            "PipelineValidationFailed",
            "parameter resolution failed: circular dependency detected in param",
        ),
        (
            '[{name: p, default: "$(params.gone)"}]',
            "[]",
            "PipelineValidationFailed",
            'parameter resolution failed: param "params.p" references undefined param "params.gone"',
        ),
        ("[{name: p, type: array}]", "[{name: p, value: x}]", "ParameterTypeMismatch", "inconsistent types : [p]"),
    ],
)
def test_params_that_do_not_fit(driver: Any, specs: str, given: str, reason: str, message: str) -> None:
    run = driver.start(f"params: {specs}\ntasks: [{{name: a, {TASK}}}]", f"params: {given}")
    assert driver.condition(run)[1] == reason
    assert message in driver.condition(run)[2]


ENUM = "taskSpec: {params: [{name: q, enum: [a, b]}], " + STEP + "}"


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        ("{name: p, enum: [a]}", "$(params.p)", ""),
        (
            "{name: p, default: a}",
            "$(params.p)",
            'pipeline param "p" has no enum, but referenced in "" task has enums: [a b]',
        ),
        (
            "{name: p, default: a, enum: [a, c]}",
            "$(params.p)",
            'pipeline param "p" enum: [a c] is not a subset of the referenced in "" task param enum: [a b]',
        ),
    ],
)
def test_the_enum_of_a_pipeline_is_a_subset_of_its_tasks(driver: Any, declared: str, value: str, message: str) -> None:
    run = driver.start(
        f"params: [{declared}]\ntasks: [{{name: t, {ENUM}, params: [{{name: q, value: {value}}}]}}]",
        "params: [{name: p, value: a}]",
    )
    if not message:
        assert driver.names() == ["pr-t"]
        return
    assert driver.condition(run) == (
        "False",
        "PipelineValidationFailed",
        f"[User error] Validation failed for pipelinerun with error {message}",
    )


def test_a_result_that_an_enum_does_not_hold_ends_the_run(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, taskSpec: {{results: [{{name: r}}], {STEP}}}}}
        - {{name: t, {ENUM}, params: [{{name: q, value: $(tasks.a.results.r)}}]}}
    """)
    run = driver.end("pr-a", results={"r": "z"})
    assert driver.condition(run)[1:] == (
        "InvalidParamValue",
        '[User error] Invalid param value from PipelineTask "t": param `q` value: z is not in the enum list',
    )


@pytest.mark.parametrize(
    ("pipeline", "reason", "message"),
    [
        (
            f"tasks: [{{name: a, {TASK}}}, {{name: a, {TASK}}}]",
            "PipelineInvalidGraph",
            "[User error] PipelineRun ci/pr's Pipeline DAG is invalid: "
            "task a is already present in Graph, can't add it again: duplicate pipeline task",
        ),
        (
            f"tasks: [{{name: a, {TASK}}}]\nfinally: [{{name: f, {TASK}}}, {{name: f, {TASK}}}]",
            "PipelineInvalidGraph",
            "[User error] PipelineRun ci/pr's Pipeline DAG is invalid for finally clause: "
            "task f is already present in Graph, can't add it again: duplicate pipeline task",
        ),
        (
            "tasks: [{name: a, taskSpec: {params: [{name: p}], " + STEP + "}}]",
            "PipelineValidationFailed",
            "[User error] Validation failed for pipelinerun pr with error invalid input params for task : "
            "missing values for these params which have no default values: [p]",
        ),
        (
            f"tasks: [{{name: a, {TASK}}}]\nresults: [{{name: r, value: $(tasks.a.results.x)}}]",
            "InvalidPipelineResultReference",
            'Failed to resolve pipeline result reference for "pr" with error invalid pipeline result "r": '
            '"x" is not a named result returned by pipeline task "a"',
        ),
        (
            "tasks: [{name: a, taskSpec: {params: [{name: p, type: array}], " + STEP + "}, "
            "matrix: {params: [{name: p, value: [x]}]}}]",
            "PipelineValidationFailed",
            "[User error] Validation failed for pipelinerun pr with error invalid input params for task : "
            "param types don't match the user-specified type: [p]",
        ),
    ],
)
def test_pipelines_that_cannot_run(driver: Any, pipeline: str, reason: str, message: str) -> None:
    run = driver.start(pipeline)
    assert driver.condition(run) == ("False", reason, message)
    assert driver.names() == [] and run["status"]["completionTime"]


def test_an_index_in_an_embedded_step_is_the_tasks_own_affair(driver: Any) -> None:
    driver.start(
        "params: [{name: x, type: array}]\ntasks: [{name: a, taskSpec: {params: [{name: x, type: array, "
        "default: [a, b, c]}], steps: [{name: s, image: i, args: ['$(params.x[2])'], script: 'true'}]}}]",
        "params: [{name: x, value: [only]}]",
    )
    assert driver.names() == ["pr-a"]
