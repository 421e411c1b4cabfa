"""Params that are secrets: declared by annotation, followed through pipelines, their values for the masker."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import InputError
from interlock.tekton.spec import secret_params


def task(annotation: str, *params: str) -> dict[str, Any]:
    return {
        "kind": "Task",
        "metadata": {"annotations": {secret_params.ANNOTATION: annotation}},
        "spec": {"params": [{"name": name} for name in params]},
    }


@pytest.mark.parametrize("annotation", ["a b", "a,b", " a ,  b "])
def test_the_annotation_names_them(annotation: str) -> None:
    assert secret_params.declared(task(annotation, "a", "b", "c")) == {"a", "b"}


def test_without_it_there_are_none() -> None:
    assert secret_params.declared({"kind": "Task", "spec": {"params": [{"name": "password"}]}}) == frozenset()
    assert secret_params.declared({"metadata": {"annotations": None}}) == frozenset()


def test_a_name_that_is_no_param_is_refused() -> None:
    with pytest.raises(InputError, match="pasword") as caught:
        secret_params.declared(task("pasword", "password"))
    assert caught.value.code == "secret-params-unknown"


def test_a_run_declares_for_its_own_and_its_embedded_params() -> None:
    run = task("a b", "a")
    run["spec"]["pipelineSpec"] = {"params": [{"name": "b"}]}
    assert secret_params.declared(run) == {"a", "b"}


@pytest.mark.parametrize(
    ("pipeline_task", "inside"),
    [
        ({"params": [{"name": "x", "value": "$(params.key)"}, {"name": "y", "value": "z"}]}, {"x"}),
        ({"taskRef": {"name": "t"}, "params": [{"name": "x", "value": ["a", "pre-$(params['key'])"]}]}, {"x"}),
        ({"taskRef": {"name": "t"}, "params": [{"name": "x", "value": {"k": "$(params.key.field)"}}]}, {"x"}),
        ({"taskRef": {"name": "t"}}, set()),
        ({"taskSpec": {}}, {"key"}),
        ({"taskSpec": {}, "params": [{"name": "key", "value": "public"}]}, set()),
        ({"taskRef": {"name": "t"}, "matrix": {"params": [{"name": "m", "value": ["$(params.key)"]}]}}, {"m"}),
        (
            {"matrix": {"include": [{"name": "i", "params": [{"name": "n", "value": "$(params.key)"}]}]}},
            {"n"},
        ),
    ],
)  # fmt: skip
def test_the_property_follows_the_value_into_tasks(pipeline_task: dict[str, Any], inside: set[str]) -> None:
    assert secret_params.inside(pipeline_task, ["key"]) == inside


def test_a_child_says_so_too() -> None:
    assert secret_params.annotated({"a": "b"}, []) == {"a": "b"}
    child = secret_params.annotated({secret_params.ANNOTATION: "own"}, {"key"})
    assert secret_params.of_annotations(child) == ["key", "own"]


def test_every_part_of_a_value_is_masked() -> None:
    params: dict[str, Any] = {"s": "secret", "a": ["one", ""], "o": {"k": "two"}, "p": "public"}
    assert secret_params.values({"s", "a", "o", "absent"}, params) == [b"one", b"two", b"secret"]
