"""Rules for tasks of the catalog, and for tasks that teams bring: what a step may run, reach and print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.errors import InterlockError
from interlock.formats.tekton import environment_leak, model, validation
from interlock.formats.tekton.task import Task

NETWORK = "interlock.dev/network"
ENDPOINTS = frozenset({"forge", "registry"})
"""What a step may reach; an empty annotation is no network at all."""
VERBS = frozenset(
    {
        "ace-build-bar",
        "ace-unit-test",
        "git-clone",
        "git-pr-bump",
        "image-build",
        "image-sign",
        "sbom",
        "vulnerability-scan",
    }
)
_PINNED = re.compile(r"^\S+@sha256:[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule; ``code`` is stable."""

    code: str
    task: str
    detail: str


def lint(tasks: Iterable[Mapping[str, Any]], *, toolbox: str | None = None) -> list[Problem]:
    """Every broken rule of these Task objects, in their order. ``toolbox``: the one image of their steps, where the
    estate names it."""
    return [problem for task in tasks for problem in _task(task, toolbox)]


def _task(task: Mapping[str, Any], toolbox: str | None) -> Iterator[Problem]:
    metadata, spec = task.get("metadata", {}), task.get("spec", {})
    name = str(metadata.get("name", "?"))
    stated = (metadata.get("annotations") or {}).get(NETWORK)
    if not isinstance(stated, str):
        yield Problem("task-network-missing", name, f"the annotation {NETWORK} must name what the steps may reach")
    elif unknown := {item.strip() for item in stated.split(",") if item.strip()} - ENDPOINTS:
        yield Problem("task-network-unknown", name, f"no endpoint of the platform: {', '.join(sorted(unknown))}")
    for volume in spec.get("volumes") or []:
        if "hostPath" in volume:
            yield Problem("task-host-path", name, f"volume {volume.get('name')}: a step sees no path of the machine")
    secrets = {volume.get("name") for volume in spec.get("volumes") or [] if "secret" in volume}
    for step in spec.get("steps") or []:
        yield from _step(name, step, secrets, toolbox)
    yield from _tekton(name, task)


def _tekton(name: str, task: Mapping[str, Any]) -> Iterator[Problem]:
    """What Tekton itself would refuse, and steps that print their environment."""
    try:
        parsed = model.parse(Task, task, what=f"Task {name}")
        validation.task(parsed.spec)
        environment_leak.refuse(parsed.spec)
    except InterlockError as error:
        yield Problem(error.code, name, error.message)


def _step(name: str, step: Mapping[str, Any], secrets: set[Any], toolbox: str | None) -> Iterator[Problem]:
    label, image = f"step {step.get('name', '?')}", str(step.get("image", ""))
    if not _PINNED.match(image):
        yield Problem("task-image-unpinned", name, f"{label}: the image is not named by digest")
    elif toolbox not in (None, image):
        yield Problem("task-image-foreign", name, f"{label}: the image is not the toolbox of platform.yaml: {toolbox}")
    if step.get("script"):
        yield Problem("task-script", name, f"{label}: catalog steps run a verb, never a script")
    command = step.get("command")
    if not (
        isinstance(command, list) and len(command) == 2 and command[0] == "interlock-toolbox" and command[1] in VERBS
    ):
        yield Problem("task-command", name, f"{label}: the command is not [interlock-toolbox, VERB]")
    for argument in step.get("args") or []:
        if "$(params." in argument and not re.match(r"^--[a-z-]+=", argument):
            yield Problem("task-argument", name, f"{label}: a parameter on its own could become an option: {argument}")
    for variable in step.get("env") or []:
        if "valueFrom" in variable:
            yield Problem(
                "task-secret-variable", name, f"{label}: {variable.get('name')}: secrets are mounted as files"
            )
    if step.get("envFrom"):
        yield Problem("task-secret-variable", name, f"{label}: envFrom: secrets are files, not env")
    for mount in step.get("volumeMounts") or []:
        if mount.get("name") in secrets and mount.get("readOnly") is not True:
            yield Problem("task-secret-writable", name, f"{label}: {mount.get('name')} is not mounted read-only")
