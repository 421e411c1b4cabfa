"""Provenance equals, field by field, what Tekton Chains ``slsa/v2alpha4`` makes of the same runs.

Inputs are Chains' own test data, read in place; expected values are those of its tests at e44b60f
(pkg/chains/formats/slsa/v2alpha4/slsav2_test.go, internal/pipelinerun/pipelinerun_test.go, and
internal/{external,internal}_parameters). Steps there carry no record of capabilities.

Ours differs where Chains writes Go structs anew: feature flags keep the names that the status has
(``EnableAPIFields`` here, ``enableAPIFields`` from Go), and ``slsa-tekton`` embeds a TaskRun as the API gave it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InputError, RefusedError
from interlock.platform.statements.provenance import SLSA_TEKTON, Options, provenance, task_provenance
from interlock.platform.statements.run import FinishedRun

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
    return provenance(run, Options(builder="test_builder-1"))


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


def product(name: str, content: str) -> dict[str, str]:
    text = base64.b64encode(content.encode()).decode()
    return {"name": name, "content": text, "mediaType": "application/json"}


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


# Task runs: slsav2_test.go

GIT_TASKRUN = {"name": "inputs/result", "uri": "git+https://git.test.com.git", "digest": {"sha1": "taskrun"}}
GIT_DEFAULT = {**GIT_TASKRUN, "digest": {"sha1": "sha:taskdefault"}}
GIT_PIPELINE = {**GIT_TASKRUN, "digest": {"sha1": "abcd"}}
STEP_INPUT = {
    "name": "inputs/result",
    "uri": "https://github.com/tektoncd/pipeline",
    "digest": {"sha1": "7f2f46e1b97df36b2b82d1b1d87c81b8b3d21601"},
}
MOMENTS = {
    "invocationId": "abhhf-12354-asjsdbjs23-3435353n",
    "startedOn": "2021-03-29T09:50:00Z",
    "finishedOn": "2021-03-29T09:50:15Z",
}
STEP_RESULT = product("stepResults/taskrun-build/step1_result1", '"result-value"')
STEP_OUTPUT = product(
    "stepResults/taskrun-build/step1_result1-ARTIFACT_OUTPUTS",
    f'{{"digest":"sha256:{IMAGE}","uri":"gcr.io/my/image/fromstep2"}}',
)
CLONE = [
    product("taskRunResults/git-clone/some-uri_DIGEST", f'"sha256:{STEPS["test1"]}"'),
    product("taskRunResults/git-clone/some-uri", '"pkg:deb/debian/curl@7.50.3-1"'),
    product(
        "stepResults/git-clone/step1_result1-ARTIFACT_INPUTS",
        '{"digest":"sha1:7f2f46e1b97df36b2b82d1b1d87c81b8b3d21601","uri":"https://github.com/tektoncd/pipeline"}',
    ),
]


def subject(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}


def test_a_task_run_with_images_and_step_results() -> None:
    task_run = golden("taskrun1")
    assert task_provenance(task_run, Options(builder="test_builder-1")) == {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [
            subject("gcr.io/my/image/fromstep3", IMAGE),
            subject("gcr.io/my/image", "d31cc8328054de2bd93735f9cbf0ccfb6e0ee8f4c4225da7d8f8cb3900eaf466"),
        ],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://tekton.dev/chains/v2/slsa",
                "externalParameters": {"runSpec": task_run["spec"]},
                "internalParameters": {
                    "tekton-pipelines-feature-flags": {
                        "EnableAPIFields": "beta",
                        "ResultExtractionMethod": "termination-message",
                    }
                },
                "resolvedDependencies": [
                    {"name": "task", "uri": "git+https://github.com/test", "digest": {"sha1": "ab123"}},
                    image("test1"),
                    image("test2"),
                    image("test3"),
                    GIT_TASKRUN,
                ],
            },
            "runDetails": {
                "builder": {"id": "test_builder-1"},
                "metadata": MOMENTS,
                "byproducts": [STEP_RESULT, STEP_OUTPUT],
            },
        },
    }


def test_a_task_run_whose_step_names_its_input() -> None:
    task_run = golden("taskrun2")
    statement = task_provenance(task_run, Options(builder="test_builder-2"))
    assert statement["subject"] == []
    assert statement["predicate"] == {
        "buildDefinition": {
            "buildType": "https://tekton.dev/chains/v2/slsa",
            "externalParameters": {"runSpec": task_run["spec"]},
            "internalParameters": {},
            "resolvedDependencies": [
                {"name": "task", "uri": "git+https://github.com/catalog", "digest": {"sha1": "x123"}},
                image("test1"),
                STEP_INPUT,
                GIT_DEFAULT,
            ],
        },
        "runDetails": {"builder": {"id": "test_builder-2"}, "metadata": MOMENTS, "byproducts": CLONE},
    }


def test_several_subjects_of_one_task_run() -> None:
    task_run = {"metadata": {}, **golden("taskrun-multiple-subjects")}
    statement = task_provenance(task_run, Options(builder="test_builder-multiple"))
    assert statement["subject"] == [
        subject("gcr.io/foo/bar", STEPS["test1"]),
        subject("gcr.io/myimage2", "9f036c6170dd7aba07e45cf2fe414c7ca792e5ede3bc3a78609e3aab4fa2ff2d"),
        subject("gcr.io/myimage1", "db546e77d11cf34199d965d28b1107f98bcbb7630182b7d847cc31d5d21b47b0"),
        subject("gcr.io/myimage3", "8d14f5ded713f263742d371279586b264bde42ee8de97b808d1f5e205f376ade"),
    ]
    assert statement["predicate"]["buildDefinition"]["resolvedDependencies"] == [image("test1")]
    assert statement["predicate"]["runDetails"] == {"builder": {"id": "test_builder-multiple"}, "metadata": {}}


# Deep inspection: pipelinerun_test.go

PIPELINE_TASKS = [
    {"name": "pipeline", "uri": "git+https://github.com/test", "digest": {"sha1": "28b123"}},
    {"name": "pipelineTask", "uri": "git+https://github.com/catalog", "digest": {"sha1": "x123"}},
    image("test1"),
    {"name": "pipelineTask", "uri": "git+https://github.com/test", "digest": {"sha1": "ab123"}},
    image("test2"),
    image("test3"),
    STEP_INPUT,
    {"name": "inputs/result", "uri": "abc", "digest": {"sha256": IMAGE}},
]
PIPELINE_PRODUCTS = [
    product("pipelineRunResults/pipelinerun-build/CHAINS-GIT_COMMIT", '"abcd"'),
    product("pipelineRunResults/pipelinerun-build/CHAINS-GIT_URL", '"https://git.test.com"'),
    product("pipelineRunResults/pipelinerun-build/img-ARTIFACT_INPUTS", f'{{"digest":"sha256:{IMAGE}","uri":"abc"}}'),
    product("pipelineRunResults/pipelinerun-build/img_no_uri-ARTIFACT_OUTPUTS", f'{{"digest":"sha256:{IMAGE}"}}'),
]


def test_deep_inspection_looks_into_tasks_and_steps(run: FinishedRun) -> None:
    statement = provenance(run, Options(deep_inspection=True))
    assert statement["subject"] == [
        subject("abc", IMAGE),
        subject("test.io/test/image", IMAGE),
        subject("index.docker.io/library/abc", IMAGE),
        subject("gcr.io/my/image/fromstep3", IMAGE),
        subject("gcr.io/my/image", "d31cc8328054de2bd93735f9cbf0ccfb6e0ee8f4c4225da7d8f8cb3900eaf466"),
    ]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"] == [*PIPELINE_TASKS, GIT_DEFAULT, GIT_TASKRUN, GIT_PIPELINE]
    products = statement["predicate"]["runDetails"]["byproducts"]
    assert products == [*PIPELINE_PRODUCTS, *CLONE, STEP_RESULT, STEP_OUTPUT]


def test_deep_inspection_tells_a_subject_once() -> None:
    run = FinishedRun(golden("pipelinerun2"), [golden("taskrun3"), golden("taskrun4")])
    statement = provenance(run, Options(deep_inspection=True))
    assert statement["subject"] == [
        subject("abc", IMAGE),
        subject("gcr.io/common/image", "33e7e52645f4859622e282167d9200da9861b3d0a6e9c93b85e9cae5526ffc0a"),
        subject("test.io/test/image", IMAGE),
        subject("index.docker.io/library/abc", IMAGE),
        subject("gcr.io/task2/step/artifact", "cb06e289303c9529cd980657a5b1a2c8a146c1b13ca08a2bbedb72ec4b7573b9"),
        subject("gcr.io/my/image/fromstep3", IMAGE),
        subject("gcr.io/my/image", "d31cc8328054de2bd93735f9cbf0ccfb6e0ee8f4c4225da7d8f8cb3900eaf466"),
        subject("gcr.io/task1/result", "c6262181543796435ae52eb233d7337ec570ff0448e333460122f4a65a59a96a"),
    ]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"] == [*PIPELINE_TASKS, GIT_TASKRUN, GIT_PIPELINE]
    assert statement["predicate"]["runDetails"]["byproducts"] == [*PIPELINE_PRODUCTS, *CLONE, STEP_RESULT]


# Build type slsa-tekton: resolved_dependencies.go AddTektonTaskDescriptor, internal_parameters_test.go


def test_the_tekton_build_type_adds_labels_annotations_and_whole_task_runs(run: FinishedRun) -> None:
    definition = provenance(run, Options(build_type=SLSA_TEKTON))["predicate"]["buildDefinition"]
    assert definition["buildType"] == "https://tekton.dev/chains/v2/slsa-tekton"
    assert definition["internalParameters"] == {"labels": None, "annotations": None}
    tasks = [item for item in definition["resolvedDependencies"] if item.get("name") == "pipelineTask"]
    assert [(item["uri"], item["digest"]) for item in tasks] == [
        ("git+https://github.com/catalog", {"sha1": "x123"}),
        ("git+https://github.com/test", {"sha1": "ab123"}),
    ]
    embedded = [json.loads(base64.b64decode(item["content"])) for item in tasks]
    assert embedded == [golden("taskrun2"), golden("taskrun1")]
    alone = task_provenance(golden("taskrun1"), Options(build_type=SLSA_TEKTON))["predicate"]["buildDefinition"]
    assert alone["internalParameters"] == {
        "labels": {"tekton.dev/pipelineTask": "build"},
        "annotations": None,
        "tekton-pipelines-feature-flags": {"EnableAPIFields": "beta", "ResultExtractionMethod": "termination-message"},
    }


# Refusals: material_test.go


@pytest.mark.parametrize("image_id", ["", "gcr.io/test1", "gcr.io/test1@sha256", "a@b@sha256:1", "a@sha256:1:2"])
def test_an_image_that_no_digest_names_cannot_be_attested(image_id: str) -> None:
    task_run = golden("taskrun1")
    task_run["status"]["steps"][0]["imageID"] = image_id
    with pytest.raises(InputError, match="run-image-unpinned"):
        task_provenance(task_run)


def test_a_task_run_that_has_not_ended_cannot_be_attested() -> None:
    task_run = golden("taskrun1")
    task_run["status"]["conditions"] = [{"type": "Succeeded", "status": "Unknown"}]
    with pytest.raises(RefusedError, match="run-unfinished"):
        task_provenance(task_run)


def test_step_actions_are_dependencies_of_their_own() -> None:
    task_run = golden("taskrun2")
    source = {"uri": "git+https://github.com/actions.git", "digest": {"sha1": "e1"}, "entryPoint": "clone.yaml"}
    for step in task_run["status"]["steps"]:
        step["provenance"] = {"refSource": source}
    expected = {"name": "stepAction/step1", "uri": source["uri"], "digest": {"sha1": "e1"}}
    found = task_provenance(task_run)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert found[3] == expected
    pipeline = FinishedRun(golden("pipelinerun1"), [task_run, golden("taskrun1")])
    found = provenance(pipeline)["predicate"]["buildDefinition"]["resolvedDependencies"]
    # Before the images there, after the inputs here: as Chains orders them.
    assert found[2] == expected
