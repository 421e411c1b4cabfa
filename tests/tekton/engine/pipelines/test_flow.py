"""Order, when, results, failures, cancelling and time limits, as upstream's reconciler decides them."""

from __future__ import annotations

from typing import Any

import pytest

STEP = "steps: [{name: s, image: i, script: 'true'}]"
TASK = "taskSpec: {" + STEP + "}"
R = "taskSpec: {results: [{name: r}, {name: l, type: array}, {name: o, properties: {k: {}}}], " + STEP + "}"
ONE = "taskSpec: {params: [{name: x}], " + STEP + "}"
OK = "Tasks Completed: {} (Failed: {}, Cancelled {}), Skipped: {}"


def test_cel_decides_with_params_results_and_states(driver: Any) -> None:
    driver.start(
        f"""
        params: [{{name: branch}}]
        tasks:
        - {{name: a, {R}}}
        - {{name: b, {ONE}, params: [{{name: x, value: $(tasks.a.results.o.k)}}],
             when: [{{cel: "'$(tasks.a.results.r)' == 'go' && '$(params.branch)'.matches('release/.*')"}}]}}
        - {{name: c, {TASK}, when: [{{cel: "'$(tasks.a.results.l[1])' in ['x']"}}]}}
        finally:
        - {{name: f, {TASK}, when: [{{cel: "'$(tasks.status)' == 'Completed'"}}]}}
        - {{name: g, {TASK}, when: [{{cel: "'$(tasks.b.status)' == 'None'"}}]}}
        """,
        "params: [{name: branch, value: release/v1}]",
    )
    run = driver.end("pr-a", results={"r": "go", "l": ["x", "y"], "o": {"k": "v"}})
    assert driver.names() == ["pr-a", "pr-b"]
    assert run["status"]["skippedTasks"] == [
        {
            "name": "c",
            "reason": "When Expressions evaluated to false",
            "whenExpressions": [{"cel": "'y' in ['x']"}],
        }
    ]
    reference = run["status"]["childReferences"][1]
    assert reference["whenExpressions"] == [{"cel": "'go' == 'go' && 'release/v1'.matches('release/.*')"}]
    run = driver.end("pr-b")
    assert driver.names()[2:] == ["pr-f"]
    assert driver.reasons(run)["g"] == "When Expressions evaluated to false"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "{'blue': '0x000080', 'red': '0xFF0000'}['red']",
            "The CEL expression {'blue': '0x000080', 'red': '0xFF0000'}['red'] is not evaluated to a boolean",
        ),
        ("1 / 0 == 1", "division by zero"),
    ],
)
def test_cel_that_cannot_be_judged_ends_the_run_before_anything_starts(
    driver: Any, expression: str, message: str
) -> None:
    run = driver.start(f'tasks: [{{name: a, {TASK}}}, {{name: b, {TASK}, when: [{{cel: "{expression}"}}]}}]')
    assert driver.condition(run) == (
        "False",
        "CELEvaluationFailed",
        f"[User error] Error evaluating CEL pr: {message}",
    )
    assert driver.names() == []


def test_a_result_that_spoils_a_cel_expression_ends_the_run(driver: Any) -> None:
    driver.start(f"""
        tasks: [{{name: a, {R}}}, {{name: b, {TASK}, when: [{{cel: "'$(tasks.a.results.r)' == 'x'"}}]}}]
    """)
    run = driver.end("pr-a", results={"r": "it's"})
    assert driver.condition(run)[1] == "CELEvaluationFailed"


@pytest.mark.parametrize(
    ("condition", "flags", "message"),
    [
        (
            {"cel": "'d'=='d'"},
            {},
            "feature flag enable-cel-in-whenexpression should be set to true to use CEL: 'd'=='d' in WhenExpression",
        ),
        (
            {"cel": "foo == 'foo'"},
            {"enable-cel-in-whenexpression": True},
            "invalid cel expression: foo == 'foo' with err: ERROR: <input>:1:1: undeclared reference to "
            "'foo' (in container '')\n | foo == 'foo'\n | ^",
        ),
        (
            {"cel": "true", "input": "a", "operator": "in", "values": ["a"]},
            {"enable-cel-in-whenexpression": True},
            "cel and input+operator+values cannot be set in one WhenExpression",
        ),
    ],
)
def test_cel_that_the_webhook_refuses(
    driver_with: Any, condition: dict[str, Any], flags: dict[str, Any], message: str
) -> None:
    driver = driver_with(flags=flags)
    spec = {"tasks": [{"name": "a", "when": [condition], "taskSpec": {"steps": [{"image": "i", "script": "x"}]}}]}
    driver.create("PipelineRun", "pr", {"pipelineSpec": spec})
    run = driver.settle()
    prefix = "[User error] Pipeline ci/pr can't be Run; it has an invalid spec: "
    assert driver.condition(run)[1:] == ("PipelineValidationFailed", f"{prefix}{message}: spec.tasks[0].when[0]")


