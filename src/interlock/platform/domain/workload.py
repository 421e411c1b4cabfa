"""What a service runs: workloads of known kinds, the images that any object names, and whether a container runs.

A kind of workload is one entry of ``KINDS``; a kind that names images outside a pod spec is one entry of ``NAMED``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.platform.domain.verdict import Verdict

Object = Mapping[str, Any]
Path = tuple[str | int, ...]

SIMULATED_REASON = "SimulatedNoContainerRuns"
SIMULATED_ANNOTATION = "interlock.dev/simulated"
_TEMPLATE = ("spec", "template")


@dataclass(frozen=True, slots=True)
class Workload:
    """One container that a service runs, in the namespace of the service's name."""

    kind: str
    name: str
    container: str
    image: str = ""
    """The image repository that the container runs."""


@dataclass(frozen=True, slots=True)
class WorkloadKind:
    """How a kind of object runs pods."""

    api_version: str
    ready: Callable[[Object], str]
    """What is missing until it is ready; "" when it is."""
    template: Path = _TEMPLATE
    """Where its pod template stands."""
    observed: bool = True
    """Whether its status tells the generation that it speaks of."""


def _condition(kind: str) -> Callable[[Object], str]:
    def missing(item: Object) -> str:
        found = condition(item, kind)
        if found.get("status") == "True":
            return ""
        return f"{found.get('reason', f'no condition {kind}')}: {found.get('message', '')}"

    return missing


def _stateful(item: Object) -> str:
    spec, status = _mapping(item, "spec"), _mapping(item, "status")
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready != wanted:
        return f"{ready} of {wanted} replicas are ready"
    current, update = status.get("currentRevision"), status.get("updateRevision")
    return "" if current == update else f"revision {update} is not rolled out"


def _daemon(item: Object) -> str:
    status = _mapping(item, "status")
    wanted = status.get("desiredNumberScheduled", 0)
    told = {name: status.get(name, 0) for name in ("updatedNumberScheduled", "numberAvailable")}
    return next((f"{name} is {count}, {wanted} are desired" for name, count in told.items() if count != wanted), "")


def _runtime(item: Object) -> str:
    # `Warning` is what a cluster without Routes says of one that runs; its condition tells (research/ace_secrets.md).
    phase = str(_mapping(item, "status").get("phase", "no phase"))
    return "" if phase == "Ready" or (phase == "Warning" and not _condition("Ready")(item)) else f"phase {phase}"


KINDS: Mapping[str, WorkloadKind] = {
    "Deployment": WorkloadKind("apps/v1", _condition("Available")),
    "StatefulSet": WorkloadKind("apps/v1", _stateful),
    "DaemonSet": WorkloadKind("apps/v1", _daemon),
    "Job": WorkloadKind("batch/v1", _condition("Complete"), observed=False),
    "CronJob": WorkloadKind("batch/v1", lambda _: "", ("spec", "jobTemplate", "spec", "template"), observed=False),
    "IntegrationRuntime": WorkloadKind("appconnect.ibm.com/v1beta1", _runtime, observed=False),
}
"""Readiness is what Argo CD calls healthy (gitops-engine pkg/health; research/gitops.md 1); a kind that is no built-in
one says it itself."""

_ANY = "*"
POD: tuple[Path, ...] = (
    ("containers", _ANY, "image"),
    ("initContainers", _ANY, "image"),
    ("ephemeralContainers", _ANY, "image"),
    ("volumes", _ANY, "image", "reference"),
)
"""Ends of the paths at which a pod spec names images (core/v1 Container, ImageVolumeSource), wherever it stands."""
NAMED: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("appconnect.ibm.com", "IntegrationRuntime"): (("spec", "image"),),
    ("appconnect.ibm.com", "IntegrationServer"): (("spec", "image"),),
    ("mq.ibm.com", "QueueManager"): (("spec", "queueManager", "image"),),
    ("tekton.dev", "StepAction"): (("spec", "image"),),
    ("tekton.dev", _ANY): (("steps", _ANY, "image"), ("sidecars", _ANY, "image"), ("stepTemplate", "image")),
}
"""(group, kind) -> ends of the paths at which such an object names images beside its pod specs."""


def images(item: Object) -> Iterator[tuple[Path, str]]:
    """Every image that an object names, whatever its kind, with the path of the field; a ``List`` is what it holds."""
    if item.get("kind") == "List" and isinstance(item.get("items"), list):
        for index, held in enumerate(item["items"]):
            for path, image in images(held if isinstance(held, Mapping) else {}):
                yield ("items", index, *path), image
        return
    group, kind = str(item.get("apiVersion", "")).rpartition("/")[0], str(item.get("kind", ""))
    ends = (*POD, *NAMED.get((group, kind), ()), *NAMED.get((group, _ANY), ()))
    for path, value in _leaves(item):
        if any(_ends(path, end) for end in ends):
            yield path, str(value)


def image_of(item: Object, container: str) -> str | None:
    """What a container of a workload's pods runs, by the container's name; None where it has none such."""
    pod = _mapping(_template(item), "spec")
    every = [entry for kind in ("containers", "initContainers") for entry in pod.get(kind) or []]
    return next((str(entry.get("image", "")) for entry in every if entry.get("name") == container), None)


def readiness(item: Object) -> tuple[Verdict, str]:
    """Whether a workload runs as it is written; unknown while its controller has not looked, and for other kinds."""
    kind = KINDS.get(str(item.get("kind")))
    if kind is None:
        return Verdict.UNKNOWN, f"what makes a {item.get('kind')} ready is not known"
    generation = _mapping(item, "metadata").get("generation")
    if kind.observed and _mapping(item, "status").get("observedGeneration") != generation:
        return Verdict.UNKNOWN, f"the cluster has not acted on the {item.get('kind')} yet"
    missing = kind.ready(item)
    return (Verdict.INVALID, missing) if missing else (Verdict.VALID, "")


def condition(item: Object, kind: str) -> Object:
    """The condition of this type; empty where there is none."""
    conditions = _mapping(item, "status").get("conditions") or []
    return next((entry for entry in conditions if entry.get("type") == kind), {})


def simulated(item: Object) -> bool:
    """Whether a stand-in says that no container runs."""
    conditions = _mapping(item, "status").get("conditions") or []
    annotated = (_mapping(_mapping(part, "metadata"), "annotations") for part in (item, _template(item)))
    return any(entry.get("reason") == SIMULATED_REASON for entry in conditions) or any(
        SIMULATED_ANNOTATION in annotations for annotations in annotated
    )


def _template(item: Object) -> Object:
    kind = KINDS.get(str(item.get("kind")))
    for step in kind.template if kind else _TEMPLATE:
        item = _mapping(item, str(step))
    return item


def _mapping(item: Object, key: str) -> Object:
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


def _ends(path: Path, end: Path) -> bool:
    tail = path[-len(end) :]
    return len(tail) == len(end) and all(want in (_ANY, got) for want, got in zip(end, tail, strict=True))


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value
