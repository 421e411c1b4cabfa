"""What a sync does in which order."""

from __future__ import annotations

from typing import Any

from interlock.formats.argocd import plan
from interlock.formats.argocd.plan import Task, build, steps
from interlock.formats.argocd.tracking import key_of


def obj(kind: str, name: str = "x", *, api: str = "v1", namespace: str = "ns", **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if annotations:
        keys = {f"argocd.argoproj.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
        metadata["annotations"] = keys
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def names(tasks: list[Task]) -> list[str]:
    return [f"{'-' if task.prune else ''}{task.key.kind}/{task.key.name}" for task in tasks]


def test_kinds_come_in_their_order_then_names() -> None:
    kinds = ["Deployment", "Service", "ConfigMap", "ServiceAccount", "PodDisruptionBudget", "Job"]
    tasks = build(
        [(obj(kind), None) for kind in kinds] + [(obj("ConfigMap", "a"), None), (obj("Widget", api="a/v1"), None)]
    )
    assert names(tasks) == [
        "PodDisruptionBudget/x",
        "ServiceAccount/x",
        "ConfigMap/a",
        "ConfigMap/x",
        "Service/x",
        "Deployment/x",
        "Job/x",
        "Widget/x",
    ]


def test_waves_come_before_kinds() -> None:
    tasks = build(
        [
            (obj("ConfigMap", sync_wave="2"), None),
            (obj("Deployment", sync_wave="-1"), None),
            (obj("Job", sync_wave="no number"), None),
        ]
    )
    assert [[task.key.kind for task in step] for step in steps(tasks)] == [["Deployment"], ["Job"], ["ConfigMap"]]


def test_a_namespace_moves_before_its_first_object_and_into_its_wave() -> None:
    tasks = build(
        [
            (obj("Namespace", "ns", namespace="", sync_wave="5"), None),
            (obj("ConfigMap", "other", namespace="else"), None),
            (obj("ConfigMap", "inside", sync_wave="1"), None),
        ]
    )
    assert names(tasks) == ["ConfigMap/other", "Namespace/ns", "ConfigMap/inside"]
    assert [task.wave for task in tasks] == [0, 1, 1]


def test_a_definition_moves_before_the_first_object_of_its_kind() -> None:
    crd = obj(
        "CustomResourceDefinition", "widgets.acme.test", api="apiextensions.k8s.io/v1", namespace="", sync_wave="3"
    )
    crd["spec"] = {"group": "acme.test", "names": {"kind": "Widget"}}
    tasks = build([(crd, None), (obj("Widget", api="acme.test/v1"), None), (obj("ConfigMap"), None)])
    assert names(tasks) == ["ConfigMap/x", "CustomResourceDefinition/widgets.acme.test", "Widget/x"]
    assert len(steps(tasks)) == 1


def test_prunes_run_in_mirrored_waves() -> None:
    tasks = build([(None, obj("ConfigMap", f"w{wave}", sync_wave=str(wave))) for wave in (0, 1, 2)])
    assert [(task.key.name, task.wave) for task in tasks] == [("w2", 0), ("w1", 1), ("w0", 2)]


def test_prune_last_runs_after_every_wave() -> None:
    pairs = [(obj("ConfigMap", "new", sync_wave="4"), None), (None, obj("ConfigMap", "old"))]
    assert names(build(pairs)) == ["-ConfigMap/old", "ConfigMap/new"]
    assert names(build(pairs, prune_last=True)) == ["ConfigMap/new", "-ConfigMap/old"]
    one = [(obj("ConfigMap", "new"), None), (None, obj("ConfigMap", "old", sync_options="PruneLast=true,Prune=true"))]
    assert [[task.key.name for task in step] for step in steps(build(one))] == [["new"], ["old"]]


def test_the_created_namespace_comes_in_its_own_phase() -> None:
    namespace = obj("Namespace", "ns", namespace="")
    task = Task(key_of(namespace), namespace, None, phase="PreSync", untracked=True)
    tasks = build([(obj("ConfigMap", sync_wave="-5"), None)], namespace_task=task)
    assert [[task.phase for task in step] for step in steps(tasks)] == [["PreSync"], ["Sync"]]


def test_hooks_and_skipped_objects_make_no_task() -> None:
    pairs = [
        (obj("Job", "hook", hook="PreSync"), None),
        (obj("Job", "skipped", hook="Skip"), None),
        (obj("ConfigMap"), None),
    ]
    assert names(build(pairs)) == ["ConfigMap/x"]
    helm = obj("Job")
    helm["metadata"]["annotations"] = {"helm.sh/hook": "pre-install, test"}
    assert plan.hooks(helm) == ["helm:pre-install", "helm:test"]
    assert plan.is_hook(helm)
    assert not plan.is_hook(pairs[1][0])
