"""VerificationPolicies and keys are read from the cluster when a resolver brought something."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.formats.tekton import trusted
from interlock.local.tekton import memory
from interlock.local.tekton.policies import Policies

URI = "git+https://git/acme/tasks.git"
KEY = trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
TASK = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Task",
    "metadata": {"name": "build", "namespace": "ci"},
    "spec": {"steps": [{"name": "s", "image": "alpine"}]},
}


@dataclass(frozen=True)
class Source:
    uri: str


@dataclass(frozen=True)
class Found:
    object: dict[str, Any]
    source: Source | None = Source(URI)


@pytest.fixture
def client() -> Any:
    client = memory.Cluster().client()
    client.create(
        {
            "apiVersion": "tekton.dev/v1alpha1",
            "kind": "VerificationPolicy",
            "metadata": {"name": "ours", "namespace": "ci"},
            "spec": {
                "resources": [{"pattern": "https://git/acme/.*"}],
                "authorities": [{"name": "a", "key": {"secretRef": {"name": "keys", "namespace": "trust"}}}],
            },
        }
    )
    return client


def secret(client: Any, **data: str) -> None:
    client.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "trust"}, "data": data}
    )


def test_a_signed_task_passes_and_an_unsigned_one_fails(client: Any) -> None:
    secret(client, **{"cosign.pub": base64.b64encode(KEY.public.pem).decode()})
    policies = Policies(client, "ignore")
    assert policies.evaluate(Found(trusted.sign(TASK, KEY)), "ci").outcome == "passed"
    failed = policies.evaluate(Found(TASK), "ci")
    assert failed.message == "resource verification failed: resource build in namespace ci fails verification"


def test_policies_of_another_namespace_do_not_count(client: Any) -> None:
    assert Policies(client, "ignore").evaluate(Found(TASK), "other").outcome == "skipped"
    assert Policies(client, "fail").evaluate(Found(TASK), "other").outcome == "failed"


def test_a_source_that_no_policy_names(client: Any) -> None:
    elsewhere = Found(TASK, Source("https://hub/tasks/build"))
    assert Policies(client, "warn").evaluate(elsewhere, "ci").outcome == "warned"
    assert Policies(client, "warn").evaluate(Found(TASK, None), "ci").outcome == "warned"


def test_a_secret_that_is_absent_or_no_base64_fails(client: Any) -> None:
    signed = Found(trusted.sign(TASK, KEY))
    assert 'secrets "keys" not found' in Policies(client, "ignore").evaluate(signed, "ci").message
    secret(client, key="!")
    assert "key cannot be decoded" in Policies(client, "ignore").evaluate(signed, "ci").message


def test_step_actions_are_not_verified_as_upstream_does_not(client: Any) -> None:
    value = {**TASK, "apiVersion": "tekton.dev/v1beta1", "kind": "StepAction"}
    assert Policies(client, "fail").evaluate(Found(value), "ci").outcome == "skipped"
