"""What a team's ``.tekton/push.yaml`` may say of its build, and what the platform writes into the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InterlockError, RefusedError
from interlock.formats import yaml
from interlock.platform import catalog, goldenpaths
from interlock.platform.controller import push_file
from interlock.platform.estate import Estate
from interlock.tekton.spec import admission
from interlock.tekton.spec.flags import Flags

GOLDEN = (Path(__file__).parents[3] / "examples" / "payments" / push_file.FILE).read_text()
COMMIT = "1" * 40
CLAIM: dict[str, Any] = {
    "volumeClaimTemplate": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
}


def run_of(estate: Estate, text: str) -> dict[str, Any]:
    return push_file.pipeline_run(estate, estate.service("payments"), COMMIT, text.encode())


def spec(**fields: Any) -> str:
    """The golden file with more in its spec."""
    found = yaml.load(GOLDEN, file="push.yaml").value
    found["spec"].update(fields)
    return yaml.dump(found)


def test_the_runs_files_lie_in_a_claim_of_its_own(estate: Estate) -> None:
    run = run_of(estate, GOLDEN)
    assert run["spec"]["workspaces"] == [{"name": "source", **CLAIM}]
    assert set(run["spec"]) == {"pipelineRef", "params", "workspaces"}


def test_tekton_admits_the_run_with_the_catalog_that_it_names(estate: Estate) -> None:
    documents = [yaml.load(yaml.dump(run_of(estate, GOLDEN)), file="run.yaml")]
    files = {**catalog.manifests(), **goldenpaths.pipelines(estate.platform)}
    documents += [found for name, data in files.items() for found in yaml.load_all(data, file=name)]
    outcome = admission.judge(documents, Flags())
    assert outcome.judged > 3
    assert [placed for placed in outcome.findings if placed.finding.severity == "error"] == []


def test_timeouts_are_the_teams(estate: Estate) -> None:
    assert run_of(estate, spec(timeouts={"pipeline": "20m"}))["spec"]["timeouts"] == {"pipeline": "20m"}


def test_the_workspace_that_earlier_golden_paths_wrote_may_stay(estate: Estate) -> None:
    assert run_of(estate, spec(workspaces=[{"name": "source", **CLAIM}])) == run_of(estate, GOLDEN)


@pytest.mark.parametrize(
    "workspaces",
    [
        [{"name": "source", "persistentVolumeClaim": {"claimName": "advisories"}}],
        [{"name": "source", "persistentVolumeClaim": {"claimName": "pvc-0123456789"}}],
        [{"name": "source", "secret": {"secretName": "release-key"}}],
        [{"name": "source", "configMap": {"name": "any"}}],
        [{"name": "source", "projected": {"sources": [{"secret": {"name": "release-key"}}]}}],
        [{"name": "source", "csi": {"driver": "any"}}],
        [{"name": "source", "emptyDir": {}}],
        [{"name": "source", "subPath": "..", **CLAIM}],
        [{"name": "source", "persistentVolumeClaim": {"claimName": "advisories"}, **CLAIM}],
        [{"name": "source", **CLAIM}, {"name": "source", "persistentVolumeClaim": {"claimName": "advisories"}}],
        [
            {
                "name": "source",
                "volumeClaimTemplate": {"metadata": {"name": "advisories"}, **CLAIM["volumeClaimTemplate"]},
            }
        ],
        [],
        None,
        "source",
    ],
)
def test_no_workspace_is_the_teams(estate: Estate, workspaces: object) -> None:
    with pytest.raises(RefusedError) as refused:
        run_of(estate, spec(workspaces=workspaces))
    assert refused.value.code == "run-not-golden"
    assert "workspaces" in str(refused.value)


@pytest.mark.parametrize(
    "field",
    ["taskRunTemplate", "taskRunSpecs", "podTemplate", "serviceAccountName", "pipelineSpec", "status", "volumes"],
)
def test_nor_is_anything_else(estate: Estate, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        run_of(estate, spec(**{field: {}}))
    assert refused.value.code == "run-not-golden"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\n",
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nspec: [1]\n",
        spec(params=None),
        spec(params=7),
        spec(params=True),
        spec(params="git-url"),
        spec(params=[7, None, ["x"]]),
        spec(params=[{"name": ["x"], "value": {}}]),
        spec(pipelineRef=[]),
        spec(timeouts=None),
        spec(timeouts="20m"),
        spec(timeouts=["20m"]),
        spec(timeouts={"pipeline": 20}),
        spec(timeouts={"pipeline": {"$ref": "x"}}),
        spec(timeouts={"forever": "1h"}),
    ],
)
def test_a_malformed_file_is_an_error_with_a_code(estate: Estate, text: str) -> None:
    with pytest.raises(InterlockError) as error:
        run_of(estate, text)
    assert error.value.code.startswith(("run-", "yaml-"))


@pytest.mark.parametrize("metadata", [None, "x", [], {"annotations": None}, {"annotations": ["x"]}])
def test_odd_metadata_is_left_out(estate: Estate, metadata: object) -> None:
    found = {**yaml.load(GOLDEN, file="push.yaml").value, "metadata": metadata}
    assert run_of(estate, yaml.dump(found))["metadata"]["name"] == f"payments-{COMMIT[:12]}"


PARAMS: list[dict[str, Any]] = yaml.load(GOLDEN, file="push.yaml").value["spec"]["params"]


def test_the_order_of_parameters_says_nothing(estate: Estate) -> None:
    assert run_of(estate, spec(params=PARAMS[::-1])) == run_of(estate, GOLDEN)


@pytest.mark.parametrize(
    "params",
    [
        pytest.param(PARAMS[:2], id="one-missing"),
        pytest.param([*PARAMS, PARAMS[0]], id="one-twice"),
        pytest.param([*PARAMS, {"name": "git-url", "value": "https://git/elsewhere/x"}], id="another-value"),
        pytest.param([{"name": "image", "value": "registry.acme.test/other:main-1"}, *PARAMS], id="the-first-wins"),
        pytest.param([*PARAMS, {"name": "sign", "value": "no"}], id="one-more"),
        pytest.param([*PARAMS, 7], id="no-parameter"),
        pytest.param([{**PARAMS[0], "valueFrom": "x"}, *PARAMS[1:]], id="more-of-one"),
        pytest.param([*PARAMS[:2], {"name": "image", "value": "{{ repo_url }}"}], id="another-variable"),
        pytest.param([*PARAMS[:2], {"name": "image", "value": "{{ image }}-x"}], id="suffix"),
        pytest.param([*PARAMS[:2], {"name": "image", "value": ["{{ image }}"]}], id="list"),
    ],
)
def test_parameters_are_what_the_platform_computes(estate: Estate, params: list[Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        run_of(estate, spec(params=params))
    assert refused.value.code == "run-not-golden"
    assert str(refused.value).startswith("payments/.tekton/push.yaml:")


@pytest.mark.parametrize(
    "reference",
    [
        {"name": "other"},
        {"resolver": "git"},
        {"name": "build-ace-flow", "resolver": "git", "params": []},
        {"name": "build-ace-flow", "bundle": "registry.acme.test/x"},
        "build-ace-flow",
        None,
    ],
)
def test_no_other_pipeline_builds(estate: Estate, reference: object) -> None:
    with pytest.raises(RefusedError) as refused:
        run_of(estate, spec(pipelineRef=reference))
    assert refused.value.code == "run-not-golden"


def test_labels_and_annotations_of_the_team_count_for_nothing(estate: Estate) -> None:
    """What the platform and Tekton act on is written by the platform; the rest is the run's history."""
    found = yaml.load(GOLDEN, file="push.yaml").value
    prefix = "pipelinesascode.tekton.dev"
    found["metadata"] = {
        "name": "mine",
        "namespace": "kube-system",
        "labels": {"interlock.dev/service": "refunds"},
        "annotations": {"interlock.dev/record": "forged", f"{prefix}/sha": "2" * 40, f"{prefix}/task": "x"},
        "ownerReferences": [{"kind": "Node"}],
    }
    metadata = run_of(estate, yaml.dump(found))["metadata"]
    assert set(metadata) == {"name", "namespace", "labels", "annotations"}
    assert metadata["labels"]["interlock.dev/service"] == "payments"
    assert metadata["namespace"] == "ci"
    assert metadata["annotations"][f"{prefix}/sha"] == COMMIT
    assert "interlock.dev/record" not in metadata["annotations"]


@pytest.mark.parametrize("name", [None, "build-ace-flow"])
def test_a_shape_without_a_pipeline_is_not_built(estate: Estate, name: str | None) -> None:
    service = estate.service("payments").model_copy(update={"shape": "no-such-shape"})
    text = spec(pipelineRef={"name": name}).encode()
    with pytest.raises(RefusedError) as refused:
        push_file.pipeline_run(estate, service, COMMIT, text)
    assert refused.value.code == "run-not-golden"
