"""v1beta1 as v1, held against upstream's *_conversion_test.go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.errors import UnsupportedError
from interlock.formats import yaml
from interlock.tekton.spec import conversion


def read(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, file="v1beta1.yaml").value)


CONTAINER = """\
    ports: [{name: port, containerPort: 0}]
    livenessProbe: {initialDelaySeconds: 1}
    readinessProbe: {initialDelaySeconds: 2}
    startupProbe: {initialDelaySeconds: 3}
    lifecycle: {postStart: {exec: {command: ["lifecycle command"]}}}
    terminationMessagePath: path
    terminationMessagePolicy: policy
    stdin: true
    stdinOnce: true
    tty: true
"""
DEPRECATED = f"""\
apiVersion: tekton.dev/v1beta1
kind: Task
metadata: {{name: foo, namespace: bar}}
spec:
  displayName: task-display-name
  steps:
  - name: step-1
{CONTAINER}  stepTemplate:
    image: foo
{CONTAINER}"""
KEPT = (
    '"resources":{},"livenessProbe":{"initialDelaySeconds":1},"readinessProbe":{"initialDelaySeconds":2},'
    '"startupProbe":{"initialDelaySeconds":3},"lifecycle":{"postStart":{"exec":{"command":["lifecycle command"]}}},'
    '"terminationMessagePath":"path","terminationMessagePolicy":"policy","stdin":true,"stdinOnce":true,"tty":true}'
)
PORTS = '"ports":[{"name":"port","containerPort":0}],'


def test_deprecated_fields_go_into_the_annotation_that_upstream_reads_back() -> None:
    found = conversion.to_v1(read(DEPRECATED))
    assert found["apiVersion"] == "tekton.dev/v1"
    assert found["spec"] == {
        "displayName": "task-display-name",
        "steps": [{"name": "step-1"}],
        "stepTemplate": {"image": "foo"},
    }
    assert found["metadata"]["annotations"] == {
        "tekton.dev/v1beta1.task-deprecations": (
            '{"foo":{"deprecatedSteps":[{"name":"",' + PORTS + KEPT + '],"deprecatedStepTemplate":{' + PORTS + KEPT
        )
        + "}}"
    }


def test_a_step_alone_leaves_no_template() -> None:
    value = read(
        "apiVersion: tekton.dev/v1beta1\nkind: Task\nmetadata: {name: foo}\nspec:\n  steps:\n  - name: echo\n"
        "    image: alpine\n    readinessProbe: {exec: {command: [cat, /tmp/healthy]}}\n    resources: {}\n"
    )
    found = conversion.to_v1(value)
    assert found["spec"]["steps"] == [{"name": "echo", "image": "alpine", "computeResources": {}}]
    assert found["metadata"]["annotations"]["tekton.dev/v1beta1.task-deprecations"] == (
        '{"foo":{"deprecatedSteps":[{"name":"","resources":{},'
        '"readinessProbe":{"exec":{"command":["cat","/tmp/healthy"]}}}]}}'
    )


def test_resources_of_containers_and_sidecars_that_keep_their_fields() -> None:
    found = conversion.to_v1(
        read(
            "apiVersion: tekton.dev/v1beta1\nkind: Task\nmetadata: {name: t}\nspec:\n"
            "  stepTemplate: {resources: {limits: {cpu: 1}}}\n"
            "  sidecars: [{name: s, image: i, resources: {limits: {cpu: 2}}, readinessProbe: {periodSeconds: 1}}]\n"
        )
    )
    assert found["spec"]["stepTemplate"] == {"computeResources": {"limits": {"cpu": 1}}}
    assert found["spec"]["sidecars"] == [
        {
            "name": "s",
            "image": "i",
            "computeResources": {"limits": {"cpu": 2}},
            "readinessProbe": {"periodSeconds": 1},
        }
    ]
    assert "annotations" not in found["metadata"]


def test_pipeline_resources_survive_as_an_annotation() -> None:
    value = read(
        "apiVersion: tekton.dev/v1beta1\nkind: Task\nmetadata: {name: t}\n"
        "spec: {resources: {inputs: [{name: source, type: git}]}, steps: []}\n"
    )
    found = conversion.to_v1(value)
    assert found["spec"] == {"steps": []}
    kept = json.loads(found["metadata"]["annotations"]["tekton.dev/v1beta1Resources"])
    assert kept == {"inputs": [{"name": "source", "type": "git"}]}


def test_pipeline_runs() -> None:
    found = conversion.to_v1(
        read(
            "apiVersion: tekton.dev/v1beta1\nkind: PipelineRun\nmetadata: {name: r}\nspec:\n"
            "  pipelineRef: {name: p, bundle: quay.io/x}\n  timeout: 1h\n  serviceAccountName: robot\n"
            "  podTemplate: {nodeSelector: {a: b}}\n  taskRunSpecs:\n  - pipelineTaskName: t\n"
            "    taskServiceAccountName: other\n    taskPodTemplate: {nodeSelector: {c: d}}\n"
            "    stepOverrides: [{name: s, resources: {limits: {cpu: 1}}}]\n"
        )
    )
    assert found["spec"] == {
        "pipelineRef": {"name": "p"},
        "timeouts": {"pipeline": "1h"},
        "taskRunTemplate": {"podTemplate": {"nodeSelector": {"a": "b"}}, "serviceAccountName": "robot"},
        "taskRunSpecs": [
            {
                "pipelineTaskName": "t",
                "serviceAccountName": "other",
                "podTemplate": {"nodeSelector": {"c": "d"}},
                "stepSpecs": [{"name": "s", "computeResources": {"limits": {"cpu": 1}}}],
            }
        ],
    }


def test_embedded_tasks_keep_their_deprecations_under_the_pipeline_tasks_name() -> None:
    found = conversion.to_v1(
        read(
            "apiVersion: tekton.dev/v1beta1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n"
            "  - name: two\n    taskSpec: {steps: [{image: i, tty: true}]}\n"
            "  - name: one\n    taskSpec: {steps: [{image: i, stdin: true}]}\n    pipelineRef: {name: gone}\n"
        )
    )
    assert list(json.loads(found["metadata"]["annotations"]["tekton.dev/v1beta1.task-deprecations"])) == ["one", "two"]
    # ConvertTo knows no pipelineRef: a cluster loses it too.
    assert found["spec"]["tasks"][1] == {"name": "one", "taskSpec": {"steps": [{"image": "i"}]}}


def test_task_runs() -> None:
    found = conversion.to_v1(
        read(
            "apiVersion: tekton.dev/v1beta1\nkind: TaskRun\nmetadata: {name: r}\nspec:\n"
            "  taskRef: {name: t, kind: Task}\n  stepOverrides: [{name: s, resources: {requests: {cpu: 1}}}]\n"
            "  sidecarOverrides: [{name: c, resources: {}}]\n"
        )
    )
    assert found["spec"] == {
        "taskRef": {"name": "t", "kind": "Task"},
        "stepSpecs": [{"name": "s", "computeResources": {"requests": {"cpu": 1}}}],
        "sidecarSpecs": [{"name": "c", "computeResources": {}}],
    }


@pytest.mark.parametrize(
    ("param", "kind"),
    [
        ({"name": "a"}, "string"),
        ({"name": "a", "default": ["x"]}, "array"),
        ({"name": "a", "default": {"k": "v"}}, "object"),
        ({"name": "a", "properties": {"k": {"type": "string"}}}, "object"),
        ({"name": "a", "default": "x", "type": "array"}, "array"),
    ],
)
def test_types_of_params_before_and_without_defaulting(param: dict[str, Any], kind: str) -> None:
    value = {"apiVersion": "tekton.dev/v1beta1", "kind": "Task", "metadata": {}, "spec": {"params": [param]}}
    assert conversion.to_v1(conversion.typed(value))["spec"]["params"][0]["type"] == kind
    # ConvertTo alone makes a string of every param without type.
    assert conversion.to_v1(value)["spec"]["params"][0]["type"] == param.get("type", "string")


def test_what_has_no_v1_and_what_is_v1_stays() -> None:
    for value in (
        {"apiVersion": "tekton.dev/v1beta1", "kind": "StepAction", "metadata": {}, "spec": {"image": "i"}},
        {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {}, "spec": {"steps": [{"resources": {}}]}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {}},
    ):
        assert conversion.to_v1(value) == value
    with pytest.raises(UnsupportedError) as caught:
        conversion.to_v1({"apiVersion": "tekton.dev/v1alpha1", "kind": "Task"})
    assert caught.value.code == "tekton-version"


def test_the_original_is_not_touched() -> None:
    value = read(DEPRECATED)
    before = json.dumps(value)
    conversion.to_v1(conversion.typed(value))
    assert json.dumps(value) == before
