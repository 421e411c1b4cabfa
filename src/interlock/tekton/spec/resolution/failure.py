"""Errors and conditions of resolution in upstream's words.

pkg/resolution/common/errors.go, pkg/remote/resolution/error.go, pkg/reconciler/{taskrun,pipelinerun}.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from interlock.errors import InputError, InterlockError
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution.request import go_quoted

CODE: Final = "resolution-failed"
"""Code of every error with which a reference is not resolved; the class says what kind of failure it is."""

NAMES: Final = {"git": "Git", "http": "Http", "cluster": "Cluster", "hub": "Hub", "bundles": "bundleresolver"}
"""Resolver as references write it -> as it calls itself in messages (each resolver.go GetName)."""

REQUESTING: Final = "error requesting remote resource: "
"""What the run puts before the message of its ResolutionRequest."""

TASK_REASON: Final = "TaskRunResolutionFailed"
PIPELINE_REASON: Final = "CouldntGetPipeline"
PIPELINE_TASK_REASON: Final = "CouldntGetTask"
RESOLVING_TASK: Final = "ResolvingTaskRef"
RESOLVING_PIPELINE: Final = "ResolvingPipelineRef"
RESOLVING_STEP_ACTION: Final = "ResolvingStepActionRef"


def invalid(message: str, *, todo: str | None = None) -> InputError:
    """A request whose params the resolver refuses."""
    return InputError(CODE, message, todo=todo)


def invalid_request(key: str, error: InterlockError) -> InterlockError:
    """``error`` of a params check as the run sees it; ``key`` is the ResolutionRequest's namespace/name."""
    return _again(error, f"{REQUESTING}invalid resource request {go_quoted(key)}: {error.message}")


def failed(resolver: str, key: str, error: InterlockError) -> InterlockError:
    """``error`` of a fetch as the run sees it."""
    name = NAMES.get(resolver, resolver)
    return _again(error, f"{REQUESTING}error getting {go_quoted(name)} {go_quoted(key)}: {error.message}")


def unknown(resolver: str) -> InputError:
    """Nobody answers a request for a resolver that is not installed: upstream's global timeout ends it."""
    return InputError(
        CODE,
        f"{REQUESTING}resolution took longer than global timeout of 1m0s",
        got=f"resolver {resolver!r}",
        expected=f"one of: {', '.join(NAMES)}",
    )


def _again(error: InterlockError, message: str) -> InterlockError:
    # A lock file that says otherwise is its own kind of failure, whatever the run calls it.
    return type(error)(
        error.code if error.code.startswith("lock-") else CODE,
        message,
        got=error.got,
        expected=error.expected,
        where=error.where,
        todo=error.todo,
    )


def of_task_run(error: InterlockError, *, run: str = "", name: str = "") -> str:
    """Message of a TaskRun's condition (reason `TASK_REASON`). ``name``: the ref's name, set in concise syntax only."""
    return f"error when listing tasks for taskRun {run}: {error.message}" if name else error.message


def of_pipeline_run(error: InterlockError, *, namespace: str, run: str, name: str = "") -> str:
    """Message of a PipelineRun's condition (reason `PIPELINE_REASON`) where its pipelineRef is not resolved."""
    # What is fetched and is no Pipeline never was the resolver's failure.
    own = error.message.startswith("failed to read runtime object")
    text = error.message if own else f"resolver failed to get Pipeline {name}: {error.message}"
    if name:
        text = f"error when getting Pipeline for PipelineRun {run}: {text}"
    return f"Error retrieving pipeline for pipelinerun {namespace}/{run}: {text}"


def of_pipeline_task(
    error: InterlockError, *, namespace: str, pipeline: str, resolver: str, params: Sequence[Param], name: str = ""
) -> str:
    """Message of a PipelineRun's condition (reason `PIPELINE_TASK_REASON`) where a taskRef is not resolved."""
    named = name if name.strip() else described(resolver, params)
    return (
        f"Pipeline {namespace}/{pipeline} can't be Run; it contains Tasks that don't exist: "
        f"Couldn't retrieve Task {go_quoted(named)}: {error.message}"
    )


def described(resolver: str, params: Sequence[Param]) -> str:
    """What a Task without name is called in messages (pkg/resolution/resource/name.go GenerateErrorLogString)."""
    text = f"resolver type {resolver}\n"
    for param in params:
        if param.name == "name":
            text += f"name = {param.value if isinstance(param.value, str) else compact(param.value)}\n"
        if param.name == "url":
            text += f"url = {param.value if isinstance(param.value, str) else ''}\n"
    return text


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def awaiting(kind: str, *, namespace: str, run: str) -> str:
    """Message of the condition while a resolution runs. ``kind`` is ``TaskRun``, ``PipelineRun`` or ``StepAction``."""
    if kind == "StepAction":
        return f"TaskRun {namespace}/{run} awaiting remote StepAction"
    return f"{kind} {namespace}/{run} awaiting remote resource"
