"""TaskRun and PipelineRun v1: specs as models, statuses as the plain objects that are written back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict

from interlock.formats.tekton.model import Model, NotEnforced, NotExecuted, ObjectMeta
from interlock.formats.tekton.pipeline import PipelineRef, PipelineSpec, TaskMetadata, TaskRef
from interlock.formats.tekton.task import ClaimSource, ConfigMapSource, EmptyDir, Param, SecretSource, TaskSpec

CANCELLED_BY_PIPELINE = "TaskRun cancelled as the PipelineRun it belongs to has been cancelled."
CANCELLED_BY_TIMEOUT = "TaskRun cancelled as the PipelineRun it belongs to has timed out."


class WorkspaceBinding(Model):
    """What a workspace is: exactly one source."""

    name: str
    sub_path: str = ""
    volume_claim_template: dict[str, Any] | None = None
    persistent_volume_claim: ClaimSource | None = None
    empty_dir: EmptyDir | None = None
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    projected: Annotated[Any, NotExecuted("projected workspaces")] = None
    csi: Annotated[Any, NotExecuted("csi workspaces")] = None

    @property
    def sources(self) -> list[str]:
        """Names of the sources that are set."""
        names = (
            "volume_claim_template",
            "persistent_volume_claim",
            "empty_dir",
            "config_map",
            "secret",
            "projected",
            "csi",
        )
        return [name for name in names if getattr(self, name) is not None]


class TaskRunSpec(Model):
    params: list[Param] | None = None
    service_account_name: str = ""
    task_ref: TaskRef | None = None
    task_spec: TaskSpec | None = None
    status: Literal["", "TaskRunCancelled", "TaskRunPending"] = ""
    status_message: str = ""
    retries: int = 0
    timeout: str | None = None
    workspaces: list[WorkspaceBinding] | None = None
    managed_by: str | None = None
    debug: Annotated[Any, NotExecuted("debug breakpoints")] = None
    pod_template: Annotated[Any, NotEnforced("podTemplate")] = None
    step_specs: Annotated[Any, NotEnforced("stepSpecs")] = None
    sidecar_specs: Annotated[Any, NotExecuted("sidecarSpecs")] = None
    compute_resources: Annotated[Any, NotEnforced("computeResources")] = None


class TaskRun(Model):
    api_version: Literal["tekton.dev/v1"] = "tekton.dev/v1"
    kind: Literal["TaskRun"] = "TaskRun"
    metadata: ObjectMeta
    spec: TaskRunSpec
    status: dict[str, Any] | None = None


class Timeouts(Model):
    """Go durations; a missing one is derived from the others."""

    pipeline: str | None = None
    tasks: str | None = None
    finally_: str | None = None

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))


class TaskRunTemplate(Model):
    service_account_name: str = ""
    pod_template: Annotated[Any, NotEnforced("podTemplate")] = None


class PipelineTaskRunSpec(Model):
    """Overrides for the TaskRun of one PipelineTask."""

    pipeline_task_name: str
    service_account_name: str = ""
    timeout: str | None = None
    metadata: TaskMetadata | None = None
    pod_template: Annotated[Any, NotEnforced("podTemplate")] = None
    step_specs: Annotated[Any, NotEnforced("stepSpecs")] = None
    sidecar_specs: Annotated[Any, NotExecuted("sidecarSpecs")] = None
    compute_resources: Annotated[Any, NotEnforced("computeResources")] = None


class PipelineRunSpec(Model):
    pipeline_ref: PipelineRef | None = None
    pipeline_spec: PipelineSpec | None = None
    params: list[Param] | None = None
    status: Literal["", "Cancelled", "CancelledRunFinally", "StoppedRunFinally", "PipelineRunPending"] = ""
    timeouts: Timeouts | None = None
    task_run_template: TaskRunTemplate | None = None
    workspaces: list[WorkspaceBinding] | None = None
    task_run_specs: list[PipelineTaskRunSpec] | None = None
    managed_by: str | None = None


class PipelineRun(Model):
    api_version: Literal["tekton.dev/v1"] = "tekton.dev/v1"
    kind: Literal["PipelineRun"] = "PipelineRun"
    metadata: ObjectMeta
    spec: PipelineRunSpec
    status: dict[str, Any] | None = None
