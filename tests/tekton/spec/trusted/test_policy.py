"""VerificationPolicies, with the cases of upstream's pkg/trustedresources/verify_test.go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.tekton.spec import policy, trusted

SOURCE = "git+https://github.com/tektoncd/catalog.git"
TASK: dict[str, Any] = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Task",
    "metadata": {"name": "test-task", "namespace": "trusted-resources"},
    "spec": {"steps": [{"name": "echo", "image": "ubuntu"}]},
}
FAILED = "resource verification failed: resource test-task in namespace trusted-resources fails verification"
KEY = trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
STRANGER = trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
SIGNED = trusted.sign(TASK, KEY)


def no_secrets(namespace: str, name: str) -> Mapping[str, bytes] | None:
    raise AssertionError("no secret is needed")


def data(*keys: trusted.PrivateKey, **more: str) -> list[dict[str, Any]]:
    return [{"name": f"key{index}", "key": {"data": key.public.pem.decode(), **more}} for index, key in enumerate(keys)]


def rule(
    authorities: Any, *, pattern: str = "https://github.com/tektoncd/catalog.git", mode: str = ""
) -> dict[str, Any]:
    return {
        "apiVersion": "tekton.dev/v1alpha1",
        "kind": "VerificationPolicy",
        "metadata": {"name": "policy", "namespace": "trusted-resources"},
        "spec": {"resources": [{"pattern": pattern}], "authorities": authorities, **({"mode": mode} if mode else {})},
    }


def verdict(value: Any, *policies: Any, source: str | None = SOURCE, no_match: str = "ignore") -> policy.Verdict:
    return policy.evaluate(value, source, policies, no_secrets, no_match)


# Matching


def test_without_a_matching_policy_the_flag_decides() -> None:
    other = rule(data(KEY), pattern="https://example.com/.*")
    told = (
        "failed to get matched policies: no policies are matched: no matching policies are found for resource: "
        f"test-task against source: {SOURCE}"
    )
    for policies in ((), (other,)):
        ignored = verdict(TASK, *policies)
        assert ignored.ok and ignored.condition is None
        warned = verdict(TASK, *policies, no_match="warn")
        assert warned.ok
        assert warned.condition == {"type": "TrustedResourcesVerified", "status": "False", "message": told}
        failed = verdict(TASK, *policies, no_match="fail")
        assert not failed.ok and failed.message == told


@pytest.mark.parametrize(
    ("pattern", "uri", "matches"),
    [
        ("https://github.com/tektoncd/catalog.git", SOURCE, True),
        (".*catalog.*", SOURCE, True),
        ("https://github.com/tektoncd/.*", SOURCE, True),
        ("github.com/tektoncd", SOURCE, False),
        (
            "https://github.com/tektoncd/catalog.git",
            "https://evil.example/?https://github.com/tektoncd/catalog.git",
            False,
        ),
        ("git+https://github.com/tektoncd/catalog.git", "git+https://github.com/tektoncd/catalog.git", False),
        ("a|b", "xb", False),
        ("^a|b$", "xb", True),
        ("^https://a", "https://a/b", False),
        ("b$", "ab", False),
        ("a.c", "a\nc", False),
        ("ac", "ac\n", True),
        ("^ac$", "ac\nx", False),
        ("", "", True),
    ],
)
def test_a_pattern_is_a_go_expression_for_the_whole_source(pattern: str, uri: str, matches: bool) -> None:
    found = verdict(SIGNED, rule(data(KEY), pattern=pattern), source=uri)
    assert found.outcome == ("passed" if matches else "skipped")


@pytest.mark.parametrize("pattern", ["^[", "(", "a(?=b)", "(?<!a)b", r"(a)\1", "a{1001}", "(?P=x)"])
def test_an_expression_that_go_does_not_have_fails(pattern: str) -> None:
    found = verdict(SIGNED, rule(data(KEY), pattern=pattern))
    assert not found.ok
    assert found.message.startswith("failed to get matched policies: error parsing regexp: ")
    assert found.message.endswith(": regex failed to match")


def test_a_pattern_that_backtracks_forever_elsewhere_is_fast() -> None:
    assert verdict(SIGNED, rule(data(KEY), pattern="(a+)+b"), source="a" * 50_000).outcome == "skipped"


def test_no_source_is_an_empty_one() -> None:
    assert verdict(SIGNED, rule(data(KEY), pattern=".*"), source=None).outcome == "passed"


# Keys and modes


def test_one_key_of_a_policy_suffices_and_every_policy_must_pass() -> None:
    assert verdict(SIGNED, rule(data(STRANGER, KEY))).condition == {
        "type": "TrustedResourcesVerified",
        "status": "True",
    }
    failed = verdict(SIGNED, rule(data(KEY)), rule(data(STRANGER)))
    assert not failed.ok and failed.message == FAILED
    assert failed.condition == {"type": "TrustedResourcesVerified", "status": "False", "message": FAILED}


def test_a_policy_that_warns_lets_the_run_go_on() -> None:
    warned = verdict(SIGNED, rule(data(KEY)), rule(data(STRANGER), mode="warn"))
    assert warned.ok and warned.condition is not None and warned.condition["message"] == FAILED
    assert not verdict(SIGNED, rule(data(KEY), mode="warn"), rule(data(STRANGER), mode="enforce")).ok


def test_what_is_not_signed_or_was_altered_fails() -> None:
    assert verdict(TASK, rule(data(KEY))).message == FAILED
    altered = {**SIGNED, "spec": {"steps": [{"name": "echo", "image": "evil"}]}}
    assert verdict(altered, rule(data(KEY))).message == FAILED


def test_both_forms_of_the_timestamp_are_accepted() -> None:
    assert verdict(trusted.sign(TASK, KEY, creation_timestamp=True), rule(data(KEY))).outcome == "passed"


@pytest.mark.parametrize("algorithm", ["sha224", "sha256", "sha384", "sha512", "SHA512"])
def test_the_authority_names_the_hash(algorithm: Any) -> None:
    signed = trusted.sign(TASK, KEY, algorithm=algorithm.lower())
    assert verdict(signed, rule(data(KEY, hashAlgorithm=algorithm))).outcome == "passed"
    other = "sha256" if algorithm.lower() != "sha256" else "sha512"
    assert verdict(signed, rule(data(KEY, hashAlgorithm=other))).outcome == "failed"


def test_a_malformed_signature_or_object_fails_in_either_mode() -> None:
    value = {**TASK, "metadata": {**TASK["metadata"], "annotations": {"tekton.dev/signature": "AB!="}}}
    assert verdict(value, rule(data(KEY), mode="warn")).message == "illegal base64 data at input byte 2"
    unknown = {**SIGNED, "spec": {"stepz": []}}
    assert "unknown field 'spec.stepz'" in verdict(unknown, rule(data(KEY))).message


@pytest.mark.parametrize(
    ("authorities", "told"),
    [
        ([], "no public keys are founded"),
        ([{"name": "a"}], "key doesn't contain data or keyRef"),
        ([{"name": "a", "key": {"hashAlgorithm": "sha256"}}], "key doesn't contain data or keyRef"),
        (
            [{"name": "a", "key": {"data": "x", "hashAlgorithm": "md5"}}],
            'authority "a" contains an invalid hash algorithm: unknown digest algorithm: md5',
        ),
        (
            [{"name": "a", "key": {"data": "x"}}],
            "failed to get verifier from data: key cannot be decoded: no PEM block",
        ),
        (
            [{"name": "a", "key": {"kms": "gcpkms://projects/p"}}],
            "failed to get verifier from kms: no key management service is reachable here: gcpkms://projects/p",
        ),
    ],
)
def test_a_key_that_cannot_be_had_fails_the_policy(authorities: Any, told: str) -> None:
    failed = verdict(SIGNED, rule(authorities))
    assert not failed.ok and failed.message == f"failed to get verifiers from policy: {told}"
    warned = verdict(SIGNED, rule(authorities, mode="warn"))
    prefix = "failed to get verifiers for resource test-task from namespace trusted-resources: "
    assert warned.ok and warned.message == prefix + told


def test_one_key_that_cannot_be_read_fails_the_policy_whatever_the_others_say() -> None:
    assert not verdict(SIGNED, rule([*data(KEY), {"name": "a", "key": {"data": "x"}}])).ok


# Secrets

REFERENCE = [{"name": "a", "key": {"secretRef": {"name": "keys", "namespace": "ns"}}}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, 'failed to get secret: secret not found: secrets "keys" not found'),
        ({}, 'secret "k8s://ns/keys" contains no data secret data is empty'),
        (
            {"a": b"", "b": b""},
            'secret "k8s://ns/keys" contains multiple data entries, only one is supported. '
            "secret contains multiple data",
        ),
        ({"a": b"x"}, "failed to get verifier from secret data: key cannot be decoded: no PEM block"),
    ],
)
def test_a_secret_that_holds_no_key(content: Any, told: str) -> None:
    failed = policy.evaluate(SIGNED, SOURCE, [rule(REFERENCE)], lambda namespace, name: content)
    assert failed.message == f"failed to get verifiers from policy: failed to get verifier from secret: {told}"


def test_a_key_in_a_secret() -> None:
    asked = []

    def secrets(namespace: str, name: str) -> Mapping[str, bytes]:
        asked.append((namespace, name))
        return {"cosign.pub": KEY.public.pem}

    assert policy.evaluate(SIGNED, SOURCE, [rule(REFERENCE)], secrets).outcome == "passed"
    assert asked == [("ns", "keys")]


def test_a_pipeline_run_names_the_resource_that_it_refers_to() -> None:
    failed = verdict(TASK, rule(data(KEY))).in_pipeline_run("ns", "run", "build")
    assert failed.message == f"pipelineRun ns/run referred resource build failed signature verification: {FAILED}"
    assert verdict(SIGNED, rule(data(KEY))).in_pipeline_run("ns", "run", "build").outcome == "passed"
