"""Every file of tekton-resolve, and those of tekton-invalid that this part decides, with what upstream's tests say.

The expectations were written from pkg/resolve/{resolve,remote}_test.go of Pipelines-as-Code. Files whose name says
``remote`` or ``skip-fetching`` are the results that upstream expects: their inputs are made here as its tests do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InputError, InterlockError, NotFoundError
from interlock.formats import yaml
from interlock.tekton.spec import pac
from interlock.tekton.spec.pac import documents, inline, matching

FOLDER = Path(__file__).parents[5] / "shared/conformance"
RESOLVE = FOLDER / "tekton-resolve"
INVALID = FOLDER / "tekton-invalid"

pytestmark = pytest.mark.skipif(not RESOLVE.is_dir(), reason=f"conformance data absent: {RESOLVE}")

Object = dict[str, Any]


def nothing(reference: str, kind: str) -> str:
    raise AssertionError(f"nothing remote is expected here: {kind} {reference}")


def read(name: str) -> str:
    return (RESOLVE / name).read_text()


def resolved(
    name: str, *, fetch: Callable[[str, str], str] = nothing, generate: bool = False, remote: bool = True
) -> Object:
    found = pac.read(read(name), file=name)
    assert not found.problems
    (run,) = pac.resolve(found, fetch, pac.Options(generate_name=generate, remote=remote))
    return run


def spec(run: Object) -> Object:
    assert "pipelineRef" not in run["spec"]
    found: Object = run["spec"]["pipelineSpec"]
    return found


# -- files that resolve, with the shape that they get ------------------------------------------------------------------

ONE_STEP = {"taskSpec": {"steps": [{"name": "first-step", "image": "image1"}]}}
SECOND = {"taskSpec": {"steps": [{"name": "second-step", "image": "image"}]}}
THREE_TASKS = [
    {"name": "task-of-pipeline-test1", **ONE_STEP},
    {"name": "task-of-pipeline-test2", **SECOND},
    {"name": "task-of-pipeline-test3", **SECOND},
]
MOTO = [{"name": "hello1", "taskSpec": {"steps": [{"name": "hello-moto", "image": "scratch"}]}}]


def task(name: str, step: str, image: str = "image") -> Object:
    return {"name": name, "taskSpec": {"steps": [{"name": step, "image": image}]}}


SHAPES: dict[str, tuple[list[Object], list[Object]]] = {
    # tasks and finally of the resolved pipelineSpec
    "pipeline-finally-v1.yaml": ([task("normal-task", "normal-task")], [task("finally-task", "finally-task")]),
    "pipelinerun-finally.yaml": (MOTO, [task("finally-task", "finally-task", "finally-image")]),
    "pipelinerun-pipeline-task-annotations-not-pac.yaml": (THREE_TASKS, []),
    "pipelinerun-pipelineref-taskspec.yaml": ([{"name": "task-of-pipeline-test1", **ONE_STEP}], []),
    "pipelinerun-pipelinespec-taskref-pass-annotations.yaml": (
        [
            {
                "name": "hello1",
                "taskSpec": {
                    "metadata": {
                        "annotations": {"random.annotation": "THIS_SHOULD_BE_HERE"},
                        "labels": {"the.nitpicker.is.called": "vincent"},
                    },
                    "steps": [{"name": "task1", "image": "image1"}],
                },
            }
        ],
        [],
    ),
    "pipelinerun-pipelinespec-taskref.yaml": ([task("hello1", "task1", "image1")], []),
    "pipelinerun-pipelinespec-taskspec.yaml": (MOTO, []),
    "pipelinerun-splitted-with-dashes-in-middle.yaml": (
        [
            {
                "name": "task-of-pipeline-test1",
                "taskSpec": {
                    "steps": [
                        {"name": "first-step", "image": "image1", "args": ["----", "---"]},
                        {"name": "second-step", "image": "wouldnotshowonbug"},
                    ]
                },
            }
        ],
        [],
    ),
    "pipelinerun-task-bundle.yaml": (
        [
            {
                "name": "bundled",
                "taskRef": {
                    "resolver": "bundles",
                    "params": [
                        {
                            "name": "bundle",
                            "value": "reg.io/ruben/barichello@sha256:"
                            "2e3a44c27dbdd5f9a6d859ac9dabdbbf54dc26bc43f9293778a934e210fdcf5d",
                        },
                        {"name": "name", "value": "foo"},
                        {"name": "kind", "value": "Task"},
                    ],
                },
            }
        ],
        [],
    ),
    "pipelinerun-task-resolver.yaml": ([{"name": "bundled", "taskRef": {"resolver": "resolver"}}], []),
    "pipelinerun-with-a-customtask.yaml": (
        [
            {
                "name": "shipwright",
                "taskRef": {"apiVersion": "shipwright.io/v1alpha1", "kind": "Build", "name": "nodejs-ex"},
            }
        ],
        [],
    ),
    "pipelinev1asv1.yaml": (MOTO, []),
    # The Task's only field is unknown: read leniently it is empty, converted and inlined without an error.
    "task-invalid-conversion.yaml": ([{"name": "hello1", "taskSpec": {}}], []),
    "with-generatename.yaml": (MOTO, []),
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_run_is_written_out(name: str) -> None:
    run = resolved(name)
    tasks, finally_ = SHAPES[name]
    assert run["apiVersion"] == "tekton.dev/v1"
    assert (spec(run)["tasks"], spec(run)["finally"]) == (tasks, finally_)


def test_a_pipeline_ref_with_a_resolver_stays() -> None:
    run = resolved("pipelinerun-pipeline-bundle.yaml")
    assert run["spec"] == {
        "pipelineRef": {
            "resolver": "bundles",
            "params": [
                {"name": "bundle", "value": "quay.io/hello/moto"},
                {"name": "name", "value": "pipeline-test1"},
            ],
        }
    }


def test_params_stay_templates_and_declared_params_get_their_type() -> None:
    run = resolved("pipelinerun-pipelineref-taskspec.yaml")
    assert run["spec"]["params"] == [{"name": "key", "value": "{{value}}"}]
    # v1beta1's ConvertTo writes out the type; the Pipeline's unknown field `steps` is dropped by lenient decoding.
    assert spec(run)["params"] == [{"name": "repo_url", "type": "string"}, {"name": "revision", "type": "string"}]
    assert "steps" not in spec(run)


def test_annotations_that_are_not_ours_stay() -> None:
    run = resolved("pipelinerun-pipeline-task-annotations-not-pac.yaml")
    assert run["metadata"]["annotations"]["anno"] == "tation"


def test_with_remote_tasks_off_annotations_are_not_followed() -> None:
    run = resolved("pipelinerun-pipeline-task-remote-task-annotation.yaml", remote=False)
    assert run["metadata"]["annotations"]["pipelinesascode.tekton.dev/task"] == "foo"
    assert run["metadata"]["labels"]["pipelinesascode.tekton.dev/original-prname"] == "pr"
    assert spec(run)["tasks"] == THREE_TASKS


def test_a_repository_path_is_asked_for_as_it_is_written() -> None:
    asked: list[tuple[str, str]] = []

    def fetch(reference: str, kind: str) -> str:
        asked.append((reference, kind))
        return yaml.dump(
            {
                "apiVersion": "tekton.dev/v1",
                "kind": "Task",
                "metadata": {"name": "repository-local-task"},
                "spec": {"steps": [{"name": "local", "image": "scratch"}]},
            }
        )

    run = resolved("pipelinerun-with-repository-local-task.yaml", fetch=fetch)
    assert asked == [("tasks/repository-local-task.yaml", "task")]
    assert spec(run)["tasks"] == [task("repository-local", "local", "scratch")]


def test_generate_name() -> None:
    assert resolved("pipelinerun-pipelineref-taskspec.yaml", generate=True)["metadata"]["generateName"] == "pr-test1-"
    assert resolved("with-generatename.yaml", generate=True)["metadata"]["generateName"] == "with-generatename"


# -- files that are refused --------------------------------------------------------------------------------------------


def test_no_run() -> None:
    with pytest.raises(NotFoundError) as caught:
        pac.resolve(pac.read(read("no-pipelinerun.yaml")), nothing)
    assert caught.value.message == "could not find any PipelineRun in your .tekton/ directory"


def test_a_task_that_is_nowhere() -> None:
    with pytest.raises(InputError) as caught:
        resolved("referenced-task-not-in-repo.yaml")
    assert caught.value.message == (
        "cannot find referenced task nothere. if it's a remote task make sure to add it in the annotations"
    )


def test_a_malformed_annotation() -> None:
    with pytest.raises(InputError, match="annotations in pipeline are in wrong format: \\[foo"):
        resolved("pipelinerun-pipeline-task-bad-pac-annotation.yaml")


def test_a_remote_task_that_cannot_be_fetched() -> None:
    with pytest.raises(InterlockError) as caught:
        resolved("pipelinerun-pipeline-task-remote-task-annotation.yaml", fetch=lambda reference, kind: "")
    assert caught.value.message == (
        'error getting remote task from pipelinerun annotations: remote task "foo" not found'
    )


# -- results of upstream's TestRemote ----------------------------------------------------------------------------------

STEPS = {"steps": [{"name": "step1", "image": "scratch", "command": ["true"]}]}


def remote_task(name: str) -> str:
    value = {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": name}, "spec": STEPS}
    return yaml.dump(value)


def remote_pipeline(names: list[str], annotations: Mapping[str, str]) -> str:
    tasks = [{"name": name, "taskRef": {"name": name}} for name in names]
    prefixed = {f"pipelinesascode.tekton.dev/{key}": value for key, value in annotations.items()}
    metadata = {"name": "remote-pipeline", "annotations": prefixed}
    return yaml.dump(
        {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": metadata, "spec": {"tasks": tasks}}
    )


def local_run(annotations: Mapping[str, str]) -> Object:
    prefixed = {f"pipelinesascode.tekton.dev/{key}": value for key, value in annotations.items()}
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": "pipelinerun-abc", "annotations": prefixed},
        "spec": {"pipelineRef": {"name": "remote-pipeline"}},
    }


LETTERS = ["remote-task-a", "remote-task-b", "remote-task-c", "remote-task-d"]
WEB = {
    "http://remote/remote-pipeline": remote_pipeline(["remote-task"], {"task": "http://remote/remote-task"}),
    "http://remote/remote-task": remote_task("remote-task"),
    **{f"http://remote/{name}": remote_task(name) for name in LETTERS},
    "http://remote/utils/remote-task-c": remote_task("remote-task-c"),
}
RELATIVE = {
    **WEB,
    "http://remote/remote-pipeline": remote_pipeline(
        LETTERS[:3],
        {"task": "./remote-task-a", "task-1": "../remote-task-b", "task-2": "../../../../remote-task-c"},
    ),
    "http://remote/remote-pipeline-1": remote_pipeline(
        LETTERS[1:], {"task": "remote-task-b", "task-1": "utils/remote-task-c", "task-2": " remote-task-d"}
    ),
}
FOLDER_TASK = documents.decoded(remote_task("remote-task"), "Task", "tasks.yaml")
FOLDER_PIPELINE = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Pipeline",
    "metadata": {"name": "remote-pipeline"},
    "spec": {"tasks": [{"name": "embedded", "taskSpec": STEPS}]},
}
PIPELINE_URL, TASK_URL = "http://remote/remote-pipeline", "http://remote/remote-task"

EXPECTED: dict[str, tuple[Mapping[str, str], pac.Documents]] = {
    "remote-pipeline-with-remote-task-from-pipeline.yaml": (
        WEB,
        pac.Documents([local_run({"pipeline": PIPELINE_URL})]),
    ),
    "remote-pipeline-with-relative-tasks.yaml": (RELATIVE, pac.Documents([local_run({"pipeline": PIPELINE_URL})])),
    "remote-pipeline-with-relative-tasks-1.yaml": (
        RELATIVE,
        pac.Documents([local_run({"pipeline": f"{PIPELINE_URL}-1"})]),
    ),
    "skip-fetching-multiple-tasks-of-the-same-name-from-pipelinerun-annotations-and-pipeline-annotation.yaml": (
        WEB,
        pac.Documents([local_run({"pipeline": PIPELINE_URL, "task": TASK_URL, "task-1": TASK_URL})]),
    ),
    "skip-fetching-multiple-tasks-of-the-same-name-from-pipelinerun-annotations-and-tektondir.yaml": (
        WEB,
        pac.Documents([local_run({"pipeline": PIPELINE_URL, "task": TASK_URL})], tasks=[FOLDER_TASK]),
    ),
    "skip-fetching-multiple-pipelines-of-the-same-name-from-pipelinerun-annotations-and-tektondir.yaml": (
        WEB,
        pac.Documents([local_run({"pipeline": PIPELINE_URL, "task": TASK_URL})], pipelines=[FOLDER_PIPELINE]),
    ),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_remote_pipelines_become_what_upstream_expects(name: str) -> None:
    web, found = EXPECTED[name]
    asked: list[str] = []

    def fetch(reference: str, kind: str) -> str:
        asked.append(reference)
        return web[reference]

    (run,) = inline.inlined(found, fetch, pac.Options())
    assert run == yaml.load(read(name), file=name).value
    assert len(asked) == len(set(asked)), "what was fetched once is not fetched again"


def test_every_file_has_an_expectation() -> None:
    one_by_one = {
        "pipelinerun-pipeline-bundle.yaml",
        "pipelinerun-pipeline-task-remote-task-annotation.yaml",
        "pipelinerun-with-repository-local-task.yaml",
        "no-pipelinerun.yaml",
        "referenced-task-not-in-repo.yaml",
        "pipelinerun-pipeline-task-bad-pac-annotation.yaml",
    }
    assert {path.name for path in RESOLVE.iterdir()} == {*SHAPES, *EXPECTED, *one_by_one}


# -- tekton-invalid: what this part says about them --------------------------------------------------------------------


def invalid(name: str) -> str:
    """The fixture with the values that upstream's end-to-end tests fill in."""
    text = (INVALID / name).read_text()
    for key, value in (
        ("TargetNamespace", "ns"),
        ("TargetBranch", "main"),
        ("TargetEvent", "pull_request"),
        ("PipelineName", "the-run"),
    ):
        for pattern in (f"\\\\ .{key} //", f"\\\\.{key}//"):
            text = text.replace(pattern, value)
    return text


