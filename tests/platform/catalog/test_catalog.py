"""The catalog's objects: pinned, linted, valid Tekton, and the seed's pipeline fits onto them unchanged."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from interlock.formats import yaml
from interlock.formats.tekton import environment_leak, model, validation
from interlock.formats.tekton.task import Task
from interlock.platform import catalog, goldenpaths
from interlock.platform.estate.library import Library
from interlock.platform.estate.lint import ENDPOINTS, NETWORK
from interlock.tekton.spec import pipeline_validation
from interlock.tekton.spec.pipeline import Pipeline

from .. import acme

SEED = Path(__file__).parents[4] / "shared/seed/pipeline-build-ace-flow.yaml"
TASKS = {task["metadata"]["name"]: task for task in catalog.tasks()}
PINNED = re.compile(r"registry\.acme\.test/platform/toolbox@sha256:[0-9a-f]{64}")


def test_the_published_tasks() -> None:
    assert list(TASKS) == [
        "ace-build-bar",
        "ace-unit-test",
        "buildah",
        "cosign-sign",
        "git-clone",
        "git-pr-bump",
        "image-build",
        "image-sign",
        "sbom",
        "trivy-scan",
        "vulnerability-scan",
    ]


def test_the_catalog_passes_its_own_lint() -> None:
    assert catalog.lint(catalog.tasks()) == []


@pytest.mark.parametrize("name", TASKS)
def test_each_task_is_valid_tekton_and_pinned(name: str) -> None:
    parsed = model.parse(Task, TASKS[name])
    validation.task(parsed.spec)
    environment_leak.refuse(parsed.spec)
    assert all(PINNED.fullmatch(step["image"]) for step in TASKS[name]["spec"]["steps"])


@pytest.mark.parametrize(
    ("name", "network", "secrets"),
    [
        ("git-clone", "forge", {"forge-ci-token"}),
        ("ace-unit-test", "", set()),
        ("ace-build-bar", "", set()),
        ("image-build", "registry", {"registry-push"}),
        ("sbom", "registry", {"registry-push"}),
        ("vulnerability-scan", "registry", {"registry-push"}),
        ("image-sign", "registry", {"registry-push", "release-key"}),
        ("git-pr-bump", "forge,registry", {"registry-push", "forge-ci-token", "forge-ci-ssh"}),
    ],
)
def test_a_step_reaches_and_reads_only_what_it_needs(name: str, network: str, secrets: set[str]) -> None:
    task = TASKS[name]
    assert task["metadata"]["annotations"][NETWORK] == network
    assert set(filter(None, network.split(","))) <= ENDPOINTS
    found = {item["secret"]["secretName"] for item in task["spec"].get("volumes", []) if "secret" in item}
    assert found == secrets


@pytest.mark.parametrize(
    ("alias", "task"), [("buildah", "image-build"), ("trivy-scan", "vulnerability-scan"), ("cosign-sign", "image-sign")]
)
def test_an_alias_runs_the_same_verb_with_the_same_rights(alias: str, task: str) -> None:
    one, other = TASKS[alias], TASKS[task]
    assert one["spec"]["steps"][0]["command"] == other["spec"]["steps"][0]["command"]
    assert one["spec"].get("volumes") == other["spec"].get("volumes")
    assert one["spec"]["results"] == other["spec"]["results"]
    assert one["metadata"]["annotations"][NETWORK] == other["metadata"]["annotations"][NETWORK]


def fits(pipeline: dict[str, Any]) -> None:
    """Every task exists, gets the parameters and workspaces that it needs, and none that it does not know."""
    for used in pipeline["spec"]["tasks"]:
        spec = TASKS[used["taskRef"]["name"]]["spec"]
        given = {item["name"] for item in used.get("params", [])}
        known = {item["name"]: item for item in spec.get("params", [])}
        assert given <= set(known), used["name"]
        assert {name for name, item in known.items() if "default" not in item} <= given, used["name"]
        workspaces = {item["name"] for item in used.get("workspaces", [])}
        assert workspaces == {item["name"] for item in spec.get("workspaces", [])}, used["name"]
        for item in used.get("params", []):
            for task, result in re.findall(r"\$\(tasks\.([a-z-]+)\.results\.([\w-]+)\)", item["value"]):
                producer = next(other for other in pipeline["spec"]["tasks"] if other["name"] == task)
                assert result in {one["name"] for one in TASKS[producer["taskRef"]["name"]]["spec"]["results"]}


def test_the_seeds_pipeline_fits_unchanged() -> None:
    if not SEED.is_file():
        pytest.skip(f"seed absent: {SEED}")
    fits(yaml.load(SEED.read_bytes(), file=SEED.name).value)


def golden_pipeline() -> dict[str, Any]:
    ((path, data),) = goldenpaths.pipelines(acme.platform()).items()
    found: dict[str, Any] = yaml.load(data, file=path).value
    assert path == f"catalog/pipelines/{found['metadata']['name']}.yaml"
    return found


def test_the_golden_pipeline_fits_and_passes_digests() -> None:
    pipeline = golden_pipeline()
    pipeline_validation.pipeline(model.parse(Pipeline, pipeline).spec)
    fits(pipeline)
    assert [item["name"] for item in pipeline["spec"]["results"]] == [
        "IMAGE_URL",
        "IMAGE_DIGEST",
        "BAR_DIGEST",
        "SBOM_DIGEST",
        "SCAN_DIGEST",
        "CHAINS-GIT_URL",
        "CHAINS-GIT_COMMIT",
        "TESTS",
    ]
    after_build = ("sbom", "vulnerability-scan", "image-sign", "git-pr-bump")
    for task in pipeline["spec"]["tasks"]:
        if task["name"] in after_build:
            digest = next(item["value"] for item in task["params"] if item["name"] == "digest")
            assert digest.endswith("results.IMAGE_DIGEST)")


def test_what_an_estate_decides_is_put_in() -> None:
    image = "registry.example/t@sha256:" + "1" * 64
    tasks = {task["metadata"]["name"]: task for task in catalog.tasks(image=image, max_age="12h")}
    assert tasks["sbom"]["spec"]["steps"][0]["image"] == image
    for name in ("vulnerability-scan", "trivy-scan"):
        defaults = {item["name"]: item.get("default") for item in tasks[name]["spec"]["params"]}
        assert (defaults["max-age"], defaults["severity"]) == ("12h", "HIGH,CRITICAL")
    defaults = {item["name"]: item.get("default") for item in golden_pipeline()["spec"]["params"]}
    assert (defaults["env-repo"], defaults["severity"]) == ("https://git/acme/env-dev", "HIGH,CRITICAL")


def test_manifests_are_the_objects_as_files() -> None:
    manifests = catalog.manifests()
    assert {f"catalog/tasks/{name}.yaml" for name in TASKS} == set(manifests)
    for path, data in manifests.items():
        assert yaml.load(data, file=path).value["metadata"]["name"] == Path(path).stem


RELEASED = {
    "1.0.0": "83dbce97c0db3fb3d725b6e2d360a216da5e9b76de515e7609545d9cd5b64d0b",
    "1.1.0": "ceeb79d7d3d96872bd81796b4dcf0c4705c61e402f81ec3b187fa25e49058191",
    "1.2.0": "56a0ab2649532f1972aeaaefd80265d437a4fc6e968ca8fd8130b7e91202484d",
}
"""A version that was released is in env repos, and never changes: add another one beside it."""


def test_every_released_chart_is_still_here_as_it_was() -> None:
    found = {
        version: hashlib.sha256(b"".join(f"{path}\0{len(data)}\0".encode() + data for path, data in files.items()))
        for version, files in catalog.charts().items()
    }
    assert {version: digest.hexdigest() for version, digest in found.items() if version in RELEASED} == RELEASED


def test_each_lies_in_the_folder_of_its_version_and_the_last_is_the_newest() -> None:
    assert [Library.of(files).version for files in catalog.charts().values()] == list(catalog.charts())
    assert sorted(catalog.charts(), key=Version) == list(catalog.charts())
    assert catalog.chart() == list(catalog.charts().values())[-1]


def test_the_chart_is_a_library() -> None:
    chart = catalog.chart()
    assert yaml.load(chart["Chart.yaml"], file="Chart.yaml").value["type"] == "library"
    assert any(path.startswith("templates/") for path in chart)


class TestLint:
    def codes(self, **changes: Any) -> set[str]:
        task = catalog.tasks()[0]
        step = {**task["spec"]["steps"][0], **changes.pop("step", {})}
        step = {key: value for key, value in step.items() if value is not None}
        spec = {**task["spec"], "steps": [step], **changes.pop("spec", {})}
        metadata = {**task["metadata"], **changes.pop("metadata", {})}
        return {problem.code for problem in catalog.lint([{**task, "metadata": metadata, "spec": spec}])}

    def test_an_image_by_tag(self) -> None:
        assert self.codes(step={"image": "registry.acme.test/platform/toolbox:latest"}) == {"task-image-unpinned"}

    def test_a_script(self) -> None:
        assert "task-script" in self.codes(step={"script": "echo", "command": None, "args": None})

    def test_a_script_that_prints_its_environment(self) -> None:
        assert "task-prints-environment" in self.codes(step={"script": "env | sort", "command": None, "args": None})

    def test_a_command_that_prints_its_environment(self) -> None:
        found = self.codes(step={"command": ["env"], "args": []})
        assert {"task-prints-environment", "task-command"} <= found

    def test_another_verb(self) -> None:
        assert self.codes(step={"command": ["interlock-toolbox", "rm"]}) == {"task-command"}

    def test_a_parameter_that_could_become_an_option(self) -> None:
        assert self.codes(step={"args": ["--source", "$(params.project)"]}) == {"task-argument"}

    def test_a_host_path(self) -> None:
        found = self.codes(spec={"volumes": [{"name": "x", "hostPath": {"path": "/"}}]})
        assert "task-host-path" in found

    def test_a_secret_as_a_variable(self) -> None:
        reference = {"secretKeyRef": {"name": "release-key", "key": "cosign.key"}}
        assert self.codes(step={"env": [{"name": "KEY", "valueFrom": reference}]}) == {"task-secret-variable"}

    def test_a_secret_that_is_writable(self) -> None:
        found = self.codes(
            spec={"volumes": [{"name": "key", "secret": {"secretName": "release-key"}}]},
            step={"volumeMounts": [{"name": "key", "mountPath": "/key"}]},
        )
        assert found == {"task-secret-writable"}

    @pytest.mark.parametrize(
        ("annotations", "code"), [({}, "task-network-missing"), ({NETWORK: "internet"}, "task-network-unknown")]
    )
    def test_the_network_must_be_named(self, annotations: dict[str, str], code: str) -> None:
        assert self.codes(metadata={"annotations": annotations}) == {code}


def test_every_step_is_on_the_toolbox_of_the_estate() -> None:
    assert catalog.lint(catalog.tasks(), toolbox=catalog.TOOLBOX) == []
    found = catalog.lint(catalog.tasks(), toolbox="registry.example/t@sha256:" + "1" * 64)
    assert {problem.code for problem in found} == {"task-image-foreign"}
