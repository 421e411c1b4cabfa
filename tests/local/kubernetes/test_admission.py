"""Tekton's webhooks as a cluster with Tekton has them: what they put in, what they refuse, what may still change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.errors import InputError
from interlock.formats import yaml

API = "tekton.dev/v1"
STEP = {"image": "alpine", "script": "true"}
CATALOG = Path(__file__).parents[3] / "src/interlock/platform/catalog"


def made(kind: str, namespace: str, spec: Any, name: str = "x", **metadata: Any) -> Object:
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def denied(create: Any) -> str:
    with pytest.raises(InputError) as caught:
        create()
    assert caught.value.code == "kubernetes-bad-request"
    return caught.value.message


def test_defaults(client: KubernetesClient, namespace: str) -> None:
    run = client.create(made("TaskRun", namespace, {"taskRef": {"name": "t"}}))
    assert run["spec"] == {
        "taskRef": {"name": "t", "kind": "Task"},
        "timeout": "1h0m0s",
        "serviceAccountName": "default",
    }
    assert run["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "tekton-pipelines"}
    task = client.create(made("Task", namespace, {"params": [{"name": "p", "default": ["a"]}], "steps": [STEP]}))
    assert task["spec"]["params"] == [{"name": "p", "default": ["a"], "type": "array"}]
    assert client.replace({**task, "spec": {"steps": [STEP, STEP]}})["spec"]["steps"] == [STEP, STEP]


def test_a_refusal_is_the_webhooks(client: KubernetesClient, namespace: str) -> None:
    spec = {"tasks": [{"name": "a", "taskRef": {"name": "t"}, "runAfter": ["a"]}]}
    assert denied(lambda: client.create(made("Pipeline", namespace, spec))) == (
        'admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: '
        'invalid value: cycle detected; task "a" depends on "a": spec.tasks'
    )


def test_what_cannot_be_read_is_refused_by_the_first_of_the_webhooks(client: KubernetesClient, namespace: str) -> None:
    assert denied(lambda: client.create(made("Task", namespace, {"steps": "none"}))) == (
        'admission webhook "webhook.pipeline.tekton.dev" denied the request: mutation failed: cannot decode incoming '
        "new object: json: cannot unmarshal string into Go struct field TaskSpec.spec.steps of type []v1.Step"
    )
    spec = {"taskSpec": {"steps": [{**STEP, "scirpt": "x"}]}}
    assert 'json: unknown field "scirpt"' in denied(lambda: client.create(made("TaskRun", namespace, spec)))


def test_a_field_that_the_definition_does_not_have_is_dropped(client: KubernetesClient, namespace: str) -> None:
    task = client.create(made("Task", namespace, {"steps": [{**STEP, "scirpt": "x"}]}))
    assert task["spec"]["steps"] == [STEP]


def test_a_name_that_is_generated_is_judged(client: KubernetesClient, namespace: str) -> None:
    value = made("TaskRun", namespace, {"taskRef": {"name": "t"}})
    value["metadata"] = {"generateName": "build-", "namespace": namespace}
    assert client.create(value)["metadata"]["name"].startswith("build-")


def test_the_spec_of_a_run_stays(client: KubernetesClient, namespace: str) -> None:
    client.create(made("TaskRun", namespace, {"taskRef": {"name": "t"}}))

    def patch(spec: Any, **options: Any) -> Object:
        return client.patch(API, "TaskRun", "x", {"spec": spec}, namespace=namespace, **options)

    assert "Once the TaskRun has started, only status and statusMessage updates are allowed" in denied(
        lambda: patch({"timeout": "2h0m0s"})
    )
    assert patch({"status": "TaskRunCancelled"})["spec"]["status"] == "TaskRunCancelled"
    status = {"conditions": [{"type": "Succeeded", "status": "True"}]}
    client.patch(API, "TaskRun", "x", {"status": status}, namespace=namespace, subresource="status")
    assert "Once the TaskRun is complete, no updates are allowed" in denied(lambda: patch({"statusMessage": "late"}))
    labels = {"metadata": {"labels": {"kept": "yes"}}}
    assert client.patch(API, "TaskRun", "x", labels, namespace=namespace)["metadata"]["labels"]["kept"] == "yes"


def test_a_status_is_the_controllers(client: KubernetesClient, namespace: str) -> None:
    client.create(made("PipelineRun", namespace, {"pipelineRef": {"name": "p"}}))
    status = {"anything": {"a": 1}, "startTime": "2026-01-01T00:00:00Z"}
    changed = client.patch(API, "PipelineRun", "x", {"status": status}, namespace=namespace, subresource="status")
    assert changed["status"] == status


def test_flags_are_those_of_the_config_map(client: KubernetesClient, namespace: str) -> None:
    spec = {"taskRef": {"name": "t"}, "debug": {"breakpoints": {"onFailure": "enabled"}}}
    assert 'debug requires "enable-api-fields" feature gate to be "alpha"' in denied(
        lambda: client.create(made("TaskRun", namespace, spec))
    )
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tekton-pipelines"}})
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "feature-flags"}}
    flags["metadata"] = {"name": "feature-flags", "namespace": "tekton-pipelines"}
    client.create({**flags, "data": {"enable-api-fields": "alpha"}})
    try:
        client.create(made("TaskRun", namespace, spec))
    finally:
        client.delete("v1", "ConfigMap", "feature-flags", namespace="tekton-pipelines")


def test_annotations_that_are_chains_are_not_set_by_others(client: KubernetesClient, namespace: str) -> None:
    annotations = {"chains.tekton.dev/signed": "true", "other": "x"}
    run = client.create(made("TaskRun", namespace, {"taskRef": {"name": "t"}}, annotations=annotations))
    assert run["metadata"]["annotations"] == {"other": "x"}


@pytest.mark.parametrize("path", sorted(CATALOG.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_platforms_own_catalog_is_admitted(path: Path, client: KubernetesClient, namespace: str) -> None:
    for document in yaml.load_all(path.read_bytes(), file=path.name):
        value = document.value
        if isinstance(value, dict) and value.get("apiVersion") == API:
            client.create({**value, "metadata": {**value["metadata"], "namespace": namespace}})


def test_a_cluster_without_tekton_asks_nobody(run: Any) -> None:
    with run(admission=()).client() as client:
        run_ = client.create(made("TaskRun", "default", {"taskRef": {"name": "t"}, "timeout": "soon"}))
    assert run_["spec"] == {"taskRef": {"name": "t"}, "timeout": "soon"}


@pytest.mark.parametrize("module", ["interlock.absent", "interlock.errors"])
def test_a_module_that_is_no_plug_in_is_said_at_the_start(run: Any, module: str) -> None:
    with pytest.raises(InputError, match="no module with WEBHOOKS") as caught:
        run(admission=(module,))
    assert (caught.value.code, caught.value.got) == ("admission-module", module)
