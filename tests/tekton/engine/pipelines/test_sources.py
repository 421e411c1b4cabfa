"""Where Pipelines and Tasks come from, policies, versions of Tekton, and engines that come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.tekton.spec.policy import Verdict

STEP = "steps: [{name: s, image: i, script: 'true'}]"
TASK = "taskSpec: {" + STEP + "}"


@dataclass
class Source:
    uri: str

    def to_object(self) -> dict[str, Any]:
        return {"uri": self.uri, "digest": {"sha1": "f0"}, "entryPoint": "x.yaml"}


@dataclass
class Resolved:
    object: Any
    source: Source | None


def resolved(kind: str, name: str, spec: str) -> Resolved:
    value = {"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": {"name": name, "labels": {"l": "x"}}}
    return Resolved({**value, "spec": yaml.load(spec, file="test").value}, Source("git+https://x/y"))


REMOTE = {
    "pipelineRef": {"resolver": "git", "params": [{"name": "url", "value": "https://x/$(params.repo)"}]},
    "params": [{"name": "repo", "value": "y"}],
}


def test_a_pipeline_that_a_resolver_brings(driver: Any) -> None:
    driver.resolvers.found = {
        "git": resolved(
            "Pipeline", "far", "tasks: [{name: a, taskRef: {resolver: hub, params: [{name: name, value: t}]}}]"
        ),
        "hub": resolved("Task", "t", f"{{{STEP}}}"),
    }
    driver.create("PipelineRun", "pr", REMOTE)
    run = driver.settle()
    assert driver.resolvers.asked == [
        ("git", {"url": "https://x/y"}, "Pipeline"),
        ("hub", {"name": "t"}, "Task"),
    ]
    assert run["status"]["provenance"]["refSource"] == Source("git+https://x/y").to_object()
    assert run["metadata"]["labels"] == {"tekton.dev/pipeline": "far", "l": "x"}
    assert driver.get("TaskRun", "pr-a")["spec"]["taskRef"] == {
        "kind": "Task",
        "resolver": "hub",
        "params": [{"name": "name", "value": "t"}],
    }


def test_what_a_resolver_cannot_bring(driver: Any) -> None:
    driver.resolvers.found = {"git": InputError("resolution-failed", "no such path")}
    driver.create("PipelineRun", "pr", REMOTE)
    assert driver.condition(driver.settle()) == (
        "False",
        "CouldntGetPipeline",
        "Error retrieving pipeline for pipelinerun ci/pr: resolver failed to get Pipeline : no such path",
    )
    run = driver.start(
        "tasks: [{name: a, taskRef: {resolver: git, params: [{name: url, value: u}, {name: path, value: p}]}}]",
        name="other",
    )
    run = driver.get("PipelineRun", "other")
    assert driver.condition(run) == (
        "False",
        "CouldntGetTask",
        "Pipeline ci/other can't be Run; it contains Tasks that don't exist: "
        'Couldn\'t retrieve Task "resolver type git\\nurl = u\\n": no such path',
    )


def test_what_a_policy_refuses_never_starts(driver: Any) -> None:
    driver.resolvers.found = {"git": resolved("Pipeline", "far", f"tasks: [{{name: a, {TASK}}}]")}
    driver.policies.verdict = Verdict("failed", "no signature")
    driver.create("PipelineRun", "pr", REMOTE)
    run = driver.settle()
    assert driver.condition(run)[1] == "ResourceVerificationFailed"
    assert "failed signature verification: no signature" in driver.condition(run)[2]
    assert driver.names() == []


def test_what_a_policy_passed_is_said(driver: Any) -> None:
    driver.resolvers.found = {"git": resolved("Pipeline", "far", f"tasks: [{{name: a, {TASK}}}]")}
    driver.policies.verdict = Verdict("passed")
    driver.create("PipelineRun", "pr", REMOTE)
    driver.settle()
    run = driver.end("pr-a")
    assert [item["type"] for item in run["status"]["conditions"]] == ["Succeeded", "TrustedResourcesVerified"]


def test_neither_reference_nor_spec(driver: Any) -> None:
    driver.create("PipelineRun", "pr", {"params": []})
    assert driver.condition(driver.settle())[1:] == (
        "CouldntGetPipeline",
        "Error retrieving pipeline for pipelinerun ci/pr: pipelineRun pr not providing PipelineRef or PipelineSpec",
    )


def test_nothing_is_said_of_provenance_where_the_flag_is_off(driver_with: Any) -> None:
    driver = driver_with(flags={"enable-provenance-in-status": False})
    assert "provenance" not in driver.start(f"tasks: [{{name: a, {TASK}}}]")["status"]


SECTIONS = f"tasks: [{{name: a, {TASK}}}]\nfinally: [{{name: f, {TASK}}}]"


def test_before_1_15_tasks_over_their_limit_end_the_run(driver_with: Any) -> None:
    driver = driver_with(tekton_version="1.9")
    driver.start(SECTIONS, "timeouts: {pipeline: 10m, tasks: 1m}")
    run = driver.pass_time(seconds=61)
    assert driver.condition(run)[1:] == (
        "PipelineRunTimeout",
        'PipelineRun "pr" failed due to tasks failed to finish within "1m0s"',
    )


@pytest.mark.parametrize(("version", "results"), [("1.9", None), ("1.15", [{"name": "out", "value": "x"}])])
def test_whether_results_of_failed_tasks_count(driver_with: Any, version: str, results: Any) -> None:
    driver = driver_with(tekton_version=version)
    driver.start(
        f"tasks: [{{name: a, taskSpec: {{results: [{{name: r}}], {STEP}}}}}]\n"
        "results: [{name: out, value: $(tasks.a.results.r)}]"
    )
    assert driver.fail("pr-a", results={"r": "x"})["status"].get("results") == results


def test_a_run_that_goes_on_keeps_the_pipeline_it_began_with(driver: Any) -> None:
    driver.apply(
        f"""
        apiVersion: tekton.dev/v1
        kind: Pipeline
        metadata: {{name: pipe}}
        spec: {{params: [{{name: p}}], tasks: [{{name: a, {TASK}}}, {{name: b, runAfter: [a],
               params: [{{name: x, value: $(params.p)}}], taskSpec: {{params: [{{name: x}}], {STEP}}}}}]}}
        """
    )
    driver.create("PipelineRun", "pr", {"pipelineRef": {"name": "pipe"}, "params": [{"name": "p", "value": "v"}]})
    driver.settle()
    driver.client.patch("", "Pipeline", "pipe", {"spec": {"tasks": []}}, namespace="ci")
    driver.restarted()
    driver.end("pr-a")
    assert driver.params("pr-b") == {"x": "v"}


def test_an_object_of_another_run_is_not_adopted(driver: Any) -> None:
    driver.create("TaskRun", "pr-a", {"taskSpec": {}})
    run = driver.start(f"tasks: [{{name: a, {TASK}}}]")
    assert driver.condition(run)[1:] == ("CreateRunFailed", 'taskruns.tekton.dev "pr-a" already exists')
