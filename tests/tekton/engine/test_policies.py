"""VerificationPolicies and keys are read from the cluster when a resolver brought something."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.tekton.engine import memory
from interlock.tekton.engine.policies import Policies
from interlock.tekton.spec import trusted
from interlock.tekton.spec.flags import Flags
from interlock.tekton.spec.resolution import RefSource, Resolved

URI = "git+https://git/acme/tasks.git"
KEY = trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
TASK = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Task",
    "metadata": {"name": "build", "namespace": "ci"},
    "spec": {"steps": [{"name": "s", "image": "alpine"}]},
}


def found(value: dict[str, Any], uri: str | None = URI) -> Resolved:
    return Resolved(value, RefSource(uri, {"sha1": "1"}, "build.yaml") if uri is not None else None)


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


def flags(no_match: str) -> Flags:
    return Flags.model_validate({"trusted-resources-verification-no-match-policy": no_match})


def secret(client: Any, **data: str) -> None:
    client.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "trust"}, "data": data}
    )


def test_a_signed_task_passes_and_an_unsigned_one_fails(client: Any) -> None:
    secret(client, **{"cosign.pub": base64.b64encode(KEY.public.pem).decode()})
    policies = Policies(client, flags("ignore"))
    assert policies.evaluate(found(trusted.sign(TASK, KEY)), "ci").outcome == "passed"
    failed = policies.evaluate(found(TASK), "ci")
    assert failed.message == "resource verification failed: resource build in namespace ci fails verification"


def test_a_v1beta1_task_is_verified_as_it_was_fetched(client: Any) -> None:
    secret(client, **{"cosign.pub": base64.b64encode(KEY.public.pem).decode()})
    fetched = trusted.sign({**TASK, "apiVersion": "tekton.dev/v1beta1"}, KEY)
    converted = {**fetched, "apiVersion": "tekton.dev/v1"}
    verdict = Policies(client, flags("ignore")).evaluate(Resolved(converted, RefSource(URI, {}), fetched), "ci")
    assert verdict.outcome == "passed"


def test_policies_of_another_namespace_do_not_count(client: Any) -> None:
    assert Policies(client, flags("ignore")).evaluate(found(TASK), "other").outcome == "skipped"
    assert Policies(client, flags("fail")).evaluate(found(TASK), "other").outcome == "failed"


def test_a_source_that_no_policy_names(client: Any) -> None:
    elsewhere = found(TASK, "https://hub/tasks/build")
    assert Policies(client, flags("warn")).evaluate(elsewhere, "ci").outcome == "warned"
    assert Policies(client, flags("warn")).evaluate(found(TASK, None), "ci").outcome == "warned"


def test_a_secret_that_is_absent_or_holds_no_key_fails(client: Any) -> None:
    signed = found(trusted.sign(TASK, KEY))
    assert 'secrets "keys" not found' in Policies(client, flags("ignore")).evaluate(signed, "ci").message
    secret(client, key=base64.b64encode(b"no key").decode())
    assert "key cannot be decoded" in Policies(client, flags("ignore")).evaluate(signed, "ci").message


def test_step_actions_are_not_verified_as_upstream_does_not(client: Any) -> None:
    value = {**TASK, "apiVersion": "tekton.dev/v1beta1", "kind": "StepAction"}
    assert Policies(client, flags("fail")).evaluate(found(value), "ci").outcome == "skipped"
