"""The seed's pipeline runs unchanged, with the catalog's own tasks, against a running estate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.formats import yaml
from interlock.platform import catalog
from interlock.platform.setup import installation

from .story_world.estate import Estate, eventually

PIPELINE = Path(__file__).parents[3] / "shared" / "seed" / "pipeline-build-ace-flow.yaml"
NAMESPACE = "seed"
TEKTON = "tekton.dev/v1"


@pytest.fixture
def namespace(estate: Estate) -> Iterator[str]:
    """A namespace of its own with the published tasks, the credentials of builds, and advisories."""
    hub = estate.bootstrap("hub")
    hub.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, field_manager="test")
    for task in catalog.tasks(max_age="3650d"):
        hub.apply({**task, "metadata": {**task["metadata"], "namespace": NAMESPACE}}, field_manager="test")
    for secret in installation.build_credentials(estate.context):
        hub.apply({**secret, "metadata": {**secret["metadata"], "namespace": NAMESPACE}}, field_manager="test")
    advisories = estate.home.advisories
    shutil.copytree(advisories, advisories.parents[1] / NAMESPACE / advisories.name)
    yield NAMESPACE
    hub.delete("v1", "Namespace", NAMESPACE)


def test_the_seeds_pipeline_runs_unchanged(estate: Estate, namespace: str) -> None:
    if not PIPELINE.is_file():
        pytest.skip(f"no seed beside this clone: {PIPELINE}")
    hub = estate.bootstrap("hub")
    pipeline = yaml.load(PIPELINE.read_bytes(), file=PIPELINE.name).value
    hub.create({**pipeline, "metadata": {**pipeline["metadata"], "namespace": namespace}})
    commit = estate.first["commit"]
    tag = f"main-seed-{commit[:12]}"
    # With the platform halted: it would merge what this opens, and dev would run another image than the other tests'.
    with estate.stopped("controller"):
        hub.create(run(namespace, commit, f"registry.acme.test/integration/payments:{tag}"))
        ended = eventually(lambda: succeeded(hub.get(TEKTON, "PipelineRun", "seed", namespace)), timeout=60)
        opened = [pull for pull in estate.pulls("env-dev", "payments") if tag in pull.head_ref]
        for pull in opened:
            estate.forge().edit_pull("acme", "env-dev", pull.number, state="closed")
    tasks = {
        item["metadata"]["labels"]["tekton.dev/pipelineTask"]: item["status"]
        for item in hub.list(TEKTON, "TaskRun", namespace=namespace).items
    }
    told = {name: status["conditions"][0]["message"] for name, status in tasks.items()}
    assert ended["status"] == "True", told
    assert set(tasks) == {item["name"] for item in pipeline["spec"]["tasks"]}
    scan = {item["name"]: item["value"] for item in tasks["trivy-scan"]["results"]}
    assert scan["TOOL"].startswith("interlock-osv"), "a task of Trivy's name says which tool really ran"
    assert len(opened) == 1


def run(namespace: str, commit: str, image: str) -> dict[str, Any]:
    """What the seed leaves to whoever runs it: parameters, and a volume."""
    params = {"git-url": "https://git/acme/payments", "git-revision": commit, "image": image}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": TEKTON,
        "kind": "PipelineRun",
        "metadata": {"name": "seed", "namespace": namespace},
        "spec": {
            "pipelineRef": {"name": "build-ace-flow"},
            "params": [{"name": name, "value": value} for name, value in params.items()],
            "workspaces": [{"name": "source", "volumeClaimTemplate": {"spec": claim}}],
        },
    }


def succeeded(item: dict[str, Any]) -> dict[str, str] | None:
    """The condition once it is decided."""
    conditions = item.get("status", {}).get("conditions", [])
    return next((found for found in conditions if found["status"] in ("True", "False")), None)
