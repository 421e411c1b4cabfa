"""How a Deployment moves from its old ReplicaSets to the new one (pkg/controller/deployment), as pure decisions."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from interlock.local.kubernetes.cluster import Object
from interlock.local.kubernetes.workloads import MESSAGE, REASON

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object) -> str:
    """Ten characters that name a pod template; the order of its fields does not matter."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def without_hash(template: Object) -> Object:
    """A template as the Deployment has it."""
    metadata = template.get("metadata") or {}
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def find_new(deployment: Object, sets: list[Object]) -> Object | None:
    """The set that has the Deployment's template; the oldest where there are several."""
    wanted = without_hash(deployment["spec"]["template"])
    same = [item for item in sets if without_hash(item["spec"]["template"]) == wanted]
    return min(same, key=lambda item: item["metadata"]["creationTimestamp"], default=None)


def revision(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _share(value: Any, total: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        part = total * int(value[:-1]) / 100
        return math.ceil(part) if up else math.floor(part)
    return int(value or 0)


def bounds(deployment: Object) -> tuple[int, int]:
    """``(maxSurge, maxUnavailable)`` in pods; both zero would never move, so one may then be unavailable."""
    spec = deployment["spec"]
    if spec["strategy"]["type"] == "Recreate":
        return 0, 0
    rolling = spec["strategy"].get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge"), spec["replicas"], up=True)
    unavailable = _share(rolling.get("maxUnavailable"), spec["replicas"], up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _replicas(item: Object) -> int:
    return int(item["spec"].get("replicas", 1))


def _count(item: Object, name: str) -> int:
    return int((item.get("status") or {}).get(name, 0))


@dataclass(frozen=True)
class Plan:
    """What to do next. ``scale`` maps set names to replicas; ``create`` is the replicas of a new set, if one is due."""

    create: int | None = None
    scale: dict[str, int] = field(default_factory=dict)
    delete: tuple[str, ...] = ()


def plan(deployment: Object, new: Object | None, old: list[Object]) -> Plan:
    """The next step of a rollout; an empty plan when there is nothing to do (now)."""
    if deployment["spec"].get("paused"):
        return _proportional(deployment, new, old)
    if deployment["spec"]["strategy"]["type"] == "Recreate":
        running = {item["metadata"]["name"]: 0 for item in old if _replicas(item)}
        if running or any(_count(item, "replicas") for item in old):
            return Plan(scale=running)
        return _set_new(new, deployment["spec"]["replicas"])
    wanted = deployment["spec"]["replicas"]
    surge, unavailable = bounds(deployment)
    total = sum(map(_replicas, old)) + (_replicas(new) if new else 0)
    present = _replicas(new) if new else 0
    if present > wanted or new is None or present < wanted:
        target = wanted if present > wanted else present + max(0, min(wanted + surge - total, wanted - present))
        if new is None or target != present:
            return _set_new(new, target)
    scale = _scale_down(old, new, total, wanted - unavailable)
    return Plan(scale=scale) if scale else Plan(delete=_outdated(deployment, new, old))


def _set_new(new: Object | None, replicas: int) -> Plan:
    if new is None:
        return Plan(create=replicas)
    return Plan(scale={new["metadata"]["name"]: replicas} if _replicas(new) != replicas else {})


def _proportional(deployment: Object, new: Object | None, old: list[Object]) -> Plan:
    """Paused: a change of replicas goes to the one active set, a rollout does not go on."""
    active = [item for item in (*old, *([new] if new else [])) if _replicas(item)]
    if len(active) == 1 and _replicas(active[0]) != deployment["spec"]["replicas"]:
        return Plan(scale={active[0]["metadata"]["name"]: deployment["spec"]["replicas"]})
    return Plan()


def _scale_down(old: list[Object], new: Object | None, total: int, least: int) -> dict[str, int]:
    """Old sets shrink: first pods that are not available, then as far as enough pods stay available."""
    new_unavailable = _replicas(new) - _count(new, "availableReplicas") if new else 0
    may_go = total - least - new_unavailable
    sizes = {item["metadata"]["name"]: _replicas(item) for item in old}
    by_age = sorted(old, key=lambda item: item["metadata"]["creationTimestamp"])
    for item in by_age:
        name = item["metadata"]["name"]
        gone = min(max(0, may_go), max(0, sizes[name] - _count(item, "availableReplicas")))
        sizes[name] -= gone
        may_go -= gone
    available = sum(_count(item, "availableReplicas") for item in (*old, *([new] if new else [])))
    may_go = available - least
    for item in by_age:
        name = item["metadata"]["name"]
        gone = min(max(0, may_go), sizes[name])
        sizes[name] -= gone
        may_go -= gone
    return {
        item["metadata"]["name"]: sizes[item["metadata"]["name"]]
        for item in old
        if sizes[item["metadata"]["name"]] != _replicas(item)
    }


def _outdated(deployment: Object, new: Object | None, old: list[Object]) -> tuple[str, ...]:
    """Empty old sets beyond revisionHistoryLimit, once the rollout is complete."""
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    if new is None or any(_replicas(item) or _count(item, "replicas") for item in old) or len(old) <= limit:
        return ()
    by_revision = sorted(old, key=revision)
    return tuple(item["metadata"]["name"] for item in by_revision[: len(old) - limit])


def status(deployment: Object, new: Object | None, old: list[Object], now: datetime) -> tuple[Object, float | None]:
    """The Deployment's status, and after how many seconds its progress deadline is to be looked at."""
    everything = [*old, *([new] if new else [])]
    wanted = deployment["spec"]["replicas"]
    total = sum(_count(item, "replicas") for item in everything)
    available = sum(_count(item, "availableReplicas") for item in everything)
    counts = {
        "replicas": total,
        "updatedReplicas": _count(new, "replicas") if new else 0,
        "readyReplicas": sum(_count(item, "readyReplicas") for item in everything),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(_replicas, everything)) - available),
    }
    result: Object = {"observedGeneration": deployment["metadata"].get("generation", 1)}
    result |= {name: value for name, value in counts.items() if value}
    conditions = _Conditions(deployment, now)
    # Upstream calls a Deployment available with no pod at all when maxUnavailable admits it; here one is needed.
    least = max(wanted - bounds(deployment)[1], min(wanted, 1))
    if available >= least:
        conditions.set("Available", "True", REASON, MESSAGE)
    else:
        conditions.set(
            "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
        )
    later = _progress(deployment, new, counts, conditions, now)
    result["conditions"] = conditions.rows()
    return result, later


def _progress(
    deployment: Object, new: Object | None, counts: dict[str, int], conditions: _Conditions, now: datetime
) -> float | None:
    spec, before = deployment["spec"], deployment.get("status") or {}
    name = new["metadata"]["name"] if new else ""
    if spec.get("paused"):
        conditions.set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        return None
    complete = all(counts[field] == spec["replicas"] for field in ("updatedReplicas", "replicas", "availableReplicas"))
    if complete and new is not None:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        conditions.set("Progressing", "True", "NewReplicaSetAvailable", text)
        return None
    moved = (
        before.get("observedGeneration") != deployment["metadata"].get("generation", 1)
        or counts["updatedReplicas"] > before.get("updatedReplicas", 0)
        or counts["readyReplicas"] > before.get("readyReplicas", 0)
        or counts["availableReplicas"] > before.get("availableReplicas", 0)
        or counts["replicas"] - counts["updatedReplicas"] < before.get("replicas", 0) - before.get("updatedReplicas", 0)
    )
    deadline = timedelta(seconds=spec.get("progressDeadlineSeconds", 600))
    last = conditions.updated("Progressing")
    if not moved and last is not None and now >= last + deadline:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        conditions.set("Progressing", "False", "ProgressDeadlineExceeded", text)
        return None
    text = f'ReplicaSet "{name}" is progressing.' if new else "Waiting for the old pods to end."
    conditions.set("Progressing", "True", "ReplicaSetUpdated", text, touch=moved)
    since = now if moved or last is None else last
    return max(0.05, (since + deadline - now).total_seconds())


class _Conditions:
    """The conditions of a status: a transition is dated when the value changes, an update when anything does."""

    def __init__(self, deployment: Object, now: datetime) -> None:
        rows = (deployment.get("status") or {}).get("conditions") or []
        self._rows: dict[str, Object] = {row["type"]: row for row in rows}
        self._now = now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def set(self, name: str, value: str, reason: str, message: str, *, touch: bool = False) -> None:
        old = self._rows.get(name, {})
        same = (old.get("status"), old.get("reason"), old.get("message")) == (value, reason, message)
        self._rows[name] = {
            "type": name,
            "status": value,
            "reason": reason,
            "message": message,
            "lastUpdateTime": old["lastUpdateTime"] if same and not touch else self._now,
            "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == value else self._now,
        }

    def updated(self, name: str) -> datetime | None:
        text = self._rows.get(name, {}).get("lastUpdateTime")
        return datetime.fromisoformat(text) if text else None

    def rows(self) -> list[Object]:
        return [self._rows[name] for name in sorted(self._rows)]
