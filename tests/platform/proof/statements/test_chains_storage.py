"""Provenance in a run's annotations, as Chains' storage ``tekton`` writes it (storage/tekton, signing/wrap.go)."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives import serialization

from interlock.errors import RefusedError
from interlock.formats.sigstore import dsse
from interlock.platform.books.keys import AttestKey
from interlock.platform.statements import chains

STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "x", "predicate": {"a": "é"}}


def test_names_and_encodings_are_chains(attest_key: AttestKey) -> None:
    found = chains.stored("TaskRun", "6b1a", STATEMENT, attest_key)
    assert set(found) == {
        "chains.tekton.dev/payload-taskrun-6b1a",
        "chains.tekton.dev/signature-taskrun-6b1a",
        "chains.tekton.dev/cert-taskrun-6b1a",
        "chains.tekton.dev/chain-taskrun-6b1a",
        "chains.tekton.dev/signed",
    }
    assert found["chains.tekton.dev/signed"] == "true"
    assert found["chains.tekton.dev/cert-taskrun-6b1a"] == found["chains.tekton.dev/chain-taskrun-6b1a"] == ""
    assert json.loads(base64.b64decode(found["chains.tekton.dev/payload-taskrun-6b1a"])) == STATEMENT
    assert "chains.tekton.dev/payload-pipelinerun-7c" in chains.stored("PipelineRun", "7c", STATEMENT, attest_key)


def test_the_envelope_is_signed_and_names_its_key_as_ssh_does(attest_key: AttestKey) -> None:
    found = chains.stored("TaskRun", "6b1a", STATEMENT, attest_key)
    envelope = json.loads(base64.b64decode(found["chains.tekton.dev/signature-taskrun-6b1a"]))
    assert list(envelope) == ["payloadType", "payload", "signatures"]
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    assert envelope["payload"] == found["chains.tekton.dev/payload-taskrun-6b1a"]
    (signature,) = envelope["signatures"]
    assert attest_key.verify(dsse.pae(dsse.INTOTO, payload), base64.b64decode(signature["sig"]))
    line = attest_key.public.key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    assert signature["keyid"] == "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def test_who_may_only_verify_stores_nothing(attest_key: AttestKey) -> None:
    with pytest.raises(RefusedError, match="attest-key-public"):
        chains.stored("TaskRun", "6b1a", STATEMENT, AttestKey(attest_key.public))
