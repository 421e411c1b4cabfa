"""Matrix: which runs a task becomes, what they are given, and what is made of what they emit."""

from __future__ import annotations

from typing import Any

import pytest

STEP = "steps: [{name: s, image: i, script: 'true'}]"
TWO = "matrix: {params: [{name: p, value: [a, b]}]}"


def test_the_first_param_varies_fastest_and_names_are_sorted(driver: Any) -> None:
    run = driver.start(f"""
        tasks:
        - name: m
          params: [{{name: fixed, value: f}}]
          matrix: {{params: [{{name: z, value: ["1", "2"]}}, {{name: b, value: [u, v, w]}}]}}
          taskSpec: {{params: [{{name: z}}, {{name: b}}, {{name: fixed}}], {STEP}}}
    """)
    assert driver.names() == [f"pr-m-{index}" for index in range(6)]
    given = [list(driver.params(name).items()) for name in driver.names()]
    assert given[0] == [("b", "u"), ("z", "1"), ("fixed", "f")]
    assert [dict(items)["b"] + dict(items)["z"] for items in given] == ["u1", "u2", "v1", "v2", "w1", "w2"]
    assert [item["name"] for item in run["status"]["childReferences"]] == driver.names()
    message = "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 1, Skipped: 0"
    assert driver.condition(run) == ("Unknown", "Running", message)
    driver.fail("pr-m-1")
    run = driver.end(*(f"pr-m-{index}" for index in (0, 2, 3, 4)))
    assert driver.condition(run)[0] == "Unknown"
    assert driver.condition(driver.end("pr-m-5")) == (
        "False",
        "Failed",
        "Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0",
    )


def test_results_are_gathered_by_the_names_of_the_runs(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - name: m
          matrix: {{params: [{{name: p, value: ["0","1","2","3","4","5","6","7","8","9","10"]}}]}}
          taskSpec: {{params: [{{name: p}}], results: [{{name: r}}], {STEP}}}
        - name: use
          params: [{{name: all, value: "$(tasks.m.results.r[*])"}}, {{name: total, value: $(tasks.m.matrix.length)}},
                   {{name: k, value: "$(tasks.m.matrix.r.length)"}}]
          taskSpec: {{params: [{{name: all, type: array}}, {{name: total}}, {{name: k}}], {STEP}}}
        results:
        - {{name: all, value: "$(tasks.m.results.r[*])"}}
    """)
    for index in range(11):
        driver.end(f"pr-m-{index}", results={"r": f"v{index}"} if index != 4 else {})
    expected = ["v0", "v1", "v10", "v2", "v3", "v5", "v6", "v7", "v8", "v9"]
    assert driver.params("pr-use") == {"all": expected, "total": "11", "k": "10"}
    run = driver.end("pr-use")
    assert run["status"]["results"] == [{"name": "all", "value": expected}]


def test_one_combination_has_no_number(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: m, matrix: {{params: [{{name: p, value: [only]}}]}}, taskSpec: {{params: [{{name: p}}], {STEP}}}}}
    """)
    assert driver.names() == ["pr-m"]


def test_includes_show_their_names(driver: Any) -> None:
    run = driver.start(f"""
        tasks:
        - name: m
          displayName: build $(params.p)
          matrix:
            params: [{{name: p, value: [a, b]}}]
            include:
            - {{name: special $(params.p), params: [{{name: p, value: a}}, {{name: x, value: "1"}}]}}
            - {{name: new, params: [{{name: p, value: c}}]}}
          taskSpec: {{params: [{{name: p}}, {{name: x, default: ""}}], {STEP}}}
    """)
    assert [driver.params(name) for name in driver.names()] == [{"p": "a", "x": "1"}, {"p": "b"}, {"p": "c"}]
    shown = [item["displayName"] for item in run["status"]["childReferences"]]
    assert shown == ["special a", "build b", "new"]


@pytest.mark.parametrize("section", ["tasks", "finally"])
def test_an_empty_array_skips_the_task(driver: Any, section: str) -> None:
    other = "tasks: [{name: a, taskSpec: {" + STEP + "}}]\n" if section == "finally" else ""
    run = driver.start(f"""
        params: [{{name: none, type: array, default: []}}]
        {other.strip()}
        {section}:
        - name: m
          matrix: {{params: [{{name: p, value: ["$(params.none[*])"]}}]}}
          taskSpec: {{params: [{{name: p}}], {STEP}}}
    """)
    if section == "finally":
        run = driver.end("pr-a")
    assert driver.reasons(run) == {"m": "Matrix Parameters have an empty array"}
    assert driver.condition(run)[:2] == ("True", "Completed")


def test_params_results_and_context_fan_out(driver: Any) -> None:
    driver.start(
        f"""
        params: [{{name: list, type: array}}, {{name: one}}]
        tasks:
        - {{name: a, taskSpec: {{results: [{{name: r, type: array}}, {{name: s}}], {STEP}}}}}
        - name: m
          matrix:
            params:
            - {{name: p, value: ["$(params.list[*])", "$(params.one)", $(context.pipelineRun.name)]}}
            - {{name: q, value: "$(tasks.a.results.r[*])"}}
            include: [{{params: [{{name: q, value: $(tasks.a.results.s)}}, {{name: x, value: $(params.one)}}]}}]
          taskSpec: {{params: [{{name: p}}, {{name: q}}, {{name: x, default: ""}}], {STEP}}}
        """,
        "params: [{name: list, value: [k, l]}, {name: one, value: o}]",
    )
    driver.end("pr-a", results={"r": ["1", "2"], "s": "2"})
    found = [driver.params(name) for name in driver.names()[1:]]
    assert [item["p"] for item in found] == ["k", "l", "o", "pr"] * 2
    assert found[0] == {"p": "k", "q": "1"} and found[4] == {"p": "k", "q": "2", "x": "o"}


