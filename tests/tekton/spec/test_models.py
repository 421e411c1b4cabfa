"""The models: strict, with positions, and complete enough for what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InputError, InterlockError, UnsupportedError
from interlock.formats import yaml
from interlock.formats.tekton import model, validation
from interlock.formats.tekton.task import ParamSpec, Step, Task, TaskSpec
from interlock.tekton.spec import unexecuted
from interlock.tekton.spec.pipeline import Pipeline
from interlock.tekton.spec.runs import PipelineRun, TaskRun

CONFORMANCE = Path(__file__).parents[4] / "shared/conformance"
KINDS: dict[str, type[model.Model]] = {
    "Task": Task,
    "Pipeline": Pipeline,
    "TaskRun": TaskRun,
    "PipelineRun": PipelineRun,
}


def task(text: str) -> Task:
    document = yaml.load(text, file="task.yaml")
    return model.parse(Task, document.value, document=document)


GOOD = """\
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec:
  steps:
    - image: x
      script: echo
"""


def test_an_object_is_given_back_as_it_was_read() -> None:
    document = yaml.load(GOOD, file="task.yaml")
    assert task(GOOD).to_object() == document.value


@pytest.mark.parametrize(
    ("old", "new", "message", "place"),
    [
        ("script: echo", "scirpt: echo", "unknown field 'spec.steps[0].scirpt'", "task.yaml:7:15"),
        ("image: x", "image: [x]", "invalid 'spec.steps[0].image': Input should be a valid string", "task.yaml:6:14"),
        ("tekton.dev/v1", "tekton.dev/v2", "invalid 'apiVersion': Input should be 'tekton.dev/v1'", "task.yaml:1:13"),
        ("metadata: {name: t}\n", "", "missing field 'metadata'", "task.yaml:1:1"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        task(GOOD.replace(old, new))
    assert (caught.value.code, caught.value.message, str(caught.value.where)) == ("tekton-invalid", message, place)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("text", "text"),
        (2, "2"),
        (True, "true"),
        (1.5, "1.5"),
        (["a", "b"], ["a", "b"]),
        ({"k": "v"}, {"k": "v"}),
        ([1, 2], "[1,2]"),
        ({"k": 1}, '{"k":1}'),
        (None, ""),
    ],
)
def test_a_param_value_that_is_no_array_or_object_of_strings_becomes_its_text(value: object, read: object) -> None:
    assert model.param_value(value) == read


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({}, "string"),
        ({"default": ["a"]}, "array"),
        ({"default": {"a": "b"}}, "object"),
        ({"properties": {"a": {}}}, "object"),
        ({"type": "array"}, "array"),
    ],
)
def test_the_type_of_a_param_that_does_not_say(spec: dict[str, Any], kind: str) -> None:
    assert model.parse(ParamSpec, {"name": "p", **spec}).kind == kind


def test_what_is_not_executed_is_found_with_its_path_and_its_place() -> None:
    document = yaml.load(
        GOOD.replace("script: echo", "volumeDevices: [{name: disk, devicePath: /dev/x}]"), file="task.yaml"
    )
    read = model.parse(Task, document.value, document=document)
    with pytest.raises(UnsupportedError) as caught:
        unexecuted.refuse(read, document=document)
    assert caught.value.message == "interlock.local does not execute volumeDevices yet"
    assert (caught.value.got, str(caught.value.where)) == ("spec.steps[0].volumeDevices", "task.yaml:7:22")


def test_what_only_a_cluster_enforces_is_listed() -> None:
    step = model.parse(Step, {"image": "x", "securityContext": {"runAsUser": 1}, "imagePullPolicy": "Always"})
    assert unexecuted.not_enforced(step) == ["imagePullPolicy", "securityContext"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "missing field(s): spec.steps"),
        ({"steps": [{"script": "x"}]}, "missing field(s): spec.steps[0].image"),
        (
            {"steps": [{"image": "x", "script": "a", "command": ["b"]}]},
            "script cannot be used with command: spec.steps[0].script",
        ),
        ({"steps": [{"image": "x", "script": "a\0b"}]}, "script holds a NUL byte: spec.steps[0].script"),
        ({"steps": [{"image": "x", "onError": "ignore"}]}, 'invalid value: "ignore": spec.steps[0].onError'),
        (
            {"steps": [{"image": "x", "volumeMounts": [{"name": "v", "mountPath": "/tekton/results"}]}]},
            'volumeMount cannot be mounted under /tekton/ (volumeMount "v" mounted at "/tekton/results"): '
            "spec.steps[0].volumeMounts[0].mountPath",
        ),
        ({"steps": [{"image": "x"}], "results": [{"name": "-a"}]}, 'invalid key name "-a": spec.results'),
        (
            {"steps": [{"image": "x"}], "workspaces": [{"name": "w"}, {"name": "w"}]},
            'workspace name "w" must be unique: spec.workspaces',
        ),
        (
            {"steps": [{"image": "x", "workspaces": [{"name": "w"}]}]},
            'undefined workspace "w": spec.steps[0].workspaces',
        ),
    ],
)
def test_a_task_that_the_webhook_refuses_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        validation.task(model.parse(TaskSpec, spec))
    assert caught.value.message == message


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance data is not on this machine")
@pytest.mark.parametrize("folder", ["tekton-examples", "tekton-catalog"])
def test_everything_published_in_v1_is_read(folder: str) -> None:
    count = 0
    for path in sorted((CONFORMANCE / folder).rglob("*.yaml")):
        try:
            documents = list(yaml.load_all(path.read_text(), file=str(path)))
        except InterlockError as error:
            # The loader is stricter than upstream's on purpose; no other reason is accepted.
            assert error.code.startswith("yaml-"), path
            continue
        for document in documents:
            value = document.value or {}
            if value.get("apiVersion") == "tekton.dev/v1":
                read = model.parse(KINDS[value["kind"]], value, document=document)
                count += 1
                if isinstance(read, Task) and not list(unexecuted.constructs(read)):
                    validation.task(read.spec)
    assert count > 10
