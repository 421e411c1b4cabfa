"""VerificationPolicies: which signatures a resolved Task or Pipeline must carry before a run may use it.

Source: pkg/trustedresources/verify.go and verifier/verifier.go, docs/trusted-resources.md. Messages are upstream's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast

import re2

from interlock.errors import InterlockError
from interlock.tekton.spec.trusted import keys as trusted_keys
from interlock.tekton.spec.trusted import signature
from interlock.tekton.spec.trusted.keys import HashAlgorithm, PublicKey

CONDITION = "TrustedResourcesVerified"
REASON = "ResourceVerificationFailed"
"""The reason of condition ``Succeeded`` of a run whose Task or Pipeline failed verification."""

Object: TypeAlias = Mapping[str, Any]
Secrets: TypeAlias = Callable[[str, str], Mapping[str, bytes] | None]
"""The data of the Secret of a namespace and name, decoded; None when there is none."""
Outcome = Literal["skipped", "passed", "warned", "failed"]

_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=\r\n]")
_QUIET = re2.Options()
_QUIET.log_errors = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification says; ``message`` is upstream's for ``warned`` and ``failed``."""

    outcome: Outcome
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the run may go on. It may with a warning."""
        return self.outcome != "failed"

    @property
    def condition(self) -> dict[str, str] | None:
        """The condition of the run, without its time; None where nothing was verified."""
        if self.outcome == "skipped":
            return None
        if self.outcome == "passed":
            return {"type": CONDITION, "status": "True"}
        return {"type": CONDITION, "status": "False", "message": self.message}

    def in_pipeline_run(self, namespace: str, name: str, resource: str) -> Verdict:
        """As a PipelineRun says it of its Pipeline or of a task (pr/pipelinerun.go conditionFromVerificationResult).

        ``resource`` is the name of the Pipeline or of the pipeline's task.
        """
        if self.ok:
            return self
        told = f"pipelineRun {namespace}/{name} referred resource {resource} failed signature verification: "
        return replace(self, message=told + self.message)


def evaluate(
    value: Object, source_uri: str | None, policies: Sequence[Object], keys: Secrets, no_match: str = "ignore"
) -> Verdict:
    """Whether ``value``, which a resolver fetched from ``source_uri``, satisfies the policies of the run's namespace.

    Every matching policy that enforces must pass, one of its keys suffices; policies in mode ``warn`` only warn.
    ``no_match`` is the flag ``trusted-resources-verification-no-match-policy``: ignore, warn or fail.
    """
    metadata = value.get("metadata") or {}
    name, namespace = str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
    try:
        matching = _matching(policies, source_uri or "")
    except _Invalid as error:
        return Verdict("failed", f"failed to get matched policies: {error}")
    if not matching:
        if no_match == "ignore":
            return Verdict("skipped")
        told = f"no matching policies are found for resource: {name} against source: {source_uri or ''}"
        message = f"failed to get matched policies: no policies are matched: {told}"
        return Verdict("warned" if no_match == "warn" else "failed", message)
    try:
        signed = _signature(value)
        checksums = [signature.checksum(value, creation_timestamp=form) for form in (False, True)]
    except (_Invalid, InterlockError) as error:
        return Verdict("failed", str(error))
    failed = f"resource verification failed: resource {name} in namespace {namespace} fails verification"
    for policy in (item for item in matching if not _warns(item)):
        try:
            passed = _passes(policy, signed, checksums, keys)
        except _Invalid as error:
            return Verdict("failed", f"failed to get verifiers from policy: {error}")
        if not passed:
            return Verdict("failed", failed)
    for policy in filter(_warns, matching):
        try:
            passed = _passes(policy, signed, checksums, keys)
        except _Invalid as error:
            return Verdict("warned", f"failed to get verifiers for resource {name} from namespace {namespace}: {error}")
        if not passed:
            return Verdict("warned", failed)
    return Verdict("passed")


class _Invalid(Exception):
    """A policy or signature that cannot be used; its text is upstream's."""


