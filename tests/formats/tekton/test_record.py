"""The engine's record of a TaskRun: everything that it covers is told when it changes, and nothing else is."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import IntegrityError
from interlock.formats.sigstore import PrivateKey, dsse
from interlock.formats.tekton import record
from interlock.tekton.engine.task_runs import record as engine

KEY = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
STRANGER = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
CAPABILITIES = {"isolation": "bubblewrap", "network": [], "images": {}, "tools": [], "notEnforced": []}
METADATA = {
    "name": "run-build",
    "namespace": "ci",
    "uid": "6b1a",
    "labels": {"a": "b"},
    "annotations": {"interlock.dev/capabilities": json.dumps(CAPABILITIES), "team": "payments"},
}
STATUS = {
    "startTime": "2026-05-04T12:00:00Z",
    "completionTime": "2026-05-04T12:00:09Z",
    "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "All done"}],
    "results": [{"name": "DIGEST", "type": "string", "value": "sha256:1"}],
    "steps": [{"name": "build", "imageID": "interlock.local/installed-toolbox", "terminated": {"exitCode": 0}}],
    "sidecars": [{"name": "db", "imageID": "oci://db@sha256:2", "running": {}}],
    "taskSpec": {"steps": [{"name": "build", "image": "toolbox"}]},
    "provenance": {"refSource": {"uri": "git+https://git/acme/tasks.git", "digest": {"sha1": "3"}}},
}


def recorded(capabilities: str | None = json.dumps(CAPABILITIES), key: PrivateKey | None = KEY) -> dict[str, Any]:
    metadata = copy.deepcopy(METADATA)
    if capabilities is None:
        metadata["annotations"].pop("interlock.dev/capabilities")  # type: ignore[attr-defined]
    value: dict[str, Any] = {"kind": "TaskRun", "metadata": metadata, "status": copy.deepcopy(STATUS)}
    value["metadata"]["annotations"] |= engine.signed(value, value["status"], capabilities, key)
    return value


def refused(value: Any, code: str, key: PrivateKey = KEY) -> None:
    with pytest.raises(IntegrityError) as error:
        record.verify(value, key.public)
    assert error.value.code == code
    assert str(error.value.where) == f"taskruns/ci/{value['metadata']['name']}"


def test_the_engine_vouches_for_what_it_did() -> None:
    assert record.verify(recorded(), KEY.public) == CAPABILITIES
    assert record.verify(recorded(None), KEY.public) is None


def test_the_annotation_is_an_envelope_that_others_can_read() -> None:
    value = json.loads(recorded()["metadata"]["annotations"]["interlock.dev/record"])
    assert value["payloadType"] == "application/vnd.in-toto+json" and len(value["signatures"]) == 1
    claim = json.loads(base64.b64decode(value["payload"]))
    assert claim["predicateType"] == "https://interlock.dev/attestations/task-run-record/v1"
    assert claim["subject"][0]["name"] == "taskruns/ci/run-build"
    assert claim["predicate"] == {
        "taskRun": {"namespace": "ci", "name": "run-build", "uid": "6b1a"},
        "succeeded": "True",
        "capabilities": CAPABILITIES,
    }


ALTERED: dict[str, Callable[[Any], Any]] = {
    "uid": lambda run: run["metadata"].update(uid="7c"),
    "name": lambda run: run["metadata"].update(name="run-other"),
    "verdict": lambda run: run["status"]["conditions"][0].update(status="False"),
    "result": lambda run: run["status"]["results"][0].update(value="sha256:9"),
    "more results": lambda run: run["status"]["results"].append({"name": "x", "value": ""}),
    "no results": lambda run: run["status"].pop("results"),
    "step": lambda run: run["status"]["steps"][0].update(imageID="alpine@sha256:1"),
    "sidecar": lambda run: run["status"]["sidecars"][0].update(imageID="oci://evil@sha256:2"),
    "task": lambda run: run["status"]["taskSpec"]["steps"][0].update(script="curl evil"),
    "source": lambda run: run["status"]["provenance"]["refSource"]["digest"].update(sha1="4"),
    "capabilities": lambda run: run["metadata"]["annotations"].update({"interlock.dev/capabilities": "{}"}),
    "no capabilities": lambda run: run["metadata"]["annotations"].pop("interlock.dev/capabilities"),
    "capabilities no json": lambda run: run["metadata"]["annotations"].update({"interlock.dev/capabilities": "{"}),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_since_is_told(what: str) -> None:
    value = recorded()
    ALTERED[what](value)
    refused(value, "record-mismatch")


def test_the_record_of_another_run_does_not_fit() -> None:
    value, other = recorded(), recorded()
    other["metadata"]["uid"] = "7c"
    other["metadata"]["annotations"] |= engine.signed(other, STATUS, json.dumps(CAPABILITIES), KEY)
    value["metadata"]["annotations"] = other["metadata"]["annotations"]
    refused(value, "record-mismatch")


def test_what_is_not_covered_may_change() -> None:
    value = recorded()
    value["metadata"]["labels"]["a"] = "c"
    value["metadata"]["annotations"]["team"] = "cards"
    value["status"]["completionTime"] = "2026-05-04T13:00:00Z"
    value["status"]["sidecars"][0] = {"name": "db", "imageID": "oci://db@sha256:2", "terminated": {"exitCode": 0}}
    assert record.verify(value, KEY.public) == CAPABILITIES


def test_a_missing_record() -> None:
    refused(recorded(key=None), "record-missing")


def test_a_record_that_another_key_signed_or_that_was_altered() -> None:
    refused(recorded(key=STRANGER), "record-signature")
    value = recorded()
    envelope = json.loads(value["metadata"]["annotations"]["interlock.dev/record"])
    payload = base64.b64decode(envelope["payload"]).replace(b"bubblewrap", b"container!")
    envelope["payload"] = base64.b64encode(payload).decode()
    value["metadata"]["annotations"]["interlock.dev/record"] = json.dumps(envelope)
    refused(value, "record-signature")


def envelope_of(payload_type: str, payload: bytes) -> str:
    envelope = dsse.Envelope(payload_type, payload, KEY.sign(dsse.pae(payload_type, payload)))
    return json.dumps(envelope.as_json())


OTHER_TYPE = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "0" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"payload": 1}',
        envelope_of("text/plain", b"{}"),
        envelope_of(dsse.INTOTO, b"{}"),
        envelope_of(dsse.INTOTO, OTHER_TYPE),
        "x" * 300_000,
    ],
    ids=range(8),
)
def test_what_is_no_record_is_told(text: str) -> None:
    value = recorded()
    value["metadata"]["annotations"]["interlock.dev/record"] = text
    refused(value, "record-malformed")


def test_the_engine_signs_what_it_wrote_and_not_what_another_made_of_it() -> None:
    value = recorded()
    value["metadata"]["annotations"]["interlock.dev/capabilities"] = '{"isolation":"none"}'
    value["metadata"]["annotations"] |= engine.signed(value, value["status"], json.dumps(CAPABILITIES), KEY)
    refused(value, "record-mismatch")
