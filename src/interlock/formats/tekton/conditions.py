"""Conditions of runs: the type Succeeded, with upstream's reasons and messages (v1/{taskrun,pipelinerun}_types.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from interlock.errors import InterlockError

Truth = Literal["True", "False", "Unknown"]

USER_ERROR = "[User error] "
"""Prefix of messages for which the author of the run is responsible (apis/pipeline/errors)."""

# Reasons of a TaskRun.
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
STEP_FAILED = "StepFailed"
TO_BE_RETRIED = "ToBeRetried"
TASK_PENDING = "TaskRunPending"
TASK_CANCELLED = "TaskRunCancelled"
TASK_TIMEOUT = "TaskRunTimeout"
TASK_RESOLUTION_FAILED = "TaskRunResolutionFailed"
TASK_VALIDATION_FAILED = "TaskRunValidationFailed"
VERIFICATION_FAILED = "ResourceVerificationFailed"
INVALID_PARAM = "InvalidParamValue"
STEP_OOM = "StepOOM"
SIDECAR_FAILED = "SidecarFailed"
SIDECAR_OOM = "SidecarOOM"
RESOLVING_TASK = "ResolvingTaskRef"
RESULT_TOO_LARGE = "TaskRunResultLargerThanAllowedLimit"
FAILURE_IGNORED = "FailureIgnored"
POD_CREATION_FAILED = "PodCreationFailed"
CONFIG_ERROR = "CreateContainerConfigError"
IMAGE_FAILED = "TaskRunImagePullFailed"
INTERRUPTED = "StepInterrupted"
"""Ours: the engine was stopped while a step ran, so what the step did is unknown."""

# Reasons of a CustomRun (v1beta1/customrun_types.go).
CUSTOM_RUN_CANCELLED = "CustomRunCancelled"
CUSTOM_RUN_TIMED_OUT = "CustomRunTimedOut"

# Reasons of a PipelineRun.
COMPLETED = "Completed"
CANCELLED = "Cancelled"
PENDING = "PipelineRunPending"
PIPELINE_TIMEOUT = "PipelineRunTimeout"
TIMEOUT_RUNNING_FINALLY = "PipelineRunTimeoutRunningFinally"
STOPPING = "PipelineRunStopping"
CANCELLED_RUNNING_FINALLY = "CancelledRunningFinally"
STOPPED_RUNNING_FINALLY = "StoppedRunningFinally"
COULDNT_GET_PIPELINE = "CouldntGetPipeline"
COULDNT_GET_TASK = "CouldntGetTask"
PIPELINE_VALIDATION_FAILED = "PipelineValidationFailed"
COULDNT_GET_PIPELINE_RESULT = "CouldntGetPipelineResult"
CREATE_RUN_FAILED = "CreateRunFailed"
CEL_EVALUATION_FAILED = "CELEvaluationFailed"
INVALID_MATRIX_TYPES = "InvalidMatrixParameterTypes"

# Errors by code -> reason of a PipelineRun that has them before anything starts.
PIPELINE_REASONS: Mapping[str, str] = {
    "pipeline-graph": "PipelineInvalidGraph",
    "pipeline-graph-finally": "PipelineInvalidGraph",
    "parameter-missing": "ParameterMissing",
    "parameter-type-mismatch": "ParameterTypeMismatch",
    "object-parameter-miss-keys": "ObjectParameterMissKeys",
    "param-array-indexing-invalid": "ParamArrayIndexingInvalid",
    "workspace-bindings": "InvalidWorkspaceBindings",
    "task-run-specs": "InvalidTaskRunSpecs",
    "task-result-reference": "InvalidTaskResultReference",
    "pipeline-result-reference": "InvalidPipelineResultReference",
    "required-workspace-optional": "RequiredWorkspaceMarkedOptional",
    "param-enum": INVALID_PARAM,
    "matrix-types": INVALID_MATRIX_TYPES,
    "cel-invalid": CEL_EVALUATION_FAILED,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition Succeeded of a run."""

    status: Truth
    reason: str
    message: str

    def to_object(self, now: datetime) -> dict[str, Any]:
        return {
            "type": "Succeeded",
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "lastTransitionTime": timestamp(now),
        }

    @property
    def done(self) -> bool:
        return self.status != "Unknown"


TASK_RUNNING = Condition("Unknown", RUNNING, "Not all Steps in the Task have finished executing")
TASK_SUCCEEDED = Condition("True", SUCCEEDED, "All Steps have completed executing")


def failed(reason: str, message: str) -> Condition:
    return Condition("False", reason, message)


def refused(error: InterlockError, reason: str) -> Condition:
    """A run that was refused before anything started; our codes follow in brackets where upstream has none."""
    return Condition("False", reason, error.message)


def of(status: Mapping[str, Any] | None) -> Condition | None:
    """The condition Succeeded of a run's status."""
    for item in (status or {}).get("conditions", []):
        if item.get("type") == "Succeeded":
            return Condition(item.get("status", "Unknown"), item.get("reason", ""), item.get("message", ""))
    return None


def written(status: dict[str, Any], condition: Condition, now: datetime) -> dict[str, Any]:
    """``status`` with ``condition``; the transition time changes only with the condition."""
    if of(status) == condition:
        return status
    others = [item for item in status.get("conditions", []) if item.get("type") != "Succeeded"]
    return {**status, "conditions": [condition.to_object(now), *others]}


def added(status: dict[str, Any], condition: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """``status`` with another condition than Succeeded; its transition time is kept while it says the same."""
    others = [item for item in status.get("conditions", []) if item.get("type") != condition["type"]]
    before: Mapping[str, Any] = next(
        (item for item in status.get("conditions", []) if item.get("type") == condition["type"]), {}
    )
    same = before.get("status") == condition["status"]
    since = before.get("lastTransitionTime") if same else None
    return {**status, "conditions": [*others, {**condition, "lastTransitionTime": since or timestamp(now)}]}


def timestamp(moment: datetime) -> str:
    """metav1.Time: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """The moment of a metav1.Time."""
    return datetime.fromisoformat(text)


def step_failure(container: str, exit_code: int, *, reason: str = "Error") -> str:
    """Message of a TaskRun whose step failed (pkg/pod/status.go extractContainerFailureMessage)."""
    return f'"{container}" exited with code {exit_code}: {reason}'


def step_timeout(container: str) -> str:
    return f'"{container}" exited because the step exceeded the specified timeout limit'
