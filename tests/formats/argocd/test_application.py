"""The Application's spec, its sources, its tracking ids, its health."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.formats.argocd import application, health, sources, tracking
from interlock.formats.argocd.application import Source
from interlock.formats.kubernetes.health import Health

SEED = Path(__file__).parents[4] / "shared" / "seed" / "application-payments-prod.yaml"
DESTINATION = {"server": "https://prod-cluster", "namespace": "payments"}


def parsed(**spec: Any) -> application.Spec:
    return application.parse({"spec": {"project": "prod", "destination": DESTINATION, **spec}})


@pytest.mark.skipif(not SEED.is_file(), reason=f"the seed is not here: {SEED}")
def test_the_seed_application_is_wholly_handled() -> None:
    spec = application.parse(yaml.load(SEED.read_bytes(), file=str(SEED)).value)
    assert list(application.unsupported(spec)) == []
    assert spec.source is not None
    assert spec.source.helm is not None
    assert spec.source.helm.value_files == ("values.prod.yaml",)
    assert spec.sync_policy.automatic is not None
    assert (spec.sync_policy.automatic.self_heal, spec.sync_policy.automatic.prune) == (True, False)
    assert spec.sync_policy.retry is not None
    assert spec.sync_policy.retry.limit == 3
    assert spec.revision_history_limit == 10


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"destination": {"servr": "x"}}, "spec.destination.servr"),
        ({"source": {"path": "x"}}, "spec.source.repoURL"),
        ({"syncPolicy": {"automated": {"prune": "perhaps"}}}, "spec.syncPolicy.automated.prune"),
        ({"revisionHistoryLimit": -1}, "spec.revisionHistoryLimit"),
    ],
)
def test_what_is_no_application_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(**spec)
    assert caught.value.message.startswith(field)
    with pytest.raises(InputError):
        application.parse({})


@pytest.mark.parametrize(
    ("spec", "construct"),
    [
        ({"sources": [{}]}, "spec.sources"),
        ({"sourceHydrator": {"drySource": {}}}, "spec.sourceHydrator"),
        ({"source": {"repoURL": "x", "chart": "redis"}}, "spec.source.chart"),
        ({"source": {"repoURL": "x", "plugin": {"name": "p"}}}, "spec.source.plugin"),
        ({"source": {"repoURL": "x", "helm": {"kubeVersion": "1.30"}}}, "spec.source.helm.kubeVersion"),
        ({"source": {"repoURL": "x", "helm": {"fileParameters": [{}]}}}, "spec.source.helm.fileParameters"),
        ({"source": {"repoURL": "x", "directory": {"jsonnet": {"libs": []}}}}, "spec.source.directory.jsonnet"),
        (
            {"ignoreDifferences": [{"kind": "Deployment", "jqPathExpressions": ["."]}]},
            "spec.ignoreDifferences[0].jqPathExpressions",
        ),
        ({"syncPolicy": {"syncOptions": ["Replace=true"]}}, "sync option Replace=true"),
        ({"syncPolicy": {"syncOptions": ["Prune=confirm"]}}, "sync option Prune=confirm"),
        ({"syncPolicy": {"syncOptions": ["CreateNamespace=maybe"]}}, "sync option CreateNamespace=maybe"),
    ],
)
def test_what_is_known_and_not_handled_is_named(spec: dict[str, Any], construct: str) -> None:
    assert list(application.unsupported(parsed(**spec))) == [construct]


def test_automation_can_be_switched_off() -> None:
    assert parsed().sync_policy.automatic is None
    assert parsed(syncPolicy={"automated": {}}).sync_policy.automatic is not None
    assert parsed(syncPolicy={"automated": {"enabled": False}}).sync_policy.automatic is None


@pytest.mark.parametrize(
    ("finalizers", "expected"),
    [
        ([], None),
        (["other"], None),
        (["resources-finalizer.argocd.argoproj.io"], "Foreground"),
        (["resources-finalizer.argocd.argoproj.io/foreground"], "Foreground"),
        (["resources-finalizer.argocd.argoproj.io/background"], "Background"),
    ],
)
def test_the_finalizer_says_how_resources_go(finalizers: list[str], expected: str | None) -> None:
    assert application.cascade(finalizers) == expected
    assert application.without_cascade(["other", *finalizers]) == ["other"] + (
        ["other"] if "other" in finalizers else []
    )


def test_the_last_option_of_a_name_counts() -> None:
    assert application.option_value(["Prune=true", "Prune=false"], "Prune") == "false"
    assert application.option_value([], "Prune") is None


@pytest.mark.parametrize(
    ("source", "names", "expected"),
    [
        ({}, ["Chart.yaml", "kustomization.yaml"], "Helm"),
        ({}, ["kustomization.yml", "a.yaml"], "Kustomize"),
        ({}, ["a.yaml"], "Directory"),
        ({"directory": {"recurse": True}}, ["Chart.yaml"], "Directory"),
        ({"helm": {}}, ["a.yaml"], "Helm"),
    ],
)
def test_which_tool_a_source_needs(source: dict[str, Any], names: list[str], expected: str) -> None:
    assert sources.detect(Source.model_validate({"repoURL": "x", **source}), names) == expected


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ({}, ["a.yaml", "b.yml", "c.json"]),
        ({"recurse": True}, ["a.yaml", "b.yml", "c.json", "sub/d.yaml"]),
        ({"recurse": True, "include": "{a,sub/*}.yaml"}, ["a.yaml", "sub/d.yaml"]),
        ({"exclude": "*.json", "include": "*"}, ["a.yaml", "b.yml"]),
    ],
)
def test_which_files_of_a_directory_count(directory: dict[str, Any], expected: list[str]) -> None:
    source = Source.model_validate({"repoURL": "x", "directory": directory})
    assert sources.manifests(source, ["sub/d.yaml", "readme.md", "c.json", "b.yml", "a.yaml"]) == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("", ""), (".", ""), ("apps/payments/", "apps/payments"), ("a/./b", "a/b")]
)
def test_paths(path: str, expected: str) -> None:
    assert sources.folder(Source.model_validate({"repoURL": "x", "path": path})) == expected


@pytest.mark.parametrize("path", ["..", "a/../../b", "/etc"])
def test_a_path_outside_of_the_repository_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        sources.folder(Source.model_validate({"repoURL": "x", "path": path}))


def obj(kind: str = "ConfigMap", api: str = "v1", namespace: str = "payments", name: str = "x") -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace} if namespace else {"name": name},
    }


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (obj("Deployment", "apps/v1"), "app:apps/Deployment:payments/x"),
        (obj(), "app:/ConfigMap:payments/x"),
        (obj("Namespace", namespace=""), "app:/Namespace:dest/x"),
        (
            obj("ClusterRole", "rbac.authorization.k8s.io/v1", "", "system:x"),
            "app:rbac.authorization.k8s.io/ClusterRole:dest/system:x",
        ),
    ],
)
def test_tracking_ids(target: dict[str, Any], expected: str) -> None:
    made = tracking.tracked(target, "app", "dest")
    assert made["metadata"]["annotations"][tracking.ANNOTATION] == expected
    assert str(tracking.of(made)) == expected
    assert tracking.owner(made) == "app"
    assert "annotations" not in target["metadata"]


def test_a_copied_annotation_claims_nothing() -> None:
    made = tracking.tracked(obj(), "app", "dest")
    copied = {**made, "metadata": {**made["metadata"], "name": "copy"}}
    assert tracking.owner(copied) is None
    moved = {**made, "metadata": {**made["metadata"], "namespace": "else"}}
    assert tracking.owner(moved) is None


@pytest.mark.parametrize("text", ["", "app", "app:kind", "app:a/b/c:n/x", "app:g/K:x"])
def test_what_is_no_tracking_id(text: str) -> None:
    assert tracking.parse(text) is None


def deployment(name: str, available: int) -> dict[str, Any]:
    made = obj("Deployment", "apps/v1", name=name)
    made["spec"] = {"replicas": 1}
    made["status"] = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": available}
    return made


def test_an_application_is_as_healthy_as_its_worst_resource() -> None:
    good, bad = deployment("good", 1), deployment("bad", 0)
    assert health.of_application([(good, good), (obj(), obj())]) == Health("Healthy")
    found = health.of_application([(good, good), (bad, bad)])
    assert found == Health("Progressing", "Caused by apps/Deployment:payments/bad")


def test_missing_resources_count_only_when_nothing_is_live() -> None:
    good = deployment("good", 1)
    assert health.of_application([(good, None), (obj(), None)]).status == "Missing"
    assert health.of_application([(good, None), (obj(), obj())]).status == "Healthy"
    assert health.of_application([]).status == "Healthy"


def test_a_resource_can_be_left_out_of_the_health() -> None:
    bad = deployment("bad", 0)
    bad["metadata"]["annotations"] = {health.IGNORE: "true"}
    assert health.of_application([(bad, bad)]).status == "Healthy"


def test_many_causes_are_summed_up() -> None:
    pairs = [(item, item) for item in (deployment(f"d{number}", 0) for number in range(5))]
    assert health.of_application(pairs).message.endswith("payments/d2 and 2 more")
