"""The states of a TaskRun's steps and sidecars as its status shows them (v1/taskrun_types.go StepState)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from interlock.formats.tekton import conditions
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.task import Step
from interlock.tekton.engine.task_runs.task_plan import Container, Plan
from interlock.tekton.spec import artifacts, results
from interlock.tekton.spec.results import Emission

State = dict[str, Any]

COMPLETED, CONTINUED, SKIPPED, TIMED_OUT, INTERRUPTED = (
    "Completed",
    "Continued",
    "Skipped",
    "TimeoutExceeded",
    "Interrupted",
)
"""Reasons of a step's termination beside ``Error`` (pkg/pod/status.go); the last one is ours."""


def waiting(plan: Plan, container: Container) -> State:
    return {**_identity(plan, container), "waiting": {"reason": "PodInitializing"}}


def running(plan: Plan, container: Container, now: datetime) -> State:
    return {**_identity(plan, container), "running": {"startedAt": conditions.timestamp(now)}}


def ended(plan: Plan, container: Container, before: State, code: int, reason: str, ending: str, now: datetime) -> State:
    """``before`` tells when it began; a container that never ran began and ended at once."""
    finished = conditions.timestamp(now)
    started = before.get("running", {}).get("startedAt", finished)
    return {
        **_identity(plan, container),
        "terminationReason": ending,
        "terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": finished},
    }


def stopped_sidecar(plan: Plan, container: Container, before: State, now: datetime) -> State:
    """A sidecar that the end of the steps ended (tr/taskrun.go updateStoppedSidecarStatus)."""
    state = ended(plan, container, before, 0, COMPLETED, "", now)
    state.pop("terminationReason")
    state["terminated"]["message"] = "Sidecar container successfully stopped by nop image"
    return state


def with_emission(state: State, step: Step, emission: Emission, provenance: str) -> State:
    """With the step's results, artifacts and message. ``provenance`` is its provenance.json, masked."""
    found = {**state, "terminated": dict(state["terminated"])}
    if message := emission.message():
        found["terminated"]["message"] = message
    if emission.step:
        found["results"] = [item.to_object() for item in results.of_step(step.results, emission.step)]
    document = artifacts.parsed(provenance)
    return {**found, **{key: document[key] for key in ("inputs", "outputs") if document.get(key)}}


def terminated(states: Sequence[State], condition: Condition, pod: str, created: str, now: datetime) -> list[State]:
    """Every state that had not ended, ended by the run's end (terminateStepsInPod)."""
    reason = condition.reason
    return [item if "terminated" in item else _cut_off(item, reason, pod, created, now) for item in states]


def _cut_off(state: State, reason: str, pod: str, created: str, now: datetime) -> State:
    kept = {key: item for key, item in state.items() if key not in ("running", "waiting")}
    return {
        **kept,
        "terminationReason": reason,
        "terminated": {
            "exitCode": 1,
            "reason": reason,
            "message": f"Step {state['name']} terminated as pod {pod} is terminated",
            "startedAt": state.get("running", {}).get("startedAt", created),
            "finishedAt": conditions.timestamp(now),
        },
    }


def _identity(plan: Plan, container: Container) -> State:
    name = container.name.removeprefix("step-").removeprefix("sidecar-")
    found: State = {"name": name, "container": container.name, "imageID": container.root.image_id}
    if isinstance(container.spec, Step) and (origin := plan.source.step_provenance.get(name)):
        found["provenance"] = {"refSource": dict(origin)}
    return found
