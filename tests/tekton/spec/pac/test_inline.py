"""What upstream's tests say that no fixture file holds."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.tekton.spec import pac
from interlock.tekton.spec.pac import documents, inline

GROUP = "pipelinesascode.tekton.dev"


def run(name: str = "", generate: str = "", **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"annotations": {f"{GROUP}/{key}": value for key, value in annotations.items()}}
    metadata |= {"name": name} if name else {}
    metadata |= {"generateName": generate} if generate else {}
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": metadata,
        "spec": {"pipelineRef": {"name": "shared-pipeline"}},
    }


def task(step: str) -> str:
    spec = {"steps": [{"name": step, "image": "alpine", "command": ["true"]}]}
    return yaml.dump({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "shared-task"}, "spec": spec})


WEB = {
    "http://remote/shared-pipeline": yaml.dump(
        {
            "apiVersion": "tekton.dev/v1",
            "kind": "Pipeline",
            "metadata": {"name": "shared-pipeline", "annotations": {f"{GROUP}/task": "http://remote/shared-task"}},
            "spec": {"tasks": [{"name": "shared-task", "taskRef": {"name": "shared-task"}}]},
        }
    ),
    "http://remote/shared-task": task("from-pipeline"),
    "http://remote/pr-task": task("from-pipelinerun"),
}


def fetch(reference: str, kind: str) -> str:
    return WEB[reference]


def test_a_shared_pipeline_is_not_changed_by_the_first_run() -> None:
    """TestSharedRemotePipelineCacheNotMutated."""
    first = run("first-run", pipeline="http://remote/shared-pipeline", task="http://remote/pr-task")
    second = run("second-run", pipeline="http://remote/shared-pipeline")
    found = pac.resolve(pac.Documents([first, second]), fetch)
    names = [item["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"]["steps"][0]["name"] for item in found]
    assert names == ["from-pipelinerun", "from-pipeline"]


@pytest.mark.parametrize(
    ("base", "tasks", "expected"),
    [
        ("suva://python-build-test-tag-suva:1.2", ["task-a"], ["task-a"]),
        ("anotherHub://chmouzie", ["task-a"], ["task-a"]),
        ("", ["task-a", "task-b"], ["task-a", "task-b"]),
        ("http://example.com/pipelines/p.yaml", ["../tasks/t.yaml"], ["http://example.com/tasks/t.yaml"]),
        (
            "https://example.com/repo/pipelines/pipeline.yaml",
            ["./task.yaml", "https://other.com/task2.yaml"],
            ["https://example.com/repo/pipelines/task.yaml", "https://other.com/task2.yaml"],
        ),
        ("HTTP://example.com/pipelines/p.yaml", ["../tasks/t.yaml"], ["http://example.com/tasks/t.yaml"]),
        ("HtTpS://example.com/repo/pipeline.yaml", ["./task.yaml"], ["https://example.com/repo/task.yaml"]),
        (
            "share/pipelines/build.yaml",
            ["../tasks/t.yaml", "tasks/other-task.yaml"],
            ["share/tasks/t.yaml", "share/pipelines/tasks/other-task.yaml"],
        ),
    ],
)
def test_relative_tasks(base: str, tasks: list[str], expected: list[str]) -> None:
    """TestAssembleTaskFQDNs."""
    assert inline.absolute(base, tasks) == expected


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([run("abc"), run("abc")], "the same name: abc, please update"),
        ([run("abc"), run(generate="abc")], "the same generateName: abc, please update"),
        ([run(generate="abc-"), run(generate="abc-")], "the same generateName: abc-, please update"),
        ([run(generate="abc-"), run("abc")], ""),
    ],
)
def test_names(runs: list[dict[str, Any]], message: str) -> None:
    if not message:
        inline.check_names(runs)
        return
    with pytest.raises(InputError) as caught:
        inline.check_names(runs)
    assert caught.value.message == f"found multiple pipelinerun in .tekton with {message}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pipelinerun-abc-", "pipelinerun-abc"),
        ("foo/bar:hello", "foo-bar-hello"),
        ("foo/bar[bot]", "foo-bar__bot"),
        ("secret name", "secret_name"),
        ("n\nl", "nl"),
        ("a" * 70, "a" * 63),
        ("MyLabelIs A Valid", "MyLabelIs_A_Valid"),
    ],
)
def test_label_values(text: str, expected: str) -> None:
    """CleanValueKubernetes."""
    assert inline.label_value(text) == expected


def test_the_folders_name_is_label_and_annotation() -> None:
    """TestMetadataResolve."""
    found = inline.labelled(run(generate="pipelinerun-abc-"))["metadata"]
    assert found["labels"] == {f"{GROUP}/original-prname": "pipelinerun-abc"}
    assert found["annotations"] == {f"{GROUP}/original-prname": "pipelinerun-abc-"}


def test_a_run_without_annotations_is_left_out() -> None:
    found = {**run("abc"), "metadata": {"name": "abc"}}
    assert inline.inlined(pac.Documents([found]), fetch, pac.Options()) == []


def test_two_pipelines_in_the_annotation() -> None:
    with pytest.raises(InputError) as caught:
        pac.resolve(pac.Documents([run("abc", pipeline="[a, b]")]), fetch)
    assert caught.value.message == (
        "error getting remote pipeline from pipelinerun annotations: "
        "only one pipeline is allowed on remote resolution, we have received multiple of them: [a b]"
    )


def test_a_remote_that_is_something_else() -> None:
    for text, message in (
        ("a: 1\n", "remote task from URI u/t.yaml cannot be parsed as a Kubernetes resource: Object 'Kind' is missing"),
        (
            WEB["http://remote/shared-pipeline"],
            "remote task from URI u/t.yaml has not been recognized as a Tekton task",
        ),
    ):
        with pytest.raises(InputError) as caught:
            documents.decoded(text, "Task", "u/t.yaml")
        assert caught.value.message.startswith(message)


def test_skipped_tasks_stay_references() -> None:
    value = run("abc")
    value["spec"] = {"pipelineSpec": {"tasks": [{"name": "a", "taskRef": {"name": "kept"}}]}}
    (found,) = pac.resolve(pac.Documents([value]), fetch, pac.Options(skip=["kept"]))
    assert found["spec"]["pipelineSpec"]["tasks"] == [{"name": "a", "taskRef": {"name": "kept"}}]


# -- documents ---------------------------------------------------------------------------------------------------------

BAD = """\
---
apiVersion: tekton.dev/v1beta1
kind: PipelineRun
metadata:
  name: bad-name
