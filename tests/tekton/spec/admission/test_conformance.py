"""Published files: no false alarm on what the webhooks take, and their words for what they do not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from interlock.formats import yaml
from interlock.tekton.spec import admission
from interlock.tekton.spec.admission import Finding
from interlock.tekton.spec.flags import ALPHA, Flags

CONFORMANCE = Path(__file__).parents[5] / "shared/conformance"
if not CONFORMANCE.is_dir():
    pytest.skip("the conformance data of ../shared is absent", allow_module_level=True)

INVALID = {
    # Published before PipelineResources were removed (Tekton 0.44); v1beta1 still has the field, to refuse it by name.
    "buildpacks-phases-0.1-buildpacks-phases.yaml": ["must not set the field(s): spec.resources"],
    "jib-gradle-0.1-jib-gradle.yaml": ["must not set the field(s): spec.resources"],
    "openshift-client-0.1-openshift-client.yaml": ["must not set the field(s): spec.resources"],
    "openshift-client-kubecfg-0.1-openshift-client-kubecfg.yaml": ["must not set the field(s): spec.resources"],
}
"""Tasks of the catalog that the webhook refuses, each for one reason."""

UNRUNNABLE = {
    # Not run upstream either (no-ci): "${i}" inside a result's name is a shell variable, and no result is called so.
    "pipelineruns/no-ci/compressed-results-pipeline.yaml": ["variable-unknown"],
}


def findings(path: Path, flags: Flags) -> list[Finding]:
    documents = list(yaml.load_all(path.read_bytes(), file=path.name))
    return [
        placed.finding for placed in admission.judge(documents, flags).findings if placed.finding.severity == "error"
    ]


def files(folder: str) -> list[Any]:
    base = CONFORMANCE / folder
    return [pytest.param(path, id=str(path.relative_to(base))) for path in sorted(base.rglob("*.yaml"))]


@pytest.mark.parametrize("path", files("tekton-catalog"))
def test_catalog(path: Path) -> None:
    assert [item.message for item in findings(path, Flags())] == INVALID.get(path.name, [])


@pytest.mark.parametrize("path", files("tekton-examples"))
def test_examples(path: Path) -> None:
    relative = str(path.relative_to(CONFORMANCE / "tekton-examples"))
    flags = ALPHA if "alpha" in path.parts else Flags()
    if "no-ci" in path.parts:
        flags = ALPHA
    assert [item.rule for item in findings(path, flags)] == UNRUNNABLE.get(relative, [])


# What Pipelines-as-Code puts in for the variables of its own end-to-end tests, "\\ .PipelineName //" and the like.
def named(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "metadata": {**value["metadata"], "name": "run"}}


REFUSED = {
    "bad-runafter-task.yaml": [
        "invalid value: couldn't add link between noexist and donotexist: task noexist depends on donotexist but "
        "donotexist wasn't present in Pipeline: spec.pipelineSpec.tasks"
    ],
    "pipeline_bad_format.yaml": ["expected exactly one, got neither: spec.pipelineRef, spec.pipelineSpec"],
    # Its guard is an annotation of Pipelines-as-Code (on-cel-expression), which refuses it: to Tekton the run is good.
    "pipelinerun-invalid-cel.yaml": [],
    # Two runs of one name in a folder: Pipelines-as-Code refuses the pair, to Tekton each is good.
    "pipelinerun_same_name_on_push.yaml": [],
}


@pytest.mark.parametrize("path", files("tekton-invalid"))
def test_invalid(path: Path) -> None:
    found: list[str] = []
    for document in yaml.load_all(path.read_bytes(), file=path.name):
        found += [item.message for item in admission.check(named(document.value))]
    assert found == REFUSED[path.name]


def test_all_of_the_catalog_is_judged_in_a_second() -> None:
    texts = [(path.name, path.read_bytes()) for path in sorted((CONFORMANCE / "tekton-catalog").rglob("*.yaml"))]
    began = time.process_time()
    documents = [document for name, text in texts for document in yaml.load_all(text, file=name)]
    outcome = admission.judge(documents, Flags())
    assert time.process_time() - began < 1
    assert outcome.judged == len(documents) == 139
    assert json.dumps([placed.finding.rule for placed in outcome.findings]).count("field-removed") == len(INVALID)