def test_when_takes_arrays_of_params_and_results(driver: Any) -> None:
    driver.start(
        f"""
        params: [{{name: list, type: array}}]
        tasks:
        - {{name: a, {R}}}
        - {{name: b, {TASK}, when: [{{input: k, operator: in, values: ["$(params.list[*])"]}}]}}
        - {{name: c, {TASK}, when: [{{input: "2", operator: in, values: ["$(tasks.a.results.l[*])"]}}]}}
        - {{name: d, {TASK}, when: [{{input: "$(tasks.a.results.l[0])", operator: notin, values: [other]}}]}}
        - {{name: e, {TASK}, when: [{{input: "$(tasks.a.results.l[*])", operator: in, values: ['["1","2"]']}}]}}
        """,
        "params: [{name: list, value: [j, k]}]",
    )
    assert driver.names() == ["pr-a", "pr-b"]
    driver.end("pr-a", results={"l": ["1", "2"]})
    assert driver.names() == ["pr-a", "pr-b", "pr-c", "pr-d", "pr-e"]


def test_with_one_result_missing_no_other_is_filled_in(driver: Any) -> None:
    # resultrefresolution.go ResolveResultRefs: all or nothing, so that `when` sees the reference itself.
    driver.start(f"""
        tasks:
        - {{name: a, {R}}}
        - {{name: b, {R}}}
        - {{name: c, {ONE}, params: [{{name: x, value: $(tasks.b.results.r)}}],
             when: [{{input: $(tasks.a.results.r), operator: in, values: [go]}}]}}
    """)
    driver.end("pr-a", results={"r": "go"})
    run = driver.end("pr-b")
    assert driver.reasons(run) == {"c": "When Expressions evaluated to false"}


def test_an_index_out_of_a_results_range_ends_the_run(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, {R}}}
        - {{name: slow, {TASK}}}
        - {{name: b, {ONE}, runAfter: [slow], params: [{{name: x, value: "$(tasks.a.results.l[2])"}}]}}
    """)
    run = driver.end("pr-a", results={"l": ["1"]})
    assert driver.condition(run) == (
        "False",
        "PipelineValidationFailed",
        "[User error] PipelineRun ci/pr can't be Run; couldn't resolve all references: "
        "array Result Index 2 for Task a Result l is out of bound of size 1",
    )


def test_results_reach_params_workspaces_names_and_embedded_steps(driver: Any) -> None:
    driver.start(
        f"""
        workspaces: [{{name: w}}]
        tasks:
        - {{name: a, {R}}}
        - name: b
          displayName: for $(tasks.a.results.r)
          workspaces: [{{name: w, subPath: $(tasks.a.results.r)}}]
          params: [{{name: l, value: "$(tasks.a.results.l[*])"}}, {{name: o, value: "$(tasks.a.results.o[*])"}}]
          taskSpec:
            workspaces: [{{name: w}}]
            params: [{{name: l, type: array}}, {{name: o, type: object, properties: {{k: {{}}}}}}]
            steps:
            - name: s
              image: i
              args: ["$(tasks.a.results.l[*])", "$(tasks.a.results.l[0])"]
              script: echo $(tasks.a.results.r) $(tasks.a.results.o.k) $(tasks.c.results.r)
        - {{name: c, {R}}}
        """,
        "workspaces: [{name: w, subPath: '$(tasks.a.results.o.k)', persistentVolumeClaim: {claimName: c}}]",
    )
    driver.end("pr-c", results={"r": "other"})
    run = driver.end("pr-a", results={"r": "x", "l": ["1", "2"], "o": {"k": "v"}})
    spec = driver.get("TaskRun", "pr-b")["spec"]
    assert driver.params("pr-b") == {"l": ["1", "2"], "o": {"k": "v"}}
    assert spec["workspaces"] == [{"name": "w", "subPath": "v/x", "persistentVolumeClaim": {"claimName": "c"}}]
    # An element of an array is not filled in here, as upstream's PropagateResults has it.
    assert spec["taskSpec"]["steps"][0]["args"] == ["1", "2", "$(tasks.a.results.l[0])"]
    assert spec["taskSpec"]["steps"][0]["script"] == "echo x v other"
    assert next(item for item in run["status"]["childReferences"] if item["name"] == "pr-b")["displayName"] == "for x"


def test_artifacts_reach_embedded_steps(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, {TASK}}}
        - {{name: b, runAfter: [a], taskSpec: {{steps: [{{name: s, image: i,
             script: "echo $(tasks.a.outputs) $(tasks.a.outputs.img) $(tasks.a.inputs.src)"}}]}}}}
    """)
    value = [{"uri": "pkg:oci/x?a&b", "digest": {"sha256": "f0"}}]
    driver.end("pr-a", artifacts={"outputs": [{"name": "img", "values": value}], "inputs": []})
    text = '[{"digest":{"sha256":"f0"},"uri":"pkg:oci/x?a\\u0026b"}]'
    script = driver.get("TaskRun", "pr-b")["spec"]["taskSpec"]["steps"][0]["script"]
    assert script == f"echo {text} {text} $(tasks.a.inputs.src)"