spec:
  pipelineSpec:
    tasks:
      name: not-a-list
"""


def test_a_document_of_wrong_types_is_reported_in_gos_words() -> None:
    """TestReportBadTektonYaml."""
    found = documents.read(BAD, file="run.yaml")
    (problem,) = found.problems
    assert problem.name == "bad-name" and problem.schema == "tekton.dev/v1beta1" and problem.reported
    assert problem.message == (
        "error decoding yaml document: json: cannot unmarshal object into Go struct field "
        "PipelineSpec.spec.pipelineSpec.tasks of type []v1beta1.PipelineTask"
    )


def test_problems_of_others_are_not_reported_and_the_rest_is_read() -> None:
    text = documents.joined(
        ["a: [\n", "kind: Thing\napiVersion: v1\nmetadata: {name: x}\n", task("step"), "- babdakdja\n", "  \n---\n"]
    )
    found = documents.read(text, file="all")
    assert [item["metadata"]["name"] for item in found.tasks] == ["shared-task"]
    assert [problem.name for problem in found.problems] == ["nokube", "nokube"]
    assert not any(problem.reported for problem in found.problems)
    assert found.skipped == 1


def test_the_place_of_a_problem_counts_from_the_whole_text() -> None:
    text = (
        task("step") + "---\n# comment\napiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: x}\nspec: {a: &b c}\n"
    )
    (problem,) = documents.read(text, file="all").problems
    assert problem.where is not None
    line = next(index for index, item in enumerate(text.splitlines(), 1) if "&b" in item)
    assert problem.where.line == line
