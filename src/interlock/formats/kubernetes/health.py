"""Health of a live object as Argo CD assesses it.

Rules: argo-cd gitops-engine/pkg/health (health.go and one file a kind). Kinds that upstream covers with Lua scripts
(resource_customizations) are not assessed here and count as not having a health.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]

ORDER: tuple[Status, ...] = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")
"""From best to worst (health.go healthOrder)."""

HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"
_IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"


@dataclass(frozen=True, slots=True)
class Health:
    status: Status
    message: str = ""


Object = Mapping[str, Any]


def worse(current: Status, other: Status) -> bool:
    """Whether ``other`` is worse than ``current``."""
    return ORDER.index(other) > ORDER.index(current)


def assess(obj: Object) -> Health | None:
    """The health of ``obj``; None for a kind without a health check. A malformed object is ``Unknown``."""
    metadata = obj.get("metadata") or {}
    if metadata.get("deletionTimestamp") and HOOK_FINALIZER not in (metadata.get("finalizers") or []):
        return Health("Progressing", "Pending deletion")
    api_version = str(obj.get("apiVersion", ""))
    group, _, version = api_version.rpartition("/")
    found = _CHECKS.get((group, str(obj.get("kind", ""))))
    if found is None:
        return None
    versions, check = found
    if versions and version not in versions:
        return Health("Unknown", f"unsupported {obj.get('kind')} GVK: {api_version}, Kind={obj.get('kind')}")
    try:
        return check(obj)
    except (TypeError, ValueError, AttributeError) as error:
        return Health("Unknown", f"failed to convert unstructured {obj.get('kind')} to typed: {error}")


def _spec(obj: Object) -> dict[str, Any]:
    return obj.get("spec") or {}


def _status(obj: Object) -> dict[str, Any]:
    return obj.get("status") or {}


def _count(status: Mapping[str, Any], name: str) -> int:
    return int(status.get(name) or 0)


def _generation(obj: Object) -> int:
    return int((obj.get("metadata") or {}).get("generation") or 0)


def _conditions(obj: Object) -> list[dict[str, Any]]:
    return _status(obj).get("conditions") or []


def _deployment(obj: Object) -> Health:
    spec, status = _spec(obj), _status(obj)
    if spec.get("paused"):
        return Health("Suspended", "Deployment is paused")
    if _generation(obj) > _count(status, "observedGeneration"):
        return Health(
            "Progressing", "Waiting for rollout to finish: observed deployment generation less than desired generation"
        )
    wanted, updated = spec.get("replicas"), _count(status, "updatedReplicas")
    total, available = _count(status, "replicas"), _count(status, "availableReplicas")
    progressing = next((item for item in _conditions(obj) if item.get("type") == "Progressing"), {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health("Degraded", f'Deployment "{obj["metadata"]["name"]}" exceeded its progress deadline')
    waiting = "Waiting for rollout to finish: "
    if wanted is not None and updated < wanted:
        return Health("Progressing", f"{waiting}{updated} out of {wanted} new replicas have been updated...")
    if total > updated:
        return Health("Progressing", f"{waiting}{total - updated} old replicas are pending termination...")
    if available < updated:
        return Health("Progressing", f"{waiting}{available} of {updated} updated replicas are available...")
    return Health("Healthy")


def _replica_set(obj: Object) -> Health:
    status, wanted = _status(obj), _spec(obj).get("replicas")
    waiting = "Waiting for rollout to finish: "
    if _generation(obj) > _count(status, "observedGeneration"):
        return Health("Progressing", f"{waiting}observed replica set generation less than desired generation")
    failure = next((item for item in _conditions(obj) if item.get("type") == "ReplicaFailure"), {})
    if failure.get("status") == "True":
        return Health("Degraded", str(failure.get("message", "")))
    available = _count(status, "availableReplicas")
    if wanted is not None and available < wanted:
        return Health("Progressing", f"{waiting}{available} out of {wanted} new replicas are available...")
    return Health("Healthy")


def _stateful_set(obj: Object) -> Health:
    spec, status = _spec(obj), _status(obj)
    observed = _count(status, "observedGeneration")
    if observed == 0 or _generation(obj) > observed:
        return Health("Progressing", "Waiting for statefulset spec update to be observed...")
    wanted, ready, updated = spec.get("replicas"), _count(status, "readyReplicas"), _count(status, "updatedReplicas")
    if wanted is not None and ready < wanted:
        return Health("Progressing", f"Waiting for {wanted - ready} pods to be ready...")
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate" and rolling is not None:
        partition = rolling.get("partition")
        if wanted is not None and partition is not None and updated < wanted - partition:
            return Health(
                "Progressing",
                "Waiting for partitioned roll out to finish: "
                f"{updated} out of {wanted - partition} new pods have been updated...",
            )
        return Health("Healthy", f"partitioned roll out complete: {updated} new pods have been updated...")
    if strategy.get("type") == "OnDelete":
        return Health("Healthy", f"statefulset has {ready} ready pods")
    revision, current = status.get("updateRevision", ""), status.get("currentRevision", "")
    if revision != current:
        message = f"waiting for statefulset rolling update to complete {updated} pods at revision {revision}..."
        return Health("Progressing", message)
    replicas = _count(status, "currentReplicas")
    return Health("Healthy", f"statefulset rolling update complete {replicas} pods at revision {current}...")


def _daemon_set(obj: Object) -> Health:
    status = _status(obj)
    waiting = "Waiting for rollout to finish: "
    if _generation(obj) > _count(status, "observedGeneration"):
        return Health("Progressing", f"{waiting}observed daemon set generation less than desired generation")
    updated, wanted = _count(status, "updatedNumberScheduled"), _count(status, "desiredNumberScheduled")
    if (_spec(obj).get("updateStrategy") or {}).get("type") == "OnDelete":
        return Health("Healthy", f"daemon set {updated} out of {wanted} new pods have been updated")
    if updated < wanted:
        name = obj["metadata"]["name"]
        message = f'Waiting for daemon set "{name}" rollout to finish: '
        return Health("Progressing", f"{message}{updated} out of {wanted} new pods have been updated...")
    available = _count(status, "numberAvailable")
    if available < wanted:
        return Health("Progressing", f"{waiting}{available} of {wanted} updated pods are available...")
    return Health("Healthy")


def _pod(obj: Object) -> Health:
    metadata, status = obj.get("metadata") or {}, _status(obj)
    annotations = metadata.get("annotations") or {}
    message = str(status.get("message") or "")
    policy = _spec(obj).get("restartPolicy")
    ignored = annotations.get(_IGNORE_RESTART_POLICY) == "true"
    is_hook = "argocd.argoproj.io/hook" in annotations or "helm.sh/hook" in annotations
    long_running = policy == "Always" or (ignored and not is_hook)
    containers = status.get("containerStatuses") or []
    if long_running:
        waiting = [(item.get("state") or {}).get("waiting") or {} for item in containers]
        broken = [item for item in waiting if _is_error(str(item.get("reason") or ""))]
        if broken:
            return Health("Degraded", ", ".join(str(item.get("message") or "") for item in broken))
    match status.get("phase"):
        case "Pending":
            return Health("Progressing", message)
        case "Succeeded":
            return Health("Healthy", message)
        case "Failed":
            ended = [*(status.get("initContainerStatuses") or []), *containers]
            return Health("Degraded", message or next(filter(None, map(_failure, ended)), ""))
        case "Running" if long_running:
            if any(item.get("type") == "Ready" and item.get("status") == "True" for item in _conditions(obj)):
                return Health("Healthy", message)
            restarted = any((item.get("lastState") or {}).get("terminated") for item in containers)
            return Health("Degraded" if restarted else "Progressing", message)
        case "Running" if policy in ("OnFailure", "Never"):
            # Such pods have a finite life: they are typically hooks.
            return Health("Progressing", message)
    return Health("Unknown", message)


def _is_error(reason: str) -> bool:
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _failure(container: Mapping[str, Any]) -> str:
    ended = (container.get("state") or {}).get("terminated") or {}
    if ended.get("message"):
        return str(ended["message"])
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled"
    if ended.get("exitCode"):
        return f'container "{container.get("name")}" failed with exit code {ended["exitCode"]}'
    return ""


def _job(obj: Object) -> Health:
    by_type = {item.get("type"): item for item in _conditions(obj)}
    if "Failed" in by_type:
        return Health("Degraded", str(by_type["Failed"].get("message", "")))
    ended = [item for item in _conditions(obj) if item.get("type") in ("Complete", "Suspended")]
    if not ended:
        return Health("Progressing")
    suspended = by_type.get("Suspended", {}).get("status") == "True"
    return Health("Suspended" if suspended else "Healthy", str(ended[-1].get("message", "")))


def _claim(obj: Object) -> Health:
    phases: dict[str, Status] = {"Lost": "Degraded", "Pending": "Progressing", "Bound": "Healthy"}
    return Health(phases.get(_status(obj).get("phase", ""), "Unknown"))


def _has_address(obj: Object) -> bool:
    return bool((_status(obj).get("loadBalancer") or {}).get("ingress"))


def _service(obj: Object) -> Health:
    waits = _spec(obj).get("type") == "LoadBalancer" and not _has_address(obj)
    return Health("Progressing" if waits else "Healthy")


def _ingress(obj: Object) -> Health:
    return Health("Healthy" if _has_address(obj) else "Progressing")


_DEGRADED_SCALING = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "FailedComputeMetricsReplicas"),
    ("ScalingActive", "InvalidSelector"),
}


def _autoscaler(obj: Object) -> Health:
    conditions = _conditions(obj)
    if obj.get("apiVersion") == "autoscaling/v1":
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        conditions = json.loads(annotations.get("autoscaling.alpha.kubernetes.io/conditions", "[]"))
    for item in conditions:
        if (item.get("type"), item.get("reason")) in _DEGRADED_SCALING:
            return Health("Degraded", str(item.get("message", "")))
    for item in conditions:
        if item.get("type") in ("AbleToScale", "ScalingLimited") and item.get("status") == "True":
            return Health("Healthy", str(item.get("message", "")))
    return Health("Progressing", "Waiting to Autoscale")


def _api_service(obj: Object) -> Health:
    for item in _conditions(obj):
        if item.get("type") == "Available":
            message = f"{item.get('reason', '')}: {item.get('message', '')}"
            return Health("Healthy" if item.get("status") == "True" else "Progressing", message)
    return Health("Progressing", "Waiting to be processed")


_CHECKS: dict[tuple[str, str], tuple[tuple[str, ...], Callable[[Object], Health]]] = {
    ("apps", "Deployment"): (("v1",), _deployment),
    ("apps", "ReplicaSet"): (("v1",), _replica_set),
    ("apps", "StatefulSet"): (("v1",), _stateful_set),
    ("apps", "DaemonSet"): (("v1",), _daemon_set),
    ("", "Pod"): (("v1",), _pod),
    ("batch", "Job"): (("v1",), _job),
    ("", "PersistentVolumeClaim"): (("v1",), _claim),
    ("", "Service"): (("v1",), _service),
    ("networking.k8s.io", "Ingress"): ((), _ingress),
    ("extensions", "Ingress"): ((), _ingress),
    ("autoscaling", "HorizontalPodAutoscaler"): (("v1", "v2"), _autoscaler),
    ("apiregistration.k8s.io", "APIService"): (("v1", "v1beta1"), _api_service),
}
"""(group, kind) -> versions that the check knows (none: all) and the check."""
