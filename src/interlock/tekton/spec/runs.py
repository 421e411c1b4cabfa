"""TaskRun and PipelineRun v1: specs as models, statuses as the plain objects that are written back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict

from interlock.formats.tekton import names
from interlock.formats.tekton.model import Model, NotEnforced, NotExecuted, ObjectMeta
from interlock.formats.tekton.pod_types import (
    ClaimSource,
    ConfigMapSource,
    EmptyDir,
    EnvVar,
    ProjectedSource,
    SecretSource,
    Volume,
)
from interlock.formats.tekton.task import Param, TaskSpec
from interlock.tekton.spec.pipeline import PipelineRef, PipelineSpec, TaskMetadata, TaskRef

CANCELLED_BY_PIPELINE = "TaskRun cancelled as the PipelineRun it belongs to has been cancelled."
CANCELLED_BY_TIMEOUT = "TaskRun cancelled as the PipelineRun it belongs to has timed out."
CUSTOM_RUN_CANCELLED_BY_PIPELINE = "CustomRun cancelled as the PipelineRun it belongs to has been cancelled."
CUSTOM_RUN_CANCELLED_BY_TIMEOUT = "CustomRun cancelled as the PipelineRun it belongs to has timed out."


class WorkspaceBinding(Model):
    """What a workspace is: exactly one source."""

    name: str
    sub_path: str = ""
    volume_claim_template: dict[str, Any] | None = None
    persistent_volume_claim: ClaimSource | None = None
    empty_dir: EmptyDir | None = None
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    projected: ProjectedSource | None = None
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


class Breakpoints(Model):
    """Where a run waits for a person: ``onFailure: enabled``, and before the named steps."""

    on_failure: str = ""
    before_steps: list[str] | None = None


class Debug(Model):
    breakpoints: Breakpoints | None = None


class ContainerOverride(Model):
    """Resources of one step or sidecar, from the run (v1/taskrun_types.go TaskRunStepSpec)."""

    name: str
    compute_resources: Annotated[Any, NotEnforced("computeResources")] = None


class PodTemplate(Model):
    """What a run adds to its pod (pkg/apis/pipeline/pod/template.go); scheduling asks only a cluster for something."""

    env: list[EnvVar] | None = None
    volumes: list[Volume] | None = None
    host_aliases: list[dict[str, Any]] | None = None
    security_context: Annotated[Any, NotEnforced("securityContext")] = None
    node_selector: Annotated[Any, NotEnforced("nodeSelector")] = None
    tolerations: Annotated[Any, NotEnforced("tolerations")] = None
    affinity: Annotated[Any, NotEnforced("affinity")] = None
    runtime_class_name: Annotated[str | None, NotEnforced("runtimeClassName")] = None
    automount_service_account_token: Annotated[bool | None, NotEnforced("automountServiceAccountToken")] = None
    dns_policy: Annotated[str | None, NotEnforced("dnsPolicy")] = None
    dns_config: Annotated[Any, NotEnforced("dnsConfig")] = None
    enable_service_links: Annotated[bool | None, NotEnforced("enableServiceLinks")] = None
    priority_class_name: Annotated[str | None, NotEnforced("priorityClassName")] = None
    scheduler_name: Annotated[str, NotEnforced("schedulerName")] = ""
    image_pull_secrets: Annotated[Any, NotEnforced("imagePullSecrets")] = None
    host_network: Annotated[bool, NotEnforced("hostNetwork")] = False
    host_users: Annotated[bool | None, NotEnforced("hostUsers")] = None
    topology_spread_constraints: Annotated[Any, NotEnforced("topologySpreadConstraints")] = None


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
    debug: Debug | None = None
    pod_template: PodTemplate | None = None
    step_specs: list[ContainerOverride] | None = None
    sidecar_specs: list[ContainerOverride] | None = None
    compute_resources: Annotated[Any, NotEnforced("computeResources")] = None


class TaskRun(Model):
    api_version: Literal["tekton.dev/v1"] = "tekton.dev/v1"
    kind: Literal["TaskRun"] = "TaskRun"
    metadata: ObjectMeta
    spec: TaskRunSpec
    status: dict[str, Any] | None = None

    @property
    def hermetic(self) -> bool:
        """Whether its steps are asked to run without a network (docs/hermetic.md, alpha)."""
        return (self.metadata.annotations or {}).get(names.ANNOTATION_EXECUTION_MODE) == "hermetic"


class Timeouts(Model):
    """Go durations; a missing one is derived from the others."""

    pipeline: str | None = None
    tasks: str | None = None
    finally_: str | None = None

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))


class TaskRunTemplate(Model):
    service_account_name: str = ""
    pod_template: PodTemplate | None = None


class PipelineTaskRunSpec(Model):
    """Overrides for the TaskRun of one PipelineTask."""

    pipeline_task_name: str
    service_account_name: str = ""
    timeout: str | None = None
    metadata: TaskMetadata | None = None
    pod_template: PodTemplate | None = None
    step_specs: list[ContainerOverride] | None = None
    sidecar_specs: list[ContainerOverride] | None = None
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


class CustomRunSpec(Model):
    """What a controller outside Tekton executes (pkg/apis/pipeline/v1beta1/customrun_types.go)."""

    custom_ref: TaskRef | None = None
    custom_spec: dict[str, Any] | None = None
    params: list[Param] | None = None
    status: Literal["", "RunCancelled"] = ""
    status_message: str = ""
    retries: int = 0
    service_account_name: str = ""
    timeout: str | None = None
    workspaces: list[WorkspaceBinding] | None = None


class CustomRun(Model):
    api_version: Literal["tekton.dev/v1beta1"] = "tekton.dev/v1beta1"
    kind: Literal["CustomRun"] = "CustomRun"
    metadata: ObjectMeta
    spec: CustomRunSpec
    status: dict[str, Any] | None = None
