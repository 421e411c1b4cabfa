"""Held against Argo CD's own cases where they are at hand, and against the rules that those do not reach."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from interlock.formats.kubernetes.health import Health, assess, worse

CASES = Path(__file__).parents[4] / "shared" / "conformance" / "health-builtin"


def upstream() -> list[tuple[str, str]]:
    table = CASES / "expected.csv"
    if not table.is_file():
        return []
    with table.open() as rows:
        return [(row["file"], row["health"]) for row in csv.DictReader(rows)]


@pytest.mark.skipif(not upstream(), reason=f"upstream's cases are not here: {CASES}")
def test_agrees_with_every_case_of_argo_cd() -> None:
    found = {}
    for name, _ in upstream():
        health = assess(yaml.safe_load((CASES / name).read_text()))
        found[name] = health.status if health else ""
    assert found == dict(upstream())


def deployment(**changes: object) -> dict[str, object]:
    spec = {"replicas": 2}
    status = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, **changes}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "payments", "generation": 3},
        "spec": spec,
        "status": status,
    }


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({}, "Healthy", ""),
        ({"observedGeneration": 2}, "Progressing", "generation less than desired"),
        ({"updatedReplicas": 1}, "Progressing", "1 out of 2 new replicas"),
        ({"replicas": 3}, "Progressing", "1 old replicas are pending termination"),
        ({"availableReplicas": 1}, "Progressing", "1 of 2 updated replicas are available"),
        (
            {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]},
            "Degraded",
            'Deployment "payments" exceeded its progress deadline',
        ),
    ],
)
def test_a_deployment_is_healthy_only_when_the_rollout_has_ended(
    changes: dict[str, object], status: str, message: str
) -> None:
    health = assess(deployment(**changes))
    assert health is not None
    assert health.status == status
    assert message in health.message


def test_an_image_that_cannot_be_pulled_degrades_a_pod() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such digest"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"restartPolicy": "Always"},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "p", "state": {"waiting": waiting}}]},
    }
    assert assess(pod) == Health("Degraded", "no such digest")


def test_an_object_that_is_being_deleted_is_progressing() -> None:
    obj = deployment()
    obj["metadata"] = {"name": "payments", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert assess(obj) == Health("Progressing", "Pending deletion")


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("tekton.dev/v1", "PipelineRun"), ("v1", "ConfigMap"), ("argoproj.io/v1alpha1", "Rollout")],
)
def test_kinds_without_a_check_have_no_health(api_version: str, kind: str) -> None:
    assert assess({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}) is None


def test_a_version_that_is_not_known_is_unknown() -> None:
    health = assess({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "x"}})
    assert health is not None
    assert health.status == "Unknown"


def test_a_malformed_object_is_unknown_and_not_an_error() -> None:
    health = assess(deployment(updatedReplicas="two"))
    assert health is not None
    assert health.status == "Unknown"


def test_order_from_healthy_to_unknown() -> None:
    assert worse("Healthy", "Suspended")
    assert worse("Progressing", "Missing")
    assert worse("Degraded", "Unknown")
    assert not worse("Degraded", "Degraded")