def test_pipeline_results_of_every_shape_and_what_is_left_out(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, {R}}}
        - {{name: skipped, {R}, when: [{{input: x, operator: in, values: [z]}}]}}
        - {{name: custom, taskRef: {{apiVersion: example.dev/v1, kind: Wait}}}}
        - {{name: bad, onError: continue, {R}}}
        finally: [{{name: f, {R}}}]
        results:
        - {{name: text, value: "<$(tasks.a.results.r)> $(tasks.a.results.o.k)"}}
        - {{name: whole, type: array, value: "$(tasks.a.results.l[*])"}}
        - {{name: element, value: "$(tasks.a.results.l[1])"}}
        - {{name: object, type: object, value: "$(tasks.a.results.o[*])"}}
        - {{name: custom, value: $(tasks.custom.results.any)}}
        - {{name: final, value: $(finally.f.results.r)}}
        - {{name: skipped, value: $(tasks.skipped.results.r)}}
        - {{name: failed, value: $(tasks.bad.results.r)}}
        - {{name: kept, value: "$(tasks.bad.results.l[0])"}}
    """)
    driver.end("pr-a", results={"r": "x", "l": ["1", "2"], "o": {"k": "v"}})
    driver.end("pr-custom", kind="CustomRun", results={"any": "thing"})
    driver.fail("pr-bad", reason="FailureIgnored", results={"l": ["even so"]})
    run = driver.end("pr-f", results={"r": "end"})
    assert driver.condition(run)[:2] == ("True", "Completed")
    assert {item["name"]: item["value"] for item in run["status"]["results"]} == {
        "text": "<x> v",
        "whole": ["1", "2"],
        "element": "2",
        "object": {"k": "v"},
        "custom": "thing",
        "final": "end",
        "kept": "even so",
    }


def test_a_pipeline_result_that_a_successful_task_did_not_write_fails_the_run(driver: Any) -> None:
    driver.start(f"tasks: [{{name: a, {R}}}]\nresults: [{{name: out, value: $(tasks.a.results.r)}}]")
    run = driver.end("pr-a", results={"l": []})
    assert driver.condition(run) == (
        "False",
        "CouldntGetPipelineResult",
        "Failed to get PipelineResult from TaskRun Results for PipelineRun pr: "
        "invalid pipelineresults [out], the referenced results don't exist",
    )


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("params: [{name: x, value: $(tasks.a.results.r)}]", "Results were missing"),
        ("when: [{input: $(tasks.a.results.r), operator: notin, values: [z]}]", "Results were missing"),
        ("runAfter: [a]", None),
    ],
)
def test_what_a_skipped_task_takes_with_it(driver: Any, use: str, reason: str | None) -> None:
    run = driver.start(f"""
        tasks:
        - {{name: a, {R}, when: [{{input: x, operator: in, values: [z]}}]}}
        - {{name: b, {use}, taskSpec: {{params: [{{name: x, default: ""}}], {STEP}}}}}
        - {{name: c, runAfter: [b], {TASK}}}
    """)
    found = driver.reasons(run)
    assert found["a"] == "When Expressions evaluated to false"
    assert found.get("b") == reason
    assert found.get("c") == ("Parent Tasks were skipped" if reason else None)
    assert driver.names() == ([] if reason else ["pr-b"])


def test_a_result_used_only_in_an_embedded_step_is_not_skipped_for(driver: Any) -> None:
    # hasResultReferences looks at params and when alone: such a task fails validation instead.
    run = driver.start(f"""
        tasks:
        - {{name: a, {R}, when: [{{input: x, operator: in, values: [z]}}]}}
        - {{name: b, taskSpec: {{steps: [{{name: s, image: i, script: "echo $(tasks.a.results.r)"}}]}}}}
    """)
    assert driver.condition(run)[1:] == (
        "PipelineValidationFailed",
        "Tasks Completed: 0 (Failed: 0, Cancelled 0), Skipped: 1, Failed Validation: 1 "
        '(Result reference error: Internal result ref "a" has zero-length TaskRuns)',
    )


def test_a_failed_tasks_missing_result_skips_one_that_may_fail(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, onError: continue, {R}}}
        - {{name: b, onError: continue, {ONE}, params: [{{name: x, value: $(tasks.a.results.r)}}]}}
    """)
    run = driver.fail("pr-a", reason="FailureIgnored")
    assert driver.reasons(run) == {"b": "Results were missing"}
    assert driver.condition(run)[1:] == (
        "Completed",
        "Tasks Completed: 1 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 1",
    )