def test_a_result_that_is_no_array_cannot_be_fanned_out(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, taskSpec: {{results: [{{name: r}}], {STEP}}}}}
        - name: m
          matrix: {{params: [{{name: p, value: $(tasks.a.results.r)}}]}}
          taskSpec: {{params: [{{name: p}}], {STEP}}}
    """)
    run = driver.end("pr-a", results={"r": "text"})
    assert driver.condition(run)[1:] == (
        "InvalidMatrixParameterTypes",
        '[User error] Failed to validate matrix "parameters of type array only are allowed, but param \\"p\\" has type '
        '\\"string\\" in pipelineTask \\"m\\"" with error %!v(MISSING)',
    )


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            "{name: m, matrix: {params: [{name: p, value: [a]}]}, params: [{name: p, value: x}], taskRef: {name: t}}",
            "expected exactly one, got both: spec.tasks[0].matrix[p], params[p]",
        ),
        (
            "{name: m, matrix: {params: [{name: p, value: [a]}, {name: p, value: [b]}]}, taskRef: {name: t}}",
            'parameter names must be unique, the parameter "p" is also defined: spec.tasks[0].matrix.params',
        ),
        (
            "{name: m, matrix: {params: [{name: p, value: [a, b, c]}]}, taskRef: {name: t}}",
            "expected 0 <= 3 <= 2: spec.tasks[0].matrix",
        ),
    ],
)
def test_what_the_webhook_refuses(driver_with: Any, task: str, message: str) -> None:
    driver = driver_with(max_matrix_combinations=2)
    run = driver.start(f"tasks: [{task}]")
    prefix = "[User error] Pipeline ci/pr can't be Run; it has an invalid spec: "
    assert driver.condition(run)[1:] == ("PipelineValidationFailed", prefix + message)


def test_one_result_of_a_matrix_cannot_be_used_alone(driver: Any) -> None:
    run = driver.start(f"""
        tasks:
        - {{name: m, {TWO}, taskSpec: {{params: [{{name: p}}], results: [{{name: r}}], {STEP}}}}}
        - {{name: u, params: [{{name: x, value: $(tasks.m.results.r)}}], taskSpec: {{params: [{{name: x}}], {STEP}}}}}
    """)
    assert driver.condition(run)[2].endswith(
        "A matrixed pipelineTask can only be consumed in aggregate using [*] notation, but is currently set to "
        "tasks.m.results.r: spec.tasks"
    )


def test_a_matrix_retries_each_run_and_runs_in_finally(driver: Any) -> None:
    driver.start(f"""
        tasks: [{{name: a, taskSpec: {{{STEP}}}}}]
        finally: [{{name: m, retries: 2, {TWO}, params: [{{name: s, value: $(tasks.a.status)}}],
                    taskSpec: {{params: [{{name: p}}, {{name: s}}], {STEP}}}}}]
    """)
    driver.fail("pr-a")
    assert driver.names() == ["pr-a", "pr-m-0", "pr-m-1"]
    assert driver.params("pr-m-1") == {"p": "b", "s": "Failed"}
    assert driver.get("TaskRun", "pr-m-0")["spec"]["retries"] == 2
    assert driver.get("TaskRun", "pr-m-0")["metadata"]["labels"]["tekton.dev/memberOf"] == "finally"
    assert driver.condition(driver.end("pr-m-0", "pr-m-1"))[1] == "Failed"


def test_a_matrix_of_custom_tasks(driver: Any) -> None:
    run = driver.start(f"tasks: [{{name: m, {TWO}, taskRef: {{apiVersion: example.dev/v1, kind: Wait}}}}]")
    assert driver.names("CustomRun") == ["pr-m-0", "pr-m-1"]
    assert driver.params("pr-m-1", "CustomRun") == {"p": "b"}
    assert run["status"]["childReferences"][1] == {
        "apiVersion": "tekton.dev/v1beta1",
        "kind": "CustomRun",
        "name": "pr-m-1",
        "pipelineTaskName": "m",
    }
    assert driver.condition(driver.end("pr-m-0", "pr-m-1", kind="CustomRun"))[:2] == ("True", "Succeeded")


def test_an_engine_killed_while_it_fans_out_makes_the_rest(driver: Any) -> None:
    made = 0
    create = driver.client.create

    def some(value: Any) -> Any:
        nonlocal made
        made += value["kind"] == "TaskRun"
        if made == 3:
            raise KeyboardInterrupt
        return create(value)

    driver.client.create = some
    with pytest.raises(KeyboardInterrupt):
        driver.start(
            "tasks: [{name: m, matrix: {params: [{name: p, value: [a, b, c, d]}]}, taskSpec: {params: [{name: p}], "
            + STEP
            + "}}]"
        )
    assert driver.names() == ["pr-m-0", "pr-m-1"]
    driver.client.create = create
    driver.restarted()
    run = driver.settle()
    assert driver.names() == ["pr-m-0", "pr-m-1", "pr-m-2", "pr-m-3"]
    assert [item["name"] for item in run["status"]["childReferences"]] == driver.names()


def test_a_matrix_that_may_fail_is_ignored_as_one(driver: Any) -> None:
    driver.start(f"tasks: [{{name: m, onError: continue, {TWO}, taskSpec: {{params: [{{name: p}}], {STEP}}}}}]")
    driver.fail("pr-m-0", reason="FailureIgnored")
    assert driver.condition(driver.end("pr-m-1")) == (
        "True",
        "Succeeded",
        "Tasks Completed: 1 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 0",
    )
