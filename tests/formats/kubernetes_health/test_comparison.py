"""Whether an apply would change a live object."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from interlock.formats.kubernetes import apply
from interlock.formats.kubernetes.comparison import LAST_APPLIED, Ignore, compare, schema_of

MANAGER = "argocd-controller"
NOW = "2026-01-01T00:00:00Z"


def deployment(**spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "r/app:1", "resources": {"requests": {"cpu": "1000m"}}}
    pod = {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "payments", "namespace": "payments", "labels": {"app": "payments"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "payments"}},
            "template": {"metadata": {"labels": {"app": "payments"}}, "spec": pod},
            **spec,
        },
    }


def applied(desired: dict[str, Any]) -> dict[str, Any]:
    """As a server holds it after our apply: with defaults, bookkeeping, status and other writers' fields."""
    live = copy.deepcopy(apply.apply(None, desired, schema_of(desired), manager=MANAGER, now=NOW))
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": NOW}
    if live["kind"] == "Deployment":
        live["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
        live["spec"] |= {"progressDeadlineSeconds": 600, "strategy": {"type": "RollingUpdate"}}
        (container,) = live["spec"]["template"]["spec"]["containers"]
        container |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
        container["resources"] = {"requests": {"cpu": "1"}}
        live["spec"]["template"]["spec"] |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}
        live["status"] = {"replicas": 2}
    return live


def test_what_was_applied_is_no_difference() -> None:
    desired = deployment()
    assert compare(desired, applied(desired), manager=MANAGER).paths == ()


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("spec", "replicas"), 5, ".spec.replicas"),
        (("metadata", "labels", "app"), "forged", ".metadata.labels.app"),
        (("spec", "template", "spec", "volumes"), [], '.spec.template.spec.volumes[name="tmp"]'),
    ],
)
def test_a_changed_field_that_git_sets_is_a_difference(path: tuple[str, ...], value: object, expected: str) -> None:
    live = applied(deployment())
    holder: Any = live
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    assert expected in compare(deployment(), live, manager=MANAGER).paths


def test_a_field_that_git_does_not_set_is_none() -> None:
    live = applied(deployment())
    live["spec"]["paused"] = True
    live["metadata"]["labels"]["team"] = "x"
    assert not compare(deployment(), live, manager=MANAGER).modified


def test_an_image_in_a_keyed_list_is_found_by_its_key() -> None:
    live = applied(deployment())
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "mesh"})
    assert not compare(deployment(), live, manager=MANAGER).modified
    live["spec"]["template"]["spec"]["containers"][1]["image"] = "r/app:forged"
    (path,) = compare(deployment(), live, manager=MANAGER).paths
    assert path == '.spec.template.spec.containers[name="app"].image'


def test_a_field_that_left_git_is_a_difference_because_we_applied_it() -> None:
    live = applied(deployment(minReadySeconds=5))
    assert compare(deployment(), live, manager=MANAGER).paths == (".spec.minReadySeconds",)
    assert not compare(deployment(), live, manager="somebody-else").modified


def test_the_last_applied_annotation_stands_for_ownership() -> None:
    live = applied(deployment(minReadySeconds=5))
    live["metadata"].pop("managedFields")
    assert not compare(deployment(), live, manager=MANAGER).modified
    live["metadata"]["annotations"][LAST_APPLIED] = json.dumps(deployment(minReadySeconds=5))
    assert compare(deployment(), live, manager=MANAGER).paths == (".spec.minReadySeconds",)
    live["metadata"]["annotations"][LAST_APPLIED] = "not json"
    assert not compare(deployment(), live, manager=MANAGER).modified


def test_a_missing_annotation_is_a_difference() -> None:
    desired = deployment()
    desired["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "x"}
    assert compare(desired, applied(deployment()), manager=MANAGER).modified


def test_what_is_empty_is_as_if_absent() -> None:
    desired = deployment()
    desired["metadata"] |= {"annotations": {}, "creationTimestamp": None, "ownerReferences": []}
    assert not compare(desired, applied(deployment()), manager=MANAGER).modified


def test_status_never_counts() -> None:
    desired = {**deployment(), "status": {"replicas": 99}}
    assert not compare(desired, applied(deployment()), manager=MANAGER).modified


def test_a_secrets_plain_data_is_its_data() -> None:
    base = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}}
    live = applied({**base, "data": {"a": "Yg=="}})
    assert not compare({**base, "stringData": {"a": "b"}}, live, manager=MANAGER).modified
    assert compare({**base, "stringData": {"a": "c"}}, live, manager=MANAGER).modified


def test_custom_resources_are_compared_as_their_values_look() -> None:
    task = {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "t", "namespace": "ci"},
        "spec": {"steps": [{"name": "a", "image": "i"}]},
    }
    live = applied(task)
    assert not compare(task, live, manager=MANAGER).modified
    live["spec"]["steps"][0]["image"] = "forged"
    assert compare(task, live, manager=MANAGER).paths == (".spec.steps",)


@pytest.mark.parametrize(
    ("rule", "ignored"),
    [
        (Ignore("apps", "Deployment", json_pointers=("/spec/replicas",)), True),
        (Ignore("*", "*", json_pointers=("/spec/replicas",)), True),
        (Ignore("apps", "Deployment", name="other", json_pointers=("/spec/replicas",)), False),
        (Ignore("apps", "Deployment", namespace="payments", json_pointers=("/spec/replicas",)), True),
        (Ignore("", "Deployment", json_pointers=("/spec/replicas",)), False),
        (Ignore("apps", "Deployment", json_pointers=("/spec/absent/deep", "/spec")), True),
        (Ignore("apps", "Deployment", json_pointers=("",)), False),
    ],
)
def test_differences_are_ignored_by_pointer(rule: Ignore, ignored: bool) -> None:
    live = applied(deployment())
    live["spec"]["replicas"] = 5
    assert compare(deployment(), live, manager=MANAGER, ignore=[rule]).modified is not ignored


def test_pointers_reach_into_lists_and_escaped_names() -> None:
    desired = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "annotations": {"a/b": "1", "c~d": "1"}},
    }
    live = applied(desired)
    live["metadata"]["annotations"] = {"a/b": "2", "c~d": "2"}
    rule = Ignore("", "ConfigMap", json_pointers=("/metadata/annotations/a~1b", "/metadata/annotations/c~0d"))
    assert not compare(desired, live, manager=MANAGER, ignore=[rule]).modified
    changed = applied(deployment())
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    inside = Ignore("apps", "*", json_pointers=("/spec/template/spec/containers/0/image",))
    assert not compare(deployment(), changed, manager=MANAGER, ignore=[inside]).modified
