"""What a sync does, in which order (argo-cd gitops-engine/pkg/sync: sync_tasks.go, sync_context.go getSyncTasks).

Order: phase, wave, kind, name; then Namespaces and CRDs move before their first user. Prunes run in mirrored waves, or
last of all with PruneLast; within one wave prunes come before applies. Hooks are recognised and not run: see `hooks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from interlock.formats.argocd.tracking import Key, key_of
from interlock.formats.kubernetes.comparison import group_of

Object = dict[str, Any]
Phase = Literal["PreSync", "Sync", "PostSync"]

WAVE = "argocd.argoproj.io/sync-wave"
OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
HOOK = "argocd.argoproj.io/hook"
_HELM_HOOK = "helm.sh/hook"
_PHASES: dict[Phase, int] = {"PreSync": -1, "Sync": 0, "PostSync": 1}
_KINDS = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_KIND_ORDER = {kind: index - len(_KINDS) for index, kind in enumerate(_KINDS)}


@dataclass(frozen=True, slots=True)
class Task:
    """One object to apply (``target``) or to prune (``target`` None, ``live`` given)."""

    key: Key
    target: Object | None
    live: Object | None
    phase: Phase = "Sync"
    wave: int = 0
    untracked: bool = False
    """The namespace of CreateNamespace=true: created, never tracked."""

    @property
    def prune(self) -> bool:
        return self.target is None

    @property
    def object(self) -> Object:
        found = self.target if self.target is not None else self.live
        assert found is not None  # noqa: S101 - one of both is always there
        return found


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("annotations") or {}


def options(obj: Mapping[str, Any] | None, name: str = OPTIONS) -> list[str]:
    """The entries of an options annotation."""
    text = annotations_of(obj).get(name, "") if obj is not None else ""
    return [item.strip() for item in str(text).split(",") if item.strip()]


def wave_of(obj: Mapping[str, Any]) -> int:
    """The annotated wave; what is no number counts as 0 (syncwaves/waves.go)."""
    text = str(annotations_of(obj).get(WAVE, ""))
    try:
        return int(text)
    except ValueError:
        return 0


def hooks(obj: Mapping[str, Any]) -> list[str]:
    """The hook types of an object; ``Skip`` among them means that it is never applied."""
    own = [item.strip() for item in str(annotations_of(obj).get(HOOK, "")).split(",") if item.strip()]
    helm = str(annotations_of(obj).get(_HELM_HOOK, ""))
    # Tests and rollback hooks of Helm are never run by Argo CD; they are still no ordinary resources.
    return own or [f"helm:{item.strip()}" for item in helm.split(",") if item.strip()]


def skipped(obj: Mapping[str, Any]) -> bool:
    return "Skip" in hooks(obj)


def is_hook(obj: Mapping[str, Any]) -> bool:
    return bool(hooks(obj)) and not skipped(obj)


def build(
    pairs: Iterable[tuple[Object | None, Object | None]],
    *,
    namespace_task: Task | None = None,
    prune_last: bool = False,
) -> list[Task]:
    """The tasks of (target, live) pairs, sorted. Hooks and skipped objects make none."""
    tasks = [namespace_task] if namespace_task is not None else []
    for target, live in pairs:
        obj = target if target is not None else live
        if obj is not None and not hooks(obj):
            tasks.append(Task(key_of(obj), target, live, wave=wave_of(obj)))
    tasks = _mirrored(tasks)
    last = 1 + max([0, *(task.wave for task in tasks if task.phase == "Sync")])
    tasks = [
        replace(task, wave=last) if task.prune and (prune_last or "PruneLast=true" in options(task.live)) else task
        for task in tasks
    ]
    tasks.sort(key=_order)
    _pull_forward(tasks, _namespace, lambda obj: (obj.get("metadata") or {}).get("namespace"))
    _pull_forward(tasks, _definition, lambda obj: f"{group_of(obj)}/{obj.get('kind')}")
    return tasks


def steps(tasks: Sequence[Task]) -> list[list[Task]]:
    """The tasks by phase and wave: what runs before the next group may begin."""
    groups: list[list[Task]] = []
    for task in tasks:
        if groups and (groups[-1][0].phase, groups[-1][0].wave) == (task.phase, task.wave):
            groups[-1].append(task)
        else:
            groups.append([task])
    return groups


def _order(task: Task) -> tuple[int, int, int, str]:
    return _PHASES[task.phase], task.wave, _KIND_ORDER.get(task.key.kind, 0), task.key.name


def _mirrored(tasks: list[Task]) -> list[Task]:
    """The highest wave is pruned first: waves of prune tasks swap symmetrically."""
    waves = sorted({task.wave for task in tasks if task.prune})
    swapped = dict(zip(waves, reversed(waves), strict=True))
    return [replace(task, wave=swapped[task.wave]) if task.prune else task for task in tasks]


def _namespace(obj: Object) -> str | None:
    return str(obj["metadata"]["name"]) if obj.get("kind") == "Namespace" and not group_of(obj) else None


def _definition(obj: Object) -> str | None:
    if obj.get("kind") != "CustomResourceDefinition" or group_of(obj) != "apiextensions.k8s.io":
        return None
    spec = obj.get("spec") or {}
    return f"{spec.get('group')}/{(spec.get('names') or {}).get('kind')}"


def _pull_forward(
    tasks: list[Task], provides: Callable[[Object], str | None], needs: Callable[[Object], str | None]
) -> None:
    """Move what others depend on before its first user, into that one's phase and wave (adjustDeps)."""
    first: dict[str, int] = {}
    for index, task in enumerate(tasks):
        if task.target is None:
            continue
        provided = provides(task.target)
        if provided is not None:
            if provided in first:
                at = first[provided]
                tasks.insert(at, replace(tasks.pop(index), phase=tasks[at].phase, wave=tasks[at].wave))
                first = {name: where + 1 if where >= at else where for name, where in first.items()}
        elif (needed := needs(task.target)) and needed not in first:
            first[needed] = index
