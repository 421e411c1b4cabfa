"""What differs between the two versions of Tekton whose behaviour can be chosen, in one table.

Compared: tektoncd/pipeline v1.9.6 (LTS, with its back-ports) and the v1.15 line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.tekton.spec.flags import Version


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One version's answers; each field says what is true of it, and where upstream decides it."""

    failure_reasons: bool
    """A TaskRun fails as StepFailed, StepOOM, SidecarFailed, …; else as Failed (pkg/pod/status.go getFailureReason)."""
    task_run_pending: bool
    """``spec.status: TaskRunPending`` holds a TaskRun back (v1/taskrun_types.go)."""
    previous_status_in_message: bool
    """A cancelled or timed-out TaskRun quotes its last condition (tr/taskrun.go appendPreviousConditionContext)."""
    results_of_failed_tasks: bool
    """Results of failed tasks reach pipeline results and embedded specs (pipelinerunstate.go GetTaskRunsResults)."""
    finally_after_tasks_timeout: bool
    """Finally tasks run after ``timeouts.tasks``; else the run ends at once (GetPipelineConditionStatus)."""
    inherited_timeout: bool
    """TaskRuns take the section's limit where it exceeds the default (pr/pipelinerun.go pipelineRunTimeout)."""
    pipeline_ref_tasks: bool
    """A PipelineTask may have a ``pipelineRef``; else ``pipelineSpec`` only (pipelinerunresolution.go)."""
    null_creation_timestamp: bool
    """Signed bytes hold ``"creationTimestamp":null`` (apimachinery before 0.34)."""

    def task_failure(self, reason: str) -> str:
        """The reason of a failed TaskRun, as this version names it."""
        return reason if self.failure_reasons or reason not in SPECIFIC_FAILURES else "Failed"


SPECIFIC_FAILURES = frozenset(
    ("StepFailed", "StepOOM", "SidecarFailed", "SidecarOOM", "InitContainerFailed", "InitContainerOOM", "PodEvicted")
)
"""Reasons that replaced Failed in v1.12 (v1/taskrun_types.go)."""

BEHAVIOURS: Mapping[Version, Behaviour] = {
    "1.9": Behaviour(
        failure_reasons=False,
        task_run_pending=False,
        previous_status_in_message=False,
        results_of_failed_tasks=False,
        finally_after_tasks_timeout=False,
        inherited_timeout=False,
        pipeline_ref_tasks=False,
        null_creation_timestamp=True,
    ),
    "1.15": Behaviour(
        failure_reasons=True,
        task_run_pending=True,
        previous_status_in_message=True,
        results_of_failed_tasks=True,
        finally_after_tasks_timeout=True,
        inherited_timeout=True,
        pipeline_ref_tasks=True,
        null_creation_timestamp=False,
    ),
}


def of(version: Version) -> Behaviour:
    return BEHAVIOURS[version]
