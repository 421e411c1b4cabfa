"""What ``kubectl get`` shows of the built-in kinds (pkg/printers/internalversion)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.local.kubernetes.kinds import Column

Object = dict[str, Any]
Age = Callable[[Any], str]
"""A timestamp -> how long ago, for people."""
Row = Callable[[Object, Age], list[Any]]


def _columns(*names: str) -> tuple[Column, ...]:
    """``Name`` is always first; a trailing ``*`` marks a column of the wide output."""
    types = {"Data": "integer", "Secrets": "integer", "Up-to-date": "integer", "Available": "integer"}
    types |= {"Desired": "integer", "Current": "integer", "Restarts": "string"}
    shown = [
        Column(name.rstrip("*"), types.get(name.rstrip("*"), "string"), "", int(name[-1] == "*")) for name in names
    ]
    return (Column("Name", "string", "", format="name"), *shown)


def _status(obj: Object) -> Object:
    return obj.get("status") or {}


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _created(obj: Object, age: Age) -> str:
    return age(obj["metadata"].get("creationTimestamp"))


def _joined(values: Any) -> str:
    return ",".join(str(value) for value in values) or "<none>"


def _containers(obj: Object) -> tuple[str, str]:
    containers = obj["spec"]["template"]["spec"].get("containers") or []
    return _joined(item["name"] for item in containers), _joined(item.get("image", "") for item in containers)


def _selector(obj: Object) -> str:
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return _joined(f"{name}={value}" for name, value in sorted(labels.items()))


def _deployment(obj: Object, age: Age) -> list[Any]:
    status, wanted = _status(obj), obj["spec"].get("replicas", 1)
    return [
        _name(obj),
        f"{status.get('readyReplicas', 0)}/{wanted}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _created(obj, age),
        *_containers(obj),
        _selector(obj),
    ]


def _replica_set(obj: Object, age: Age) -> list[Any]:
    status = _status(obj)
    counts = [obj["spec"].get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [_name(obj), *counts, _created(obj, age), *_containers(obj), _selector(obj)]


def _pod_reason(obj: Object, status: Object) -> str:
    """printers.go printPod: the first init container that has not succeeded, else the first container with a reason."""
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    declared = obj["spec"].get("initContainers") or []
    stays = {item["name"] for item in declared if item.get("restartPolicy") == "Always"}
    for index, item in enumerate(status.get("initContainerStatuses") or []):
        state = item.get("state") or {}
        ended = state.get("terminated")
        if (ended is not None and not ended.get("exitCode")) or (item["name"] in stays and item.get("started")):
            continue
        why = (ended or state.get("waiting") or {}).get("reason") or ""
        if ended is not None or why not in ("", "PodInitializing"):
            return f"Init:{why or ended}"
        return f"Init:{index}/{len(declared)}"
    reason = str(status.get("reason") or status.get("phase") or "Unknown")
    running = False
    for item in reversed(status.get("containerStatuses") or []):
        state = item.get("state") or {}
        told = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        if told:
            reason = str(told)
        running = running or ("running" in state and bool(item.get("ready")))
    if reason == "Completed" and running:
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or [])
        return "Running" if ready else "NotReady"
    return reason


def _pod(obj: Object, age: Age) -> list[Any]:
    status = _status(obj)
    statuses = status.get("containerStatuses") or []
    reason = _pod_reason(obj, status)
    ready = sum(1 for item in statuses if item.get("ready"))
    restarts = sum(item.get("restartCount", 0) for item in statuses)
    total = len(obj["spec"].get("containers") or [])
    address, node = status.get("podIP") or "<none>", obj["spec"].get("nodeName") or "<none>"
    return [
        _name(obj),
        f"{ready}/{total}",
        reason,
        str(restarts),
        _created(obj, age),
        address,
        node,
        "<none>",
        "<none>",
    ]


def _service(obj: Object, age: Age) -> list[Any]:
    spec = obj["spec"]
    ports = _joined(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or [])
    selector = _joined(f"{name}={value}" for name, value in sorted((spec.get("selector") or {}).items()))
    external = spec.get("externalName") or "<none>"
    return [
        _name(obj),
        spec.get("type", ""),
        spec.get("clusterIP") or "<none>",
        external,
        ports,
        _created(obj, age),
        selector,
    ]


def _job(obj: Object, age: Age) -> list[Any]:
    status, spec = _status(obj), obj["spec"]
    state = next((c["type"] for c in status.get("conditions") or [] if c.get("status") == "True"), "Running")
    done = f"{status.get('succeeded', 0)}/{spec.get('completions', 1)}"
    return [_name(obj), state, done, "", _created(obj, age)]


def _event(obj: Object, age: Age) -> list[Any]:
    about = obj.get("involvedObject") or {}
    seen = obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    subject = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    return [age(seen), obj.get("type", ""), obj.get("reason", ""), subject, (obj.get("message") or "").strip()]


def _binding(obj: Object, age: Age) -> list[Any]:
    role = obj["roleRef"]
    return [_name(obj), f"{role['kind']}/{role['name']}", _created(obj, age)]


def _definition(obj: Object, age: Age) -> list[Any]:
    return [_name(obj), obj["metadata"].get("creationTimestamp")]


def _plain(*cells: Callable[[Object], Any]) -> Row:
    return lambda obj, age: [_name(obj), *(cell(obj) for cell in cells), _created(obj, age)]


_WORKLOAD = ("Containers*", "Images*", "Selector*")
TABLES: dict[str, tuple[tuple[Column, ...], Row]] = {
    "/configmaps": (
        _columns("Data", "Age"),
        _plain(lambda obj: len(obj.get("data") or {}) + len(obj.get("binaryData") or {})),
    ),
    "/events": (
        (
            Column("Last Seen", "string", ""),
            Column("Type", "string", ""),
            Column("Reason", "string", ""),
            Column("Object", "string", ""),
            Column("Message", "string", ""),
        ),
        _event,
    ),
    "/namespaces": (_columns("Status", "Age"), _plain(lambda obj: _status(obj).get("phase", ""))),
    "/persistentvolumeclaims": (_columns("Status", "Age"), _plain(lambda obj: _status(obj).get("phase", ""))),
    "/pods": (
        _columns("Ready", "Status", "Restarts", "Age", "IP*", "Node*", "Nominated Node*", "Readiness Gates*"),
        _pod,
    ),
    "/secrets": (
        _columns("Type", "Data", "Age"),
        _plain(lambda obj: obj.get("type", ""), lambda obj: len(obj.get("data") or {})),
    ),
    "/serviceaccounts": (_columns("Secrets", "Age"), _plain(lambda obj: len(obj.get("secrets") or []))),
    "/services": (_columns("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector*"), _service),
    "apiextensions.k8s.io/customresourcedefinitions": (
        (Column("Name", "string", "", format="name"), Column("Created At", "date", "")),
        _definition,
    ),
    "apps/deployments": (_columns("Ready", "Up-to-date", "Available", "Age", *_WORKLOAD), _deployment),
    "apps/replicasets": (_columns("Desired", "Current", "Ready", "Age", *_WORKLOAD), _replica_set),
    "batch/jobs": (_columns("Status", "Completions", "Duration", "Age"), _job),
    "coordination.k8s.io/leases": (
        _columns("Holder", "Age"),
        _plain(lambda obj: (obj.get("spec") or {}).get("holderIdentity", "")),
    ),
    "rbac.authorization.k8s.io/clusterrolebindings": (_columns("Role", "Age"), _binding),
    "rbac.authorization.k8s.io/rolebindings": (_columns("Role", "Age"), _binding),
    "rbac.authorization.k8s.io/clusterroles": (_columns("Created At"), _definition),
    "rbac.authorization.k8s.io/roles": (_columns("Created At"), _definition),
}
PLAIN: tuple[tuple[Column, ...], Row] = (_columns("Age"), _plain())
