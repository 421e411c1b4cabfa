"""``pods/log``: which container of which node's kubelet is asked (pkg/registry/core/pod/strategy.go LogLocation)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.config import Kubelet
from interlock.local.kubernetes.workloads import MESSAGE

Object = dict[str, Any]

_OPTIONS = ("follow", "tailLines", "limitBytes", "sinceSeconds", "sinceTime", "timestamps", "previous")
_LEAST = {"tailLines": 0, "sinceSeconds": 1, "limitBytes": 1}
UNSUPPORTED = ("attach", "exec", "portforward", "proxy", "ephemeralcontainers")
"""Subresources of pods that are refused with a sentence."""


@dataclass(frozen=True)
class Source:
    """Where a log is: ``target`` of the kubelet at ``address``, which holds the secret of ``secret_file``."""

    address: str
    target: str
    secret_file: Path
    pod: str


def locate(pod: Object, query: Mapping[str, str], kubelets: Mapping[str, Kubelet]) -> Source:
    """Raises ApiError 400, 404, 422 as the API server and the kubelet say it."""
    name, spec = pod["metadata"]["name"], pod["spec"]
    _check(name, query)
    container = query.get("container") or _only(pod)
    declared = [*(spec.get("initContainers") or []), *spec["containers"], *(spec.get("ephemeralContainers") or [])]
    if container not in [item["name"] for item in declared]:
        raise answers.bad_request(f"container {container} is not valid for pod {name}")
    node = spec.get("nodeName") or ""
    if not node:
        raise answers.bad_request(f'container "{container}" in pod "{name}" has no log: {MESSAGE}')
    kubelet = kubelets.get(node)
    if kubelet is None:
        raise answers.not_found("", "nodes", node)
    _state(pod, container, previous=_true(query, "previous"))
    place = "/".join(quote(part, safe="") for part in (pod["metadata"]["namespace"], name, container))
    given = urlencode([(key, query[key]) for key in _OPTIONS if query.get(key)])
    return Source(
        kubelet.address, f"/containerLogs/{place}" + (f"?{given}" if given else ""), kubelet.secret_file, name
    )


def _only(pod: Object) -> str:
    names = [item["name"] for item in pod["spec"]["containers"]]
    if len(names) == 1:
        return str(names[0])
    text = f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(names)}]"
    if init := [item["name"] for item in pod["spec"].get("initContainers") or []]:
        text += f" or one of the init containers: [{' '.join(init)}]"
    raise answers.bad_request(text)


def _check(name: str, query: Mapping[str, str]) -> None:
    """core/validation ValidatePodLogOptions."""
    causes = [
        Cause("FieldValueInvalid", key, f"Invalid value: {query[key]}: must be greater than or equal to {least}")
        for key, least in _LEAST.items()
        if query.get(key) and not (query[key].isdecimal() and int(query[key]) >= least)
    ]
    if query.get("sinceSeconds") and query.get("sinceTime"):
        text = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("FieldValueForbidden", "", text))
    if causes:
        raise answers.invalid("", "PodLogOptions", name, causes)


def _state(pod: Object, container: str, *, previous: bool) -> None:
    """Whether the container has a log (kubelet_pods.go validateContainerLogStatus)."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    reported = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    found: Object | None = next((item for item in reported if item["name"] == container), None)
    what = f'container "{container}" in pod "{name}"'
    if found is None:
        raise answers.bad_request(f"{what} is not available" if reported else f"{what} is waiting to start: PodPending")
    if previous and not (found.get("lastState") or {}).get("terminated"):
        raise answers.bad_request(f"previous terminated {what} not found")
    waiting = (found.get("state") or {}).get("waiting")
    if waiting is not None and not previous:
        reason = waiting.get("reason") or "ContainerCreating"
        told = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
        raise answers.bad_request(f"{what} is waiting to start: {told.get(reason, reason)}")


def _true(query: Mapping[str, str], key: str) -> bool:
    return query.get(key, "").lower() in ("true", "1", "t")
