"""What the defaulting webhook makes of an object."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.tekton.spec import admission

STEP = {"image": "alpine"}


def spec(kind: str, given: dict[str, Any], version: str = "tekton.dev/v1") -> Any:
    value = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": given}
    return admission.defaulted(value)["spec"]


@pytest.mark.parametrize(
    ("param", "kind"),
    [
        ({}, "string"),
        ({"default": "x"}, "string"),
        ({"default": 5}, "string"),
        ({"default": []}, "array"),
        ({"default": ["x"]}, "array"),
        ({"default": [1]}, "string"),
        ({"default": {"a": "b"}}, "object"),
        ({"default": {"a": 1}}, "string"),
        ({"properties": {"a": {}}}, "object"),
        ({"properties": {"a": {}}, "default": "x"}, "object"),
        ({"type": "array", "default": "x"}, "array"),
    ],
)
def test_the_type_of_a_param(param: dict[str, Any], kind: str) -> None:
    (found,) = spec("Task", {"params": [{"name": "p", **param}], "steps": [STEP]})["params"]
    assert found["type"] == kind


def test_properties_are_strings_and_results_have_a_type() -> None:
    given = {
        "params": [{"name": "p", "properties": {"a": {}}}],
        "results": [{"name": "r"}, {"name": "o", "properties": {"a": {}, "b": {"type": "string"}}}],
        "steps": [STEP],
    }
    found = spec("Task", given)
    strings = {"a": {"type": "string"}, "b": {"type": "string"}}
    assert found["params"] == [{"name": "p", "type": "object", "properties": {"a": {"type": "string"}}}]
    assert found["results"] == [
        {"name": "r", "type": "string"},
        {"name": "o", "type": "object", "properties": strings},
    ]


def test_values_that_are_no_text_become_text() -> None:
    given = {"tasks": [{"name": "a", "taskRef": {"name": "t"}, "params": [{"name": "p", "value": [1, {"b": True}]}]}]}
    task = spec("Pipeline", given)["tasks"][0]
    assert task == {
        "name": "a",
        "taskRef": {"name": "t", "kind": "Task"},
        "params": [{"name": "p", "value": '[1,{"b":true}]'}],
    }


def test_a_reference_by_resolver_gets_no_kind() -> None:
    given = {"tasks": [{"name": "a", "taskRef": {"resolver": "git", "params": []}}]}
    assert spec("Pipeline", given)["tasks"][0]["taskRef"] == {"resolver": "git", "params": []}


def test_runs() -> None:
    assert spec("TaskRun", {"taskRef": {"name": "t"}, "timeout": "90s"}) == {
        "taskRef": {"name": "t", "kind": "Task"},
        "timeout": "1m30s",
        "serviceAccountName": "default",
    }
    assert spec("PipelineRun", {"pipelineRef": {"name": "p"}, "timeouts": {"tasks": "0"}}) == {
        "pipelineRef": {"name": "p"},
        "timeouts": {"tasks": "0s", "pipeline": "1h0m0s"},
        "taskRunTemplate": {"serviceAccountName": "default"},
    }
    assert spec("PipelineRun", {"pipelineRef": {"name": "p"}}, "tekton.dev/v1beta1") == {
        "pipelineRef": {"name": "p"},
        "timeout": "1h0m0s",
        "serviceAccountName": "default",
    }


def test_names_of_an_open_spec_are_spelled_as_the_types_spell_them() -> None:
    step = {"image": "alpine", "volumeMounts": [{"name": "v", "mountpath": "/x"}]}
    found = spec("TaskRun", {"taskSpec": {"steps": [step]}})
    assert found["taskSpec"]["steps"][0]["volumeMounts"] == [{"name": "v", "mountPath": "/x"}]


def test_what_does_not_exist_or_is_null_is_left_out() -> None:
    assert spec("Task", {"stepz": [], "description": None, "steps": [{**STEP, "script": None}]}) == {"steps": [STEP]}
