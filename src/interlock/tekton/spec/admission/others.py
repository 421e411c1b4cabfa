"""The small kinds: CustomRun, VerificationPolicy, ResolutionRequest."""

from __future__ import annotations

from itertools import islice
from typing import Any

import re2

from interlock.tekton.spec.admission import names, references, workspaces
from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.faults import Faults, both, invalid, missing, neither, via

_QUIET = re2.Options()
_QUIET.log_errors = False
_IN_GO = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "no argument for repetition operator": "missing argument to repetition operator",
}
_TYPE_LABEL = "resolution.tekton.dev/type"
_HASHES = ("", "sha224", "sha256", "sha384", "sha512")


def custom_run(value: Object) -> Faults:
    """v1beta1/customrun_validation.go: what is wrong first, and nothing after it."""
    spec = value["spec"]
    for rule in (names.metadata(value), islice(_reference_or_spec(spec), 1), _given(spec), _bound(spec)):
        if wrong := list(rule):
            yield from wrong
            return


def _reference_or_spec(spec: Object) -> Faults:
    given = [name for name in ("customRef", "customSpec") if name in spec]
    if len(given) == 2:
        yield both("custom-run-reference-or-spec", "spec.customRef", "spec.customSpec")
    if not given:
        yield neither("custom-run-reference-or-spec", "spec.customRef", "spec.customSpec")
    for name in given:
        for field in ("apiVersion", "kind"):
            if not text(spec[name], field):
                yield missing("custom-run-type", f"spec.{name}.{field}")
    message = text(spec, "statusMessage")
    if message and not text(spec, "status"):
        words = f"statusMessage should not be set if status is not set, but it is currently set to {message}"
        yield invalid("run-status-message", words, "statusMessage")


def _given(spec: Object) -> Faults:
    return via(references.parameters(spec.get("params") or []), "spec", "params")


def _bound(spec: Object) -> Faults:
    return via(workspaces.bindings(spec.get("workspaces") or []), "spec", "workspaces")


def verification_policy(value: Object) -> Faults:
    """v1alpha1/verificationpolicy_validation.go; its paths lack the ``spec``."""
    spec = value["spec"]
    yield from names.metadata(value)
    if not spec.get("resources"):
        yield missing("policy-resources", "resources")
    for resource in spec.get("resources") or []:
        pattern = text(resource, "pattern")
        try:
            re2.compile(pattern, _QUIET)
        except re2.error as error:
            more = f"resourcePattern cannot be compiled by regex: error parsing regexp: {_in_go(error)}"
            yield invalid("policy-pattern", pattern, "ResourcePattern", more)
    if not spec.get("authorities"):
        yield missing("policy-authorities", "authorities")
    for index, authority in enumerate(spec.get("authorities") or []):
        if "key" in authority:
            yield from via(_key(authority["key"]), "key", index)
    mode = text(spec, "mode")
    if mode not in ("", "enforce", "warn"):
        yield invalid("policy-mode", f"available values are: enforce, warn, but got: {mode}", "mode")


def _in_go(error: Any) -> str:
    """What Go's regexp says where RE2 says ``error``: the same things in other words, the place in backquotes."""
    told = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
    if told.startswith("trailing"):
        return "trailing backslash at end of expression: ``"
    words, _, place = told.partition(": ")
    return f"{_IN_GO.get(words, words)}: `{place}`"


def _key(value: Object) -> Faults:
    sources = [name for name in ("data", "kms") if text(value, name)] + (["secretRef"] if "secretRef" in value else [])
    if not sources:
        yield neither("policy-key", "data", "kms", "secretref")
    elif len(sources) > 1:
        yield both("policy-key", "data", "kms", "secretref")
    if text(value, "hashAlgorithm").lower() not in _HASHES:
        yield invalid("policy-hash", text(value, "hashAlgorithm"), "HashAlgorithm")


def resolution_request(value: Object) -> Faults:
    """resolution/v1beta1/resolution_request_validation.go: the label that names the resolver."""
    if not ((value.get("metadata") or {}).get("labels") or {}).get(_TYPE_LABEL):
        yield from via([missing("resolution-type", _TYPE_LABEL)], "meta", "labels")
