"""Every TaskRun of a build carries the engine's signed record, and the provenance that the platform made of it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from interlock.formats.sigstore import keys
from interlock.formats.tekton import record

from .story_world.estate import Estate


@pytest.fixture(scope="module")
def build(estate: Estate) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The PipelineRun of the first delivery, and its TaskRuns."""
    run = estate.cluster().get("tekton.dev/v1", "PipelineRun", f"payments-{estate.first['commit'][:12]}", "ci")
    selector = f"tekton.dev/pipelineRun={run['metadata']['name']}"
    return run, estate.cluster().list("tekton.dev/v1", "TaskRun", namespace="ci", label_selector=selector).items


def test_the_engine_vouches_for_every_task_run(estate: Estate, build: Any) -> None:
    assert estate.context.keys.record is not None
    public = keys.load_public(estate.context.keys.record.read_bytes())
    for task_run in build[1]:
        said = record.verify(task_run, public)
        assert said is not None and said["isolation"] != "none"
        assert said["tools"][0]["name"] == "interlock-toolbox"


def test_the_platforms_provenance_is_where_chains_readers_look(build: Any) -> None:
    run, task_runs = build
    for kind, item in (("pipelinerun", run), *(("taskrun", item) for item in task_runs)):
        annotations, uid = item["metadata"]["annotations"], item["metadata"]["uid"]
        assert annotations["chains.tekton.dev/signed"] == "true"
        statement = json.loads(base64.b64decode(annotations[f"chains.tekton.dev/payload-{kind}-{uid}"]))
        assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
        assert statement["predicate"]["runDetails"]["metadata"]["invocationId"] == uid