def test_a_failed_tasks_missing_result_fails_one_that_may_not(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, onError: continue, {R}}}
        - {{name: b, {ONE}, params: [{{name: x, value: $(tasks.a.results.r)}}]}}
        finally: [{{name: f, {TASK}}}]
    """)
    run = driver.fail("pr-a", reason="FailureIgnored")
    assert driver.names() == ["pr-a", "pr-f"]
    run = driver.end("pr-f")
    assert driver.condition(run)[1:] == (
        "PipelineValidationFailed",
        "Tasks Completed: 2 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 0, Failed Validation: 1 "
        "(Invalid task result reference: Could not find result with name r for pipeline task a)",
    )


def test_states_and_reasons_for_finally(driver: Any) -> None:
    names = ["ok", "bad", "ign", "skip"]
    given = ", ".join(
        f"{{name: {name}-{kind}, value: $(tasks.{name}.{kind})}}" for name in names for kind in ("status", "reason")
    )
    driver.start(f"""
        tasks:
        - {{name: ok, {TASK}}}
        - {{name: bad, runAfter: [ok, ign], {TASK}}}
        - {{name: ign, onError: continue, {TASK}}}
        - {{name: skip, runAfter: [bad], {TASK}}}
        finally:
        - {{name: f, {TASK}, params: [{given}, {{name: all, value: $(tasks.status)}}]}}
    """)
    driver.end("pr-ok")
    driver.fail("pr-ign", reason="FailureIgnored")
    driver.fail("pr-bad", reason="StepOOM")
    assert driver.params("pr-f") == {
        "ok-status": "Succeeded",
        "ok-reason": "Succeeded",
        "bad-status": "Failed",
        "bad-reason": "StepOOM",
        "ign-status": "Failed",
        "ign-reason": "FailureIgnored",
        "skip-status": "None",
        "skip-reason": "",
        "all": "Failed",
    }


def test_finally_tasks_use_results_and_are_skipped_without_them(driver: Any) -> None:
    driver.start(f"""
        tasks: [{{name: a, {R}}}]
        finally:
        - {{name: f, {ONE}, params: [{{name: x, value: $(tasks.a.results.r)}}]}}
        - {{name: g, {ONE}, params: [{{name: x, value: "$(tasks.a.results.l[0])"}}]}}
        - {{name: h, {TASK}, when: [{{input: $(tasks.a.results.r), operator: in, values: [nay]}}]}}
        - {{name: i, taskSpec: {{steps: [{{name: s, image: i, script: "echo $(tasks.a.results.o.k)"}}]}}}}
    """)
    run = driver.fail("pr-a", results={"r": "x"})
    assert driver.names() == ["pr-a", "pr-f"]
    assert run["status"]["skippedTasks"] == [
        {"name": "g", "reason": "Results were missing"},
        {
            "name": "h",
            "reason": "When Expressions evaluated to false",
            "whenExpressions": [{"input": "x", "operator": "in", "values": ["nay"]}],
        },
        {"name": "i", "reason": "Results were missing"},
    ]
    assert driver.condition(driver.end("pr-f"))[1:] == ("Failed", OK.format(2, 1, 0, 3))


LONG = f"""
    tasks: [{{name: a, retries: 2, {TASK}}}, {{name: b, {TASK}}}, {{name: c, runAfter: [a], {TASK}}}]
    finally: [{{name: f, {TASK}}}]