def test_two_runs_of_one_name() -> None:
    text = documents.joined([invalid("pipelinerun_same_name_on_push.yaml")] * 2)
    with pytest.raises(InputError) as caught:
        pac.resolve(pac.read(text), nothing)
    assert caught.value.message == (
        "found multiple pipelinerun in .tekton with the same name: pipelinerun-same-name, please update"
    )


def test_an_invalid_cel_expression_never_matches_and_says_why() -> None:
    (run,) = pac.resolve(pac.read(invalid("pipelinerun-invalid-cel.yaml")), nothing)
    found = matching.match(run, pac.Event("pull_request", "main"))
    assert not found.matched
    # As the comment on the pull request that TestGithubGHEInvalidCELExpressionReportingOnPR waits for.
    assert found.explain[0].startswith(
        'CEL expression evaluation error: failed to parse expression "event == \\"pull request\\" |": '
        "ERROR: <input>:1:25: Syntax error: token recognition error at: '|'  | event == \"pull request\" |"
    )


def test_a_run_without_pipeline_is_left_to_the_webhook() -> None:
    (run,) = pac.resolve(pac.read(invalid("pipeline_bad_format.yaml")), nothing)
    assert run["spec"] == {"pipelineRef": None}


def test_a_task_after_one_that_does_not_exist_is_left_to_the_webhook() -> None:
    (run,) = pac.resolve(pac.read(invalid("bad-runafter-task.yaml")), nothing)
    assert spec(run)["tasks"][0]["runAfter"] == ["donotexist"]
