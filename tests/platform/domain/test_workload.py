from __future__ import annotations

from typing import Any

import pytest

from interlock.platform.domain import workload
from interlock.platform.domain.verdict import Verdict

POD: dict[str, Any] = {
    "containers": [{"name": "payments", "image": "own"}, {"name": "proxy", "image": "sidecar"}],
    "initContainers": [{"name": "init", "image": "init"}],
    "ephemeralContainers": [{"name": "debug", "image": "debug"}],
    "volumes": [{"name": "model", "image": {"reference": "volume", "pullPolicy": "Always"}}, {"name": "tmp"}],
}
EVERY = {"own", "sidecar", "init", "debug", "volume"}


def item(kind: str, spec: dict[str, Any] | None = None, api: str = "apps/v1", **status: Any) -> dict[str, Any]:
    metadata = {"name": "payments", "generation": 2}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec or {}, "status": status}


def seen(found: dict[str, Any]) -> set[str]:
    return {image for _, image in workload.images(found)}


@pytest.mark.parametrize(
    "found",
    [
        item("Deployment", {"template": {"spec": POD}}),
        item("CronJob", {"jobTemplate": {"spec": {"template": {"spec": POD}}}}, "batch/v1"),
        item("Pod", POD, "v1"),
        item("IntegrationRuntime", {"template": {"spec": POD}}, "appconnect.ibm.com/v1beta1"),
        item("Mystery", {"deeply": [{"nested": POD}]}, "example.com/v1"),
        {"apiVersion": "v1", "kind": "List", "items": [item("Deployment", {"template": {"spec": POD}})]},
    ],
    ids=lambda found: str(found["kind"]),
)
def test_every_image_of_a_pod_spec_is_seen_whatever_the_kind(found: dict[str, Any]) -> None:
    assert seen(found) == EVERY


def step(name: str) -> dict[str, Any]:
    return {"steps": [{"image": f"{name}-step"}], "sidecars": [{"image": f"{name}-sidecar"}]}


@pytest.mark.parametrize(
    ("found", "images"),
    [
        (item("IntegrationRuntime", {"image": "ace"}, "appconnect.ibm.com/v1beta1"), {"ace"}),
        (
            item("IntegrationServer", {"pod": {"containers": {"runtime": {"image": "ace"}}}}, "appconnect.ibm.com/v1"),
            {"ace"},
        ),
        (item("QueueManager", {"queueManager": {"image": "mq"}}, "mq.ibm.com/v1beta1"), {"mq"}),
        (
            item("Task", step("a") | {"stepTemplate": {"image": "base"}}, "tekton.dev/v1"),
            {"a-step", "a-sidecar", "base"},
        ),
        (item("Pipeline", {"tasks": [{"taskSpec": step("a")}]}, "tekton.dev/v1"), {"a-step", "a-sidecar"}),
        (item("StepAction", {"image": "action"}, "tekton.dev/v1beta1"), {"action"}),
        # Only kinds that say so: `image` may be anything elsewhere.
        (item("Banner", {"image": "logo.png", "steps": [{"image": "x"}]}, "example.com/v1"), set()),
        (item("ConfigMap", {}, "v1") | {"data": {"image": "text"}}, set()),
    ],
)
def test_a_kind_says_where_else_it_names_images(found: dict[str, Any], images: set[str]) -> None:
    assert seen(found) == images
    listed = {"apiVersion": "v1", "kind": "List", "items": [found]}
    assert [path[:2] for path, _ in workload.images(listed)] == [("items", 0)] * len(images)


def test_an_image_is_told_with_its_path() -> None:
    paths = [path for path, _ in workload.images(item("Deployment", {"template": {"spec": POD}}))]
    pod = ("spec", "template", "spec")
    assert (*pod, "containers", 1, "image") in paths and (*pod, "volumes", 0, "image", "reference") in paths


def test_a_container_is_found_by_its_name_in_every_kind_of_workload() -> None:
    nested: dict[str, Any] = {"template": {"spec": POD}}
    deployment, job = item("Deployment", nested), item("CronJob", {"jobTemplate": {"spec": nested}}, "batch/v1")
    for found in (deployment, job):
        assert workload.image_of(found, "payments") == "own"
        assert workload.image_of(found, "init") == "init", "a sidecar of Kubernetes 1.29 is an init container"
        assert workload.image_of(found, "absent") is None
    assert workload.image_of(item("Deployment"), "payments") is None


AVAILABLE: dict[str, Any] = {"conditions": [{"type": "Available", "status": "True"}]}
STATEFUL: dict[str, Any] = {
    "observedGeneration": 2,
    "readyReplicas": 3,
    "currentRevision": "r2",
    "updateRevision": "r2",
}
DAEMON: dict[str, Any] = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
}
WARNING: dict[str, Any] = {"phase": "Warning", "conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (item("Deployment", observedGeneration=2, **AVAILABLE), Verdict.VALID),
        (item("Deployment", observedGeneration=1, **AVAILABLE), Verdict.UNKNOWN),
        (item("Deployment", **AVAILABLE), Verdict.UNKNOWN),
        (item("Deployment", observedGeneration=2), Verdict.INVALID),
        (
            item("Deployment", observedGeneration=2, conditions=[{"type": "Available", "status": "False"}]),
            Verdict.INVALID,
        ),
        (item("StatefulSet", {"replicas": 3}, **STATEFUL), Verdict.VALID),
        (item("StatefulSet", {"replicas": 4}, **STATEFUL), Verdict.INVALID),
        (item("StatefulSet", {"replicas": 3}, **STATEFUL | {"updateRevision": "r3"}), Verdict.INVALID),
        (item("StatefulSet", {"replicas": 0}, observedGeneration=2), Verdict.VALID),
        (item("DaemonSet", **DAEMON), Verdict.VALID),
        (item("DaemonSet", **DAEMON | {"numberAvailable": 1}), Verdict.INVALID),
        (item("DaemonSet", **DAEMON | {"updatedNumberScheduled": 1}), Verdict.INVALID),
        (item("Job", api="batch/v1", conditions=[{"type": "Complete", "status": "True"}]), Verdict.VALID),
        (item("Job", api="batch/v1"), Verdict.INVALID),
        (item("CronJob", api="batch/v1"), Verdict.VALID),
        (item("IntegrationRuntime", phase="Ready"), Verdict.VALID),
        (item("IntegrationRuntime", **WARNING), Verdict.VALID),
        (item("IntegrationRuntime", phase="Warning"), Verdict.INVALID),
        (item("IntegrationRuntime"), Verdict.INVALID),
        (item("Mystery"), Verdict.UNKNOWN),
    ],
)
def test_readiness_of_each_kind(found: dict[str, Any], verdict: Verdict) -> None:
    told, detail = workload.readiness(found)
    assert told is verdict and bool(detail) == (verdict is not Verdict.VALID)


def test_a_simulated_workload_says_so_in_one_of_three_places() -> None:
    annotated = {"metadata": {"annotations": {workload.SIMULATED_ANNOTATION: "true"}}}
    assert not workload.simulated(item("Deployment", **AVAILABLE))
    assert workload.simulated(item("Deployment", conditions=[{"type": "x", "reason": workload.SIMULATED_REASON}]))
    assert workload.simulated(item("Deployment") | annotated)
    assert workload.simulated(item("Deployment", {"template": annotated}))
    assert workload.simulated(item("CronJob", {"jobTemplate": {"spec": {"template": annotated}}}))
    assert not workload.simulated({})