"""


def spec_of(driver: Any, name: str) -> tuple[str | None, str | None]:
    spec = driver.get("TaskRun", name)["spec"]
    return spec.get("status"), spec.get("statusMessage")


BY_RUN = ("TaskRunCancelled", "TaskRun cancelled as the PipelineRun it belongs to has been cancelled.")
BY_TIME = ("TaskRunCancelled", "TaskRun cancelled as the PipelineRun it belongs to has timed out.")


def test_cancelled_ends_at_once_and_runs_no_finally(driver: Any) -> None:
    driver.start(LONG)
    driver.end("pr-b")
    run = driver.change({"status": "Cancelled"})
    assert driver.condition(run) == ("False", "Cancelled", 'PipelineRun "pr" was cancelled')
    assert spec_of(driver, "pr-a") == BY_RUN and spec_of(driver, "pr-b") == (None, None)
    assert driver.names() == ["pr-a", "pr-b"] and run["status"]["completionTime"]


def test_cancelled_run_finally_cancels_what_runs_and_runs_finally(driver: Any) -> None:
    driver.start(LONG)
    driver.end("pr-b")
    run = driver.change({"status": "CancelledRunFinally"})
    assert driver.condition(run)[1] == "CancelledRunningFinally"
    assert spec_of(driver, "pr-a") == BY_RUN
    assert driver.reasons(run) == {"c": "PipelineRun was gracefully cancelled"}
    driver.fail("pr-a", reason="TaskRunCancelled")
    assert driver.names()[2:] == ["pr-f"]
    assert driver.condition(driver.end("pr-f")) == ("False", "Cancelled", 'PipelineRun "pr" was cancelled')


def test_stopped_run_finally_lets_what_runs_end(driver: Any) -> None:
    driver.start(LONG)
    run = driver.change({"status": "StoppedRunFinally"})
    assert driver.condition(run)[1:] == (
        "StoppedRunningFinally",
        "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 3, Skipped: 1",
    )
    assert spec_of(driver, "pr-a") == (None, None)
    assert driver.reasons(run) == {"c": "PipelineRun was gracefully stopped"}
    driver.end("pr-a", "pr-b")
    assert driver.condition(driver.end("pr-f")) == ("False", "Cancelled", 'PipelineRun "pr" was cancelled')


def test_a_failure_after_stopping_counts_more_than_stopping(driver: Any) -> None:
    driver.start(LONG)
    driver.change({"status": "StoppedRunFinally"})
    run = driver.fail("pr-a")
    assert driver.reasons(run) == {"c": "PipelineRun was stopping"}
    driver.end("pr-b")
    assert driver.condition(driver.end("pr-f"))[1:] == ("Failed", OK.format(3, 1, 0, 1))


def test_pending_waits_and_starts_its_clock_later(driver: Any) -> None:
    run = driver.start(LONG, "{status: PipelineRunPending, timeouts: {pipeline: 1m}}")
    assert driver.condition(run) == ("Unknown", "PipelineRunPending", 'PipelineRun "pr" is pending')
    driver.pass_time(hours=2)
    assert "startTime" not in driver.get("PipelineRun", "pr")["status"]
    run = driver.change({"status": ""})
    assert driver.condition(run)[1] == "Running" and driver.names() == ["pr-a", "pr-b"]


@pytest.mark.parametrize(
    ("timeouts", "seconds", "cancelled", "message"),
    [
        ("{pipeline: 1m}", 61, True, 'PipelineRun "pr" failed to finish within "1m0s"'),
        ("{pipeline: 1m}", 60, False, ""),
        ("{pipeline: 0s}", 1_000_000, False, ""),
        ("{}", 3601, True, 'PipelineRun "pr" failed to finish within "1h0m0s"'),
    ],
)
def test_the_limit_of_a_run(driver: Any, timeouts: str, seconds: int, cancelled: bool, message: str) -> None:
    driver.start(LONG, f"timeouts: {timeouts}")
    run = driver.pass_time(seconds=seconds)
    assert spec_of(driver, "pr-a") == (BY_TIME if cancelled else (None, None))
    expected = ("False", "PipelineRunTimeout", message) if cancelled else ("Unknown", "Running")
    assert driver.condition(run)[: len(expected)] == expected


def test_tasks_over_their_limit_are_cancelled_and_finally_has_its_own(driver: Any) -> None:
    driver.start(LONG, "timeouts: {pipeline: 10m, tasks: 1m}")
    run = driver.pass_time(seconds=61)
    assert driver.condition(run)[:2] == ("Unknown", "PipelineRunTimeoutRunningFinally")
    assert spec_of(driver, "pr-a") == BY_TIME
    run = driver.fail("pr-a", "pr-b", reason="TaskRunCancelled")
    assert driver.names()[2:] == ["pr-f"]
    assert spec_of(driver, "pr-f") == (None, None)
    run = driver.pass_time(minutes=8, seconds=58)
    assert spec_of(driver, "pr-f") == (None, None)
    run = driver.end("pr-f")
    assert driver.condition(run) == (
        "False",
        "PipelineRunTimeout",
        'PipelineRun "pr" failed due to tasks failed to finish within "1m0s"',
    )


def test_finally_over_its_limit_is_cancelled(driver: Any) -> None:
    driver.start(
        f"tasks: [{{name: a, {TASK}}}]\nfinally: [{{name: f, {TASK}}}]", "timeouts: {pipeline: 10m, finally: 1m}"
    )
    driver.pass_time(minutes=5)
    driver.end("pr-a")
    driver.pass_time(seconds=61)
    assert spec_of(driver, "pr-f") == BY_TIME
    driver.client.patch("", "TaskRun", "pr-f", {"spec": {"statusMessage": BY_TIME[1]}}, namespace="ci")
    run = driver.fail("pr-f", reason="TaskRunCancelled")
    assert driver.condition(run)[1:] == ("Failed", OK.format(2, 1, 0, 0))


def test_a_task_that_a_person_cancels_ends_the_run_as_cancelled(driver: Any) -> None:
    driver.start(LONG)
    run = driver.fail("pr-a", reason="TaskRunCancelled")
    assert driver.condition(run)[1] == "PipelineRunStopping"
    driver.end("pr-b")
    assert driver.condition(driver.end("pr-f"))[1:] == ("Cancelled", OK.format(3, 0, 1, 1))


def test_a_run_that_another_controller_manages_is_left_alone(driver: Any) -> None:
    run = driver.start(LONG, "managedBy: kueue.x-k8s.io/multikueue")
    assert "status" not in run and driver.names() == []


def test_each_retry_belongs_to_the_task_run(driver: Any) -> None:
    driver.start(LONG)
    run = driver.end("pr-a", status="Unknown", reason="ToBeRetried")
    assert driver.condition(run)[:2] == ("Unknown", "Running")
    driver.fail("pr-a")
    assert driver.reasons(driver.get("PipelineRun", "pr")) == {"c": "PipelineRun was stopping"}


def test_on_error_may_be_a_param(driver: Any) -> None:
    spec = f"params: [{{name: e}}]\ntasks: [{{name: a, onError: $(params.e), {TASK}}}]"
    driver.start(spec, "params: [{name: e, value: continue}]")
    annotations = driver.get("TaskRun", "pr-a")["metadata"]["annotations"]
    assert annotations == {"pipeline.tekton.dev/pipeline-task-on-error": "continue"}
    run = driver.start(spec, "params: [{name: e, value: never}]", name="other")
    run = driver.get("PipelineRun", "other")
    assert driver.condition(run)[1] == "PipelineValidationFailed"
    assert 'PipelineTask OnError must be either "continue" or "stopAndFail"' in driver.condition(run)[2]
