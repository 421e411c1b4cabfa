"""ResolutionRequests, messages of conditions, references; names as upstream's name_test.go expects them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import Fetched, RefSource, failure, references, request

PARAMS = [
    Param(name="string-param", value="value1"),
    Param(name="array-param", value=["value1", "value2"]),
    Param(name="object-param", value={"key": "value"}),
]


@pytest.mark.parametrize(
    ("prefix", "base", "params", "expected"),
    [
        ("prefix", "", [], "prefix-6c62272e07bb014262b821756295c58d"),
        ("", "base", [], "-6989337ae0757277b806e97e86444ef0"),
        ("", "", PARAMS, "-52921b17d3c2930a34419c618d6af0e9"),
        ("", "", PARAMS[::-1], "-52921b17d3c2930a34419c618d6af0e9"),
        ("prefix", "base", PARAMS, "prefix-ba2f256f318de7f4154da577c283cb9e"),
    ],
)
def test_names(prefix: str, base: str, params: list[Param], expected: str) -> None:
    assert request.hashed(prefix, base, params) == expected


def test_a_name_is_never_longer_than_a_label() -> None:
    found = request.name("a" * 100, "default", "run", PARAMS)
    assert len(found) == 63 and found.startswith("a" * 30 + "-")


def test_an_address_changes_the_name() -> None:
    assert request.name("http", "default", "run", [], "https://a") != request.name("http", "default", "run", [])


@pytest.mark.parametrize(
    ("name", "expected"), [("https://a/b", True), ("git+ssh://x", True), ("task", False), ("a.b/c", False)]
)
def test_concise_syntax(name: str, expected: bool) -> None:
    assert request.url_like(name) is expected


RUN = {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "r", "uid": "u"}}


def test_the_object_that_upstream_leaves() -> None:
    found = request.build("git", "git-0", PARAMS[:1], RUN, namespace="ns")
    assert found == {
        "apiVersion": "resolution.tekton.dev/v1beta1",
        "kind": "ResolutionRequest",
        "metadata": {
            "name": "git-0",
            "namespace": "ns",
            "labels": {"resolution.tekton.dev/type": "git"},
            "ownerReferences": [
                {
                    "apiVersion": "tekton.dev/v1",
                    "kind": "TaskRun",
                    "name": "r",
                    "uid": "u",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"params": [{"name": "string-param", "value": "value1"}]},
    }


def test_its_status() -> None:
    source = RefSource("git+https://a", {"sha1": "0" * 40}, "t.yaml")
    done = request.status(Fetched(b"text", source, "0" * 40, {"a": "b"}), at="2026-01-01T00:00:00Z")
    assert base64.b64decode(done["data"]) == b"text"
    assert done["refSource"] == done["source"] == source.to_object()
    assert done["conditions"][0]["status"] == "True"
    error = failure.failed("git", "ns/git-0", InputError("x", "no"))
    (condition,) = request.status(error, at="2026-01-01T00:00:00Z")["conditions"]
    assert (condition["reason"], condition["message"]) == ("ResolutionFailed", 'error getting "Git" "ns/git-0": no')


FAILED = failure.failed("git", "ns/git-0", InputError("git-failed", "no"))
TEXT = 'error requesting remote resource: error getting "Git" "ns/git-0": no'


def test_conditions_of_runs() -> None:
    assert (FAILED.code, FAILED.message) == ("resolution-failed", TEXT)
    assert failure.of_task_run(FAILED) == TEXT
    assert failure.of_task_run(FAILED, run="r", name="https://x") == f"error when listing tasks for taskRun r: {TEXT}"
    assert failure.of_pipeline_run(FAILED, namespace="ns", run="r") == (
        f"Error retrieving pipeline for pipelinerun ns/r: resolver failed to get Pipeline : {TEXT}"
    )
    wrong = failure.invalid("failed to read runtime object as Pipeline: resource is not a pipeline")
    assert failure.of_pipeline_run(wrong, namespace="ns", run="r") == (
        "Error retrieving pipeline for pipelinerun ns/r: "
        "failed to read runtime object as Pipeline: resource is not a pipeline"
    )
    params = [Param(name="url", value="https://a"), Param(name="name", value="t")]
    assert failure.of_pipeline_task(FAILED, namespace="ns", pipeline="p", resolver="git", params=params) == (
        "Pipeline ns/p can't be Run; it contains Tasks that don't exist: Couldn't retrieve Task "
        f'"resolver type git\\nurl = https://a\\nname = t\\n": {TEXT}'
    )
    assert failure.awaiting("PipelineRun", namespace="ns", run="r") == "PipelineRun ns/r awaiting remote resource"
    assert failure.awaiting("StepAction", namespace="ns", run="r") == "TaskRun ns/r awaiting remote StepAction"


def test_references_of_an_object() -> None:
    value: dict[str, Any] = {
        "kind": "PipelineRun",
        "spec": {
            "pipelineSpec": {
                "tasks": [
                    {"name": "a", "taskRef": {"name": "local"}},
                    {"name": "b", "taskRef": {"resolver": "git", "params": [{"name": "url", "value": "$(params.u)"}]}},
                    {"name": "c", "taskSpec": {"steps": [{"ref": {"resolver": "hub"}}]}},
                    {"name": "d", "pipelineRef": {"resolver": "http"}},
                ]
            }
        },
    }
    found = list(references.of(value))
    assert [(item.resolver, item.kind) for item in found] == [
        ("git", "Task"),
        ("hub", "StepAction"),
        ("http", "Pipeline"),
    ]
    assert found[0].variables == ["params.u"]
    assert found[1].path == ("spec", "pipelineSpec", "tasks", 2, "taskSpec", "steps", 0, "ref")
