"""Provenance equals, field by field, what Tekton Chains ``slsa/v2alpha4`` makes of the same runs.

Inputs are Chains' own test data, read in place; expected values are those of its tests
(pkg/chains/formats/slsa/v2alpha4/internal/pipelinerun/pipelinerun_test.go, "attestation without deepinspection", and
internal/external_parameters/external_parameters_test.go). Steps there carry no record of capabilities.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from interlock.platform.proof.statements.provenance import provenance
from interlock.platform.proof.statements.run import FinishedRun

GOLDENS = Path(__file__).parents[5] / "shared/conformance/chains-goldens/slsa-v2alpha4"
IMAGE = "827521c857fdcd4374f4da5442fbae2edb01e7fbae285c3ec15673d4c1daecb7"
STEPS = {
    "test1": "d4b63d3e24d6eef04a6dc0795cf8a73470688803d97c52cffa3c8d4efd3397b6",
    "test2": "4d6dd704ef58cb214dd826519929e92a978a57cdee43693006139c0080fd6fac",
    "test3": "f1a8b8549c179f41e27ff3db0fe1a1793e4b109da46586501a8343637b1d0478",
}

pytestmark = pytest.mark.skipif(not GOLDENS.is_dir(), reason=f"conformance data absent: {GOLDENS}")


def golden(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((GOLDENS / f"{name}.json").read_text())
    return value


@pytest.fixture
def run() -> FinishedRun:
    return FinishedRun(golden("pipelinerun1"), [golden("taskrun1"), golden("taskrun2")])


@pytest.fixture
def statement(run: FinishedRun) -> dict[str, Any]:
    return provenance(run, builder="test_builder-1")


def image(name: str) -> dict[str, Any]:
    return {"uri": f"oci://gcr.io/{name}/{name}", "digest": {"sha256": STEPS[name]}}


def test_the_envelope_of_the_statement(statement: dict[str, Any]) -> None:
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"


def test_subjects(statement: dict[str, Any]) -> None:
    names = ["abc", "test.io/test/image", "index.docker.io/library/abc"]
    assert statement["subject"] == [{"name": name, "digest": {"sha256": IMAGE}} for name in names]


def test_build_definition(statement: dict[str, Any], run: FinishedRun) -> None:
    definition = statement["predicate"]["buildDefinition"]
    assert set(definition) == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert definition["buildType"] == "https://tekton.dev/chains/v2/slsa"
    assert definition["externalParameters"] == {"runSpec": run.run["spec"]}
    assert definition["internalParameters"] == {}


def test_resolved_dependencies(statement: dict[str, Any]) -> None:
    assert statement["predicate"]["buildDefinition"]["resolvedDependencies"] == [
        {"name": "pipeline", "uri": "git+https://github.com/test", "digest": {"sha1": "28b123"}},
        {"name": "pipelineTask", "uri": "git+https://github.com/catalog", "digest": {"sha1": "x123"}},
        image("test1"),
        {"name": "pipelineTask", "uri": "git+https://github.com/test", "digest": {"sha1": "ab123"}},
        image("test2"),
        image("test3"),
        {"name": "inputs/result", "uri": "abc", "digest": {"sha256": IMAGE}},
        {"name": "inputs/result", "uri": "git+https://git.test.com.git", "digest": {"sha1": "abcd"}},
    ]


def test_run_details(statement: dict[str, Any]) -> None:
    details = statement["predicate"]["runDetails"]
    assert set(details) == {"builder", "metadata", "byproducts"}
    assert details["builder"] == {"id": "test_builder-1"}
    assert details["metadata"] == {
        "invocationId": "abhhf-12354-asjsdbjs23-3435353n",
        "startedOn": "2021-03-29T09:50:00Z",
        "finishedOn": "2021-03-29T09:50:15Z",
    }


def test_byproducts(statement: dict[str, Any]) -> None:
    expected = {
        "CHAINS-GIT_COMMIT": b'"abcd"',
        "CHAINS-GIT_URL": b'"https://git.test.com"',
        "img-ARTIFACT_INPUTS": f'{{"digest":"sha256:{IMAGE}","uri":"abc"}}'.encode(),
        "img_no_uri-ARTIFACT_OUTPUTS": f'{{"digest":"sha256:{IMAGE}"}}'.encode(),
    }
    assert statement["predicate"]["runDetails"]["byproducts"] == [
        {
            "name": f"pipelineRunResults/pipelinerun-build/{name}",
            "content": base64.b64encode(content).decode(),
            "mediaType": "application/json",
        }
        for name, content in expected.items()
    ]


def test_the_source_of_a_remote_pipeline() -> None:
    value = golden("pipelinerun-remote-resolver")
    value["status"] |= {
        "completionTime": "2024-04-29T20:46:15Z",
        "conditions": [{"type": "Succeeded", "status": "True"}],
    }
    definition = provenance(FinishedRun(value, []))["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {
        "buildConfigSource": {
            "path": "pipeline/build-push-gke-deploy/0.1/build-push-gke-deploy.yaml",
            "ref": "sha1:" + value["status"]["provenance"]["refSource"]["digest"]["sha1"],
            "repository": "git+https://github.com/tektoncd/catalog",
        },
        "runSpec": value["spec"],
    }
    assert definition["internalParameters"] == {}
