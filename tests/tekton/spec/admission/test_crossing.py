"""Objects against one another: what the controllers refuse once they see both."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.formats import yaml
from interlock.tekton.spec import admission
from interlock.tekton.spec.flags import ALPHA

API = "tekton.dev/v1"
STEP = {"image": "alpine", "script": "true"}
OBJECT = {"name": "o", "type": "object", "properties": {"k": {}}}
TASK: dict[str, Any] = {
    "params": [{"name": "url"}, {"name": "depth", "default": "1"}, {"name": "list", "type": "array", "default": []}],
    "workspaces": [{"name": "source"}, {"name": "cache", "optional": True}],
    "results": [{"name": "commit"}, OBJECT],
    "steps": [STEP],
}
GIVEN = {"params": [{"name": "url", "value": "x"}], "workspaces": [{"name": "source", "workspace": "w"}]}


def made(kind: str, spec: Any, name: str = "x", version: str = API) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def messages(*values: dict[str, Any]) -> list[str]:
    documents = [yaml.Document(value, f"{index}.yaml", {}) for index, value in enumerate(values)]
    return [placed.finding.message for placed in admission.judge(documents, ALPHA).findings]


def pipeline(*tasks: dict[str, Any], **spec: Any) -> dict[str, Any]:
    listed = [{"name": f"t{index}", "taskRef": {"name": "build"}, **task} for index, task in enumerate(tasks)]
    return made("Pipeline", {"workspaces": [{"name": "w"}], "tasks": listed, **spec})


BUILD = made("Task", TASK, "build")


def test_what_a_task_needs_is_given() -> None:
    assert messages(BUILD, pipeline(GIVEN)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": []}, "missing values for these params which have no default values: [url]"),
        (
            {"params": [{"name": "url", "value": ["x"]}]},
            "param types don't match the user-specified type: [url]",
        ),
        ({"workspaces": []}, 'declared workspace "source" is required but has not been bound'),
        (
            {"workspaces": [*GIVEN["workspaces"], {"name": "other", "workspace": "w"}]},
            'workspace binding "other" does not match any declared workspace',
        ),
    ],
)
def test_what_a_task_needs_and_does_not_get(change: dict[str, Any], message: str) -> None:
    (found,) = messages(BUILD, pipeline({**GIVEN, **change}))
    assert found.endswith(message)


def test_a_matrix_gives_a_param_too_and_a_reference_may_become_anything() -> None:
    matrix = {"matrix": {"params": [{"name": "url", "value": ["a", "b"]}]}, "workspaces": GIVEN["workspaces"]}
    listed = {**GIVEN, "params": [*GIVEN["params"], {"name": "list", "value": "$(params.all[*])"}]}
    assert messages(BUILD, pipeline(matrix, listed, params=[{"name": "all", "type": "array"}])) == []


def test_results_are_declared_and_objects_have_the_key() -> None:
    def use(reference: str) -> list[str]:
        params = [{"name": "url", "value": reference}]
        return messages(BUILD, pipeline(GIVEN, {**GIVEN, "params": params}))

    start = 'invalid result reference in pipeline task "t1": '
    assert use("$(tasks.t0.results.commit)") == use("$(tasks.t0.results.o.k)") == []
    assert use("$(tasks.t0.results.none)") == [f'{start}"none" is not a named result returned by pipeline task "t0"']
    assert use("$(tasks.t0.results.o.z)") == [f'{start}"o" of pipeline task "t0" has no property "z"']


def test_results_of_the_pipeline() -> None:
    results = [{"name": "r", "value": "$(tasks.t0.results.none)"}]
    (found,) = messages(BUILD, pipeline(GIVEN, results=results))
    assert found == 'invalid pipeline result "r": "none" is not a named result returned by pipeline task "t0"'


def test_a_workspace_that_is_optional_does_not_feed_one_that_is_required() -> None:
    (found,) = messages(BUILD, pipeline(GIVEN, workspaces=[{"name": "w", "optional": True}]))
    assert found == 'pipeline workspace "w" is marked optional but pipeline task "t0" requires it be provided'


def test_a_name_that_is_not_there_or_there_twice_says_nothing() -> None:
    assert messages(pipeline({})) == []
    assert messages(BUILD, BUILD, pipeline({})) == []
    assert messages(BUILD, pipeline({"taskRef": {"resolver": "git", "params": [{"name": "url", "value": "x"}]}})) == []


def test_a_run_gives_what_its_pipeline_needs() -> None:
    target = made("Pipeline", {**pipeline(GIVEN)["spec"], "params": [{"name": "p"}]}, "all")
    run = made("PipelineRun", {"pipelineRef": {"name": "all"}})
    assert messages(BUILD, target, run) == [
        "pipelineRun missing parameters: [p]",
        'pipeline requires workspace with name "w" be provided by pipelinerun',
    ]
    run["spec"] |= {"params": [{"name": "p", "value": "x"}], "workspaces": [{"name": "w", "emptyDir": {}}]}
    assert messages(BUILD, target, run) == []


def test_a_run_of_a_task_may_be_bound_by_the_cluster() -> None:
    run = made("TaskRun", {"taskRef": {"name": "build"}, "params": GIVEN["params"]})
    documents = [yaml.Document(value, "f", {}) for value in (BUILD, run)]
    (placed,) = admission.judge(documents, ALPHA).findings
    assert (placed.finding.severity, placed.object) == ("warning", "TaskRun/x")


def test_a_step_gives_what_its_action_needs() -> None:
    action = made("StepAction", {"params": [{"name": "p"}], "image": "alpine"}, "act", "tekton.dev/v1beta1")
    task = made("Task", {"steps": [{"name": "s", "ref": {"name": "act"}}]})
    assert messages(action, task) == [
        "invalid input params for step action: missing values for these params which have no default values: [p]"
    ]
