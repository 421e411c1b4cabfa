"""The status of a TaskRun's pod, from the states of its steps and sidecars: what a kubelet would report of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]
States = Sequence[Mapping[str, Any]]
"""``status.steps`` or ``status.sidecars`` of the TaskRun."""

_STARTED_AT = 3
"""pkg/result InternalTektonResultType, with which the entrypoint reports when the step really started."""


def status(
    pod: Mapping[str, Any],
    steps: States,
    sidecars: States,
    *,
    done: bool,
    now: str,
    previous: Mapping[str, Any] | None = None,
) -> Object:
    """``pod.status``; ``now`` and the times in the states are RFC 3339.

    As upstream, all containers run as soon as one does: a step's entrypoint waits for the step before it. ``done``:
    nothing of the pod runs any more; a container without an end was killed.
    """
    before = previous or {}
    states = {item["container"]: item for item in (*steps, *sidecars)}
    started = done or any("waiting" not in item for item in steps)
    since = before.get("startTime") or now
    spec = pod["spec"]
    begun = min([item["running"]["startedAt"] for item in states.values() if item.get("running")] or [now])
    known = {item["name"]: item for item in before.get("containerStatuses") or []}
    containers = [
        _container(item, states.get(item["name"], {}), known.get(item["name"], {}), started, done, begun, now)
        # By name, as the kubelet reports them (kubelet_pods.go SortedContainerStatuses).
        for item in sorted(spec["containers"], key=lambda item: str(item["name"]))
    ]
    first = {item["name"]: item for item in before.get("initContainerStatuses") or []}
    init = [
        _container(item, states[item["name"]], first.get(item["name"], {}), started, done, begun, now)
        if item["name"] in states
        else _init(item, first.get(item["name"], {}), started, now)
        for item in spec.get("initContainers") or []
    ]
    phase = _phase(containers, started)
    return {
        "phase": phase,
        "conditions": _conditions(before, phase, containers, started, now),
        "hostIP": "127.0.0.1",
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "startTime": since,
        "initContainerStatuses": init,
        "containerStatuses": containers,
    }


def _phase(containers: Sequence[Object], started: bool) -> str:
    if not started:
        return "Pending"
    ends = [item["state"].get("terminated") for item in containers]
    if any(end is None for end in ends):
        return "Running"
    return "Failed" if any(end["exitCode"] for end in ends) else "Succeeded"


def _container(
    container: Mapping[str, Any],
    state: Mapping[str, Any],
    before: Mapping[str, Any],
    started: bool,
    done: bool,
    begun: str,
    now: str,
) -> Object:
    reported = {"name": container["name"], "image": container.get("image", ""), "imageID": state.get("imageID", "")}
    old = before.get("state") or {}
    running = old.get("running") or {"startedAt": begun}
    ended = state.get("terminated")
    if ended is not None:
        end = _end(state, ended, running["startedAt"])
        return _reported(reported, {"terminated": end}, ready=False, started=False)
    if not state and "terminated" in old:
        return _reported(reported, old, ready=False, started=False)
    if done:
        # A sidecar is stopped by giving it an image that does nothing, and so ends well (entrypoint.go StopSidecars).
        step = container["name"].startswith("step-")
        killed = {
            "exitCode": 137 if step else 0,
            "reason": "Error" if step else "Completed",
            "startedAt": running["startedAt"],
            "finishedAt": now,
        }
        return _reported(reported, {"terminated": killed}, ready=False, started=False)
    if started:
        return _reported(reported, {"running": running}, ready=True, started=True)
    waiting = {"reason": "PodInitializing"}
    return _reported(reported, {"waiting": waiting}, ready=False, started=False)


def _end(state: Mapping[str, Any], ended: Mapping[str, Any], started: str) -> Object:
    """What the entrypoint's process ended with: 0 where an error is let pass (pkg/entrypoint, ``-on_error``)."""
    passed = state.get("terminationReason") == "Continued"
    code = 0 if passed else ended.get("exitCode", 0)
    reason = ended.get("reason")
    if reason not in ("Completed", "Error", "OOMKilled") or passed:
        reason = "Error" if code else "Completed"
    end: Object = {"exitCode": code, "reason": reason}
    end["startedAt"] = min(started, ended.get("startedAt") or started)
    end["finishedAt"] = ended.get("finishedAt") or started
    message = [{"key": "StartedAt", "value": ended.get("startedAt") or started, "type": _STARTED_AT}]
    if state.get("terminationReason") and "name" in state:
        end["message"] = json.dumps(message, separators=(",", ":"))
    return end


def _init(container: Mapping[str, Any], before: Mapping[str, Any], started: bool, now: str) -> Object:
    """Tekton's own init containers: their work is done by the engine before the first step starts."""
    reported = {"name": container["name"], "image": container.get("image", ""), "imageID": ""}
    if not started:
        return _reported(reported, {"waiting": {"reason": "PodInitializing"}}, ready=False, started=False)
    old = (before.get("state") or {}).get("terminated")
    end = old or {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    return _reported(reported, {"terminated": end}, ready=True, started=False)


def _reported(identity: Object, state: Object, *, ready: bool, started: bool) -> Object:
    return {**identity, "state": state, "lastState": {}, "ready": ready, "restartCount": 0, "started": started}


def _conditions(
    before: Mapping[str, Any], phase: str, containers: Sequence[Object], started: bool, now: str
) -> list[Object]:
    """pkg/kubelet/status/generate.go."""
    old = {item["type"]: item for item in before.get("conditions") or []}
    ended = phase in ("Succeeded", "Failed")
    unready = [item["name"] for item in containers if not item["ready"]]
    why: Object = {}
    if phase == "Succeeded":
        why = {"reason": "PodCompleted"}
    elif phase == "Failed":
        why = {"reason": "PodFailed"}
    elif unready:
        text = f"containers with unready status: [{' '.join(unready)}]"
        why = {"reason": "ContainersNotReady", "message": text}
    wanted = [
        ("PodScheduled", True, {}),
        ("Initialized", started, {"reason": "PodCompleted"} if phase == "Succeeded" else {}),
        ("ContainersReady", not ended and not unready, why),
        ("Ready", not ended and not unready, why),
    ]
    found = []
    for kind, holds, more in wanted:
        value = "True" if holds else "False"
        earlier = old.get(kind, {})
        since = earlier["lastTransitionTime"] if earlier.get("status") == value else now
        found.append({"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": since, **more})
    return found
