"""Runs of fetched Tasks and Pipelines under a VerificationPolicy: refused before anything starts, or verified."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.formats import yaml
from interlock.tekton.spec import trusted

KEY = trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
TASK = """
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: greet, namespace: ci}
spec:
  params: [{name: who, default: you}]
  steps: [{name: s, image: test/shell, script: echo hello}]
"""
PIPELINE = """
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: greet-all, namespace: ci}
spec:
  tasks: [{name: one, taskRef: {name: greet}}]
"""
FAILED = "resource verification failed: resource %s in namespace ci fails verification"


def reference(kind: str, name: str) -> dict[str, Any]:
    params = [{"name": "kind", "value": kind}, {"name": "name", "value": name}, {"name": "namespace", "value": "ci"}]
    return {"resolver": "cluster", "params": params}


def told(run: Any, kind: str) -> dict[str, Any] | None:
    return next((item for item in run["status"]["conditions"] if item["type"] == kind), None)


@pytest.fixture
def mode() -> str:
    return "enforce"


@pytest.fixture
def world(idle_rig: Any, mode: str) -> Any:
    """An engine, a Task and a Pipeline, and a policy for everything."""
    idle_rig.start()
    idle_rig.client.create(
        {
            "apiVersion": "tekton.dev/v1alpha1",
            "kind": "VerificationPolicy",
            "metadata": {"name": "ours", "namespace": "ci"},
            "spec": {
                "resources": [{"pattern": ".*"}],
                "authorities": [{"name": "a", "key": {"data": KEY.public.pem.decode()}}],
                "mode": mode,
            },
        }
    )
    return idle_rig


def create(world: Any, text: str, *, signed: bool) -> None:
    value = yaml.load(text, file="test").value
    world.client.create(trusted.sign(value, KEY) if signed else value)


def test_an_unsigned_task_does_not_run(world: Any) -> None:
    create(world, TASK, signed=False)
    world.create("TaskRun", "run", {"taskRef": reference("task", "greet")})
    run = world.finished("TaskRun", "run")
    succeeded, verified = told(run, "Succeeded"), told(run, "TrustedResourcesVerified")
    assert succeeded is not None
    assert (succeeded["status"], succeeded["reason"]) == ("False", "ResourceVerificationFailed")
    assert succeeded["message"] == FAILED % "greet"
    assert not run["status"].get("steps") and not (world.data / "logs" / "ci" / "run" / "s.log").exists()
    assert verified is not None and (verified["status"], verified["message"]) == ("False", FAILED % "greet")


def test_a_signed_task_runs_and_is_told_as_verified(world: Any) -> None:
    create(world, TASK, signed=True)
    world.create("TaskRun", "run", {"taskRef": reference("task", "greet")})
    run = world.finished("TaskRun", "run")
    assert told(run, "Succeeded")["status"] == "True"  # type: ignore[index]
    assert told(run, "TrustedResourcesVerified")["status"] == "True"  # type: ignore[index]
    assert world.log() == "hello\n"


@pytest.mark.parametrize("mode", ["warn"])
def test_a_policy_that_warns_lets_it_run(world: Any) -> None:
    create(world, TASK, signed=False)
    world.create("TaskRun", "run", {"taskRef": reference("task", "greet")})
    run = world.finished("TaskRun", "run")
    assert told(run, "Succeeded")["status"] == "True"  # type: ignore[index]
    assert told(run, "TrustedResourcesVerified")["message"] == FAILED % "greet"  # type: ignore[index]


def test_a_task_that_is_only_applied_is_not_verified(world: Any) -> None:
    create(world, TASK, signed=False)
    world.create("TaskRun", "run", {"taskRef": {"name": "greet"}})
    run = world.finished("TaskRun", "run")
    assert told(run, "Succeeded")["status"] == "True"  # type: ignore[index]
    assert told(run, "TrustedResourcesVerified") is None


@pytest.mark.parametrize("signed", [True, False])
def test_a_fetched_pipeline(world: Any, signed: bool) -> None:
    create(world, TASK, signed=False)
    create(world, PIPELINE, signed=signed)
    world.create("PipelineRun", "run", {"pipelineRef": reference("pipeline", "greet-all")})
    run = world.finished("PipelineRun", "run")
    succeeded, verified = told(run, "Succeeded"), told(run, "TrustedResourcesVerified")
    assert succeeded is not None and verified is not None
    if signed:
        assert (succeeded["status"], verified["status"]) == ("True", "True")
        return
    message = f"pipelineRun ci/run referred resource greet-all failed signature verification: {FAILED % 'greet-all'}"
    assert (succeeded["reason"], succeeded["message"]) == ("ResourceVerificationFailed", message)
    assert (verified["status"], verified["message"]) == ("False", message)