def _warns(policy: Object) -> bool:
    return bool((policy.get("spec") or {}).get("mode") == "warn")


def _matching(policies: Sequence[Object], source: str) -> list[Object]:
    uri = source.strip().removeprefix("git+")
    return [
        policy
        for policy in policies
        if any(
            _matches(str(item.get("pattern") or ""), uri) for item in (policy.get("spec") or {}).get("resources") or []
        )
    ]


def _matches(pattern: str, uri: str) -> bool:
    try:
        return re2.compile(anchored(pattern), _QUIET).search(uri) is not None
    except re2.error as error:
        told = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise _Invalid(f"error parsing regexp: {told}: `{anchored(pattern)}`: regex failed to match") from None


def anchored(pattern: str) -> str:
    """The pattern for the whole of a URI; one that is anchored on both sides stays as it is (anchorPattern)."""
    start, end = pattern.startswith("^"), pattern.endswith("$")
    if start and end:
        return pattern
    return "^(?:" + pattern[1 if start else 0 : -1 if end else None] + ")$"


def _signature(value: Object) -> bytes:
    """Empty where there is none: it fails each key, as upstream's nil does."""
    try:
        return signature.extract(value) or b""
    except InterlockError:
        text = str(value["metadata"]["annotations"][signature.ANNOTATION])
        found = _NOT_BASE64.search(text)
        raise _Invalid(f"illegal base64 data at input byte {found.start() if found else len(text)}") from None


def _passes(policy: Object, signed: bytes, checksums: Sequence[bytes], secrets: Secrets) -> bool:
    return any(
        key.verifies(signed, checksum, algorithm)
        for key, algorithm in _verifiers(policy, secrets)
        for checksum in checksums
    )


def _verifiers(policy: Object, secrets: Secrets) -> list[tuple[PublicKey, HashAlgorithm]]:
    """All keys of a policy, or `_Invalid`: one that cannot be read fails the policy, whatever the others say."""
    found = []
    for authority in (policy.get("spec") or {}).get("authorities") or []:
        key = authority.get("key") or {}
        algorithm = str(key.get("hashAlgorithm") or "sha256")
        if algorithm.lower() not in trusted_keys.HASH_ALGORITHMS:
            name = authority.get("name") or ""
            problem = f"unknown digest algorithm: {algorithm}"
            raise _Invalid(f'authority "{name}" contains an invalid hash algorithm: {problem}')
        found.append((_key(key, secrets), cast(HashAlgorithm, algorithm.lower())))
    if not found:
        raise _Invalid("no public keys are founded")
    return found


def _key(key: Object, secrets: Secrets) -> PublicKey:
    if key.get("data"):
        return _load(str(key["data"]).encode(), "failed to get verifier from data")
    if key.get("secretRef") is not None:
        return _secret(key["secretRef"], secrets)
    if key.get("kms"):
        raise _Invalid(f"failed to get verifier from kms: no key management service is reachable here: {key['kms']}")
    raise _Invalid("key doesn't contain data or keyRef")


def _secret(reference: Object, secrets: Secrets) -> PublicKey:
    namespace, name = str(reference.get("namespace") or ""), str(reference.get("name") or "")
    where, prefix = f"k8s://{namespace}/{name}", "failed to get verifier from secret"
    data = secrets(namespace, name)
    if data is None:
        raise _Invalid(f'{prefix}: failed to get secret: secret not found: secrets "{name}" not found')
    if not data:
        raise _Invalid(f'{prefix}: secret "{where}" contains no data secret data is empty')
    if len(data) > 1:
        problem = "contains multiple data entries, only one is supported. secret contains multiple data"
        raise _Invalid(f'{prefix}: secret "{where}" {problem}')
    return _load(next(iter(data.values())), f"{prefix}: failed to get verifier from secret data")


def _load(pem: bytes, prefix: str) -> PublicKey:
    try:
        return trusted_keys.load_public(pem)
    except InterlockError as error:
        raise _Invalid(f"{prefix}: key cannot be decoded: {error.message}") from None
