"""ApprovalTasks on the cluster: whose answer it is, the API knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interlock import cli
from interlock.clients.context import Stores
from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.tekton.engine.pipeline_runs import approvals


@dataclass(frozen=True)
class Asked:
    admin: KubernetesClient
    name: str


KIND = ("openshift-pipelines.org/v1alpha1", "ApprovalTask")


@pytest.fixture
def asked(cluster: Any, tmp_path: Path) -> Iterator[Asked]:
    """An ApprovalTask that asks the viewer, who may answer, and bob."""
    name = tmp_path.name.replace("_", "-").strip("-")
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": ["openshift-pipelines.org"], "resources": ["approvaltasks"], "verbs": ["get", "list", "patch"]}
    ]
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "viewer"}],
    }
    people = [{"name": person, "input": "pending", "type": "User"} for person in ("viewer", "bob")]
    task = {
        "apiVersion": KIND[0],
        "kind": KIND[1],
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"approvers": people, "numberOfApprovalsRequired": 2},
    }
    with cluster.client() as admin:
        for value in (role, binding, task):
            admin.create(value)
        yield Asked(admin, name)


@pytest.fixture
def viewer(cluster: Any) -> Iterator[KubernetesClient]:
    with cluster.client("viewer-token-0123456789") as client:
        yield client


def test_a_person_answers_for_nobody_else(viewer: KubernetesClient, asked: Asked) -> None:
    user, groups = approvals.identity(viewer)
    assert user == "viewer" and "system:authenticated" in groups
    task = viewer.get(*KIND, asked.name, "default")
    forged = [{**item, "input": "approve"} for item in task["spec"]["approvers"]]
    with pytest.raises(InputError, match="User can only update their own approval input"):
        viewer.patch(*KIND, asked.name, {"spec": {"approvers": forged}}, namespace="default")
    with pytest.raises(InputError, match="User can only update their own approval input"):
        viewer.patch(*KIND, asked.name, {"spec": {"numberOfApprovalsRequired": 1}}, namespace="default")
    answered = approvals.answer(viewer, task, user, groups, "approve", "fine")
    assert answered["spec"]["approvers"][0] == {"name": "viewer", "input": "approve", "type": "User", "message": "fine"}
    with pytest.raises(RefusedError, match="not present in the approvers list"):
        approvals.answer(asked.admin, answered, *approvals.identity(asked.admin), "approve")


def test_not_even_an_administrator_answers_for_another(asked: Asked) -> None:
    task = asked.admin.get(*KIND, asked.name, "default")
    forged = [{**item, "input": "approve"} for item in task["spec"]["approvers"]]
    with pytest.raises(InputError, match="User does not exist in the approval list"):
        asked.admin.patch(*KIND, asked.name, {"spec": {"approvers": forged}}, namespace="default")
    # What the controller writes is the status, and that is not an answer.
    done = asked.admin.patch(
        *KIND, asked.name, {"status": {"state": "pending"}}, namespace="default", subresource="status"
    )
    assert done["status"] == {"state": "pending"}


@pytest.fixture
def context(cluster: Any, tmp_path: Path) -> Path:
    """A context file whose hub is the cluster, and where the viewer is somebody."""
    nowhere = {"name": "https://nowhere", "outside": "http://127.0.0.1:1", "inside": "http://127.0.0.1:1"}
    hub = {"name": "https://hub", "outside": cluster.url, "inside": cluster.url, "ca": str(cluster.config.tls.ca)}
    files = dict.fromkeys(("seal", "release", "attest"), "absent")
    value = {
        "apiVersion": "interlock.dev/v1alpha1",
        "kind": "Context",
        "name": "test",
        "organisation": "acme",
        **dict.fromkeys(("forge", "registry", "tickets", "webhook"), nowhere),
        "clusters": {"hub": hub},
        "kubeconfig": "kubeconfig",
        "identities": {"viewer": {}},
        "keys": files,
        "stores": dict.fromkeys(Stores.model_fields, "absent"),
    }
    kubeconfig = {
        "contexts": [{"name": "viewer@hub", "context": {"cluster": "hub", "user": "viewer"}}],
        "users": [{"name": "viewer", "user": {"token": "viewer-token-0123456789"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    path = tmp_path / "context.yaml"
    path.write_text(json.dumps(value))
    return path


def test_a_person_answers_on_the_command_line(context: Path, asked: Asked) -> None:
    run = f"{asked.name}-run"
    labels = {"tekton.dev/pipelineRun": run, "tekton.dev/pipelineTask": "ask"}
    with pytest.raises(InputError, match="User does not exist"):
        asked.admin.patch(*KIND, asked.name, {"spec": {"description": "x"}}, namespace="default")
    asked.admin.patch(*KIND, asked.name, {"metadata": {"labels": labels}}, namespace="default")
    command = [run, "--reject", "-m", "not today", "-n", "default", "--as", "viewer", "--context", str(context)]
    answered = CliRunner().invoke(cli.app, ["pipeline", "approve", *command])
    assert answered.output == f"ApprovalTask {asked.name} is rejected in default namespace\n"
    task = asked.admin.get(*KIND, asked.name, "default")
    said = {"name": "viewer", "input": "reject", "type": "User", "message": "not today"}
    assert task["spec"]["approvers"][0] == said
    unknown = CliRunner().invoke(cli.app, ["pipeline", "approve", "other", *command[1:]])
    assert isinstance(unknown.exception, NotFoundError) or unknown.exit_code == 3
