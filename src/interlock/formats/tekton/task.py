"""Task v1: params, results, workspaces and steps (pkg/apis/pipeline/v1/{task,container}_types.go)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from interlock.formats.tekton.model import AnyParamValue, Model, NotEnforced, NotExecuted, ObjectMeta, value_type
from interlock.formats.tekton.pod_types import EnvFrom, EnvVar, Volume, VolumeMount

API_VERSION = "tekton.dev/v1"
ParamType = Literal["string", "array", "object"]


class PropertySpec(Model):
    """Type of one key of an object param or result."""

    type: ParamType = "string"


class ParamSpec(Model):
    """A declared param. Its type, if unset: ``properties`` -> object, else that of ``default``, else string."""

    name: str
    type: ParamType | None = None
    description: str = ""
    properties: dict[str, PropertySpec] | None = None
    default: AnyParamValue | None = None
    enum: list[str] | None = None

    @property
    def kind(self) -> str:
        """The effective type (v1/param_types.go SetDefaults)."""
        if self.type is not None:
            return self.type
        if self.properties is not None:
            return "object"
        return value_type(self.default) if self.default is not None else "string"


class Param(Model):
    """A given param."""

    name: str
    value: AnyParamValue


class StepResult(Model):
    """A result that a step or StepAction declares. Its type, if unset: ``properties`` -> object, else string."""

    name: str
    type: ParamType | None = None
    properties: dict[str, PropertySpec] | None = None
    description: str = ""

    @property
    def kind(self) -> str:
        return self.type or ("object" if self.properties is not None else "string")


class TaskResult(StepResult):
    """A result that a Task declares; with ``value`` it is taken from a step's result (docs/stepactions.md)."""

    value: AnyParamValue | None = None


class When(Model):
    """A condition of a PipelineTask or a step: ``input`` is (not) among ``values``, or a CEL expression holds."""

    input: str = ""
    operator: Literal["in", "notin"] | None = None
    values: list[str] | None = None
    cel: str = ""


class ResolverRef(Model):
    """What a reference to a Task, Pipeline or StepAction has: a name in the namespace, or a resolver and its params."""

    name: str = ""
    resolver: str = ""
    params: list[Param] | None = None


class WorkspaceDeclaration(Model):
    """A workspace that a Task expects."""

    name: str
    description: str = ""
    mount_path: str = ""
    read_only: bool = False
    optional: bool = False

    @property
    def path(self) -> str:
        return self.mount_path or f"/workspace/{self.name}"


class WorkspaceUsage(Model):
    """A step that lists a workspace takes it for itself: steps that do not list it no longer see it."""

    name: str
    mount_path: str = ""


class StepTemplate(Model):
    """Fields that every step inherits (v1/merge.go)."""

    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    working_dir: str = ""
    env: list[EnvVar] | None = None
    env_from: list[EnvFrom] | None = None
    volume_mounts: list[VolumeMount] | None = None
    volume_devices: Annotated[Any, NotExecuted("volumeDevices")] = None
    image_pull_policy: Annotated[str, NotEnforced("imagePullPolicy")] = ""
    security_context: Annotated[Any, NotEnforced("securityContext")] = None
    compute_resources: Annotated[Any, NotEnforced("computeResources")] = None


class OutputConfig(Model):
    """A file that a stream is also written to, appending (pkg/entrypoint)."""

    path: str = ""


class StepRef(ResolverRef):
    """Reference to a StepAction."""


class Step(StepTemplate):
    """One step: a container of the TaskRun's pod, here a sandboxed process."""

    name: str = ""
    display_name: str = ""
    script: str = ""
    timeout: str = ""
    on_error: str = ""
    workspaces: list[WorkspaceUsage] | None = None
    ref: StepRef | None = None
    params: list[Param] | None = None
    results: list[StepResult] | None = None
    when: list[When] | None = None
    stdout_config: OutputConfig | None = None
    stderr_config: OutputConfig | None = None


class ExecAction(Model):
    command: list[str] | None = None


class HttpHeader(Model):
    name: str
    value: str = ""


class HttpAction(Model):
    path: str = ""
    port: int | str
    host: str = ""
    scheme: str = ""
    http_headers: list[HttpHeader] | None = None


class TcpAction(Model):
    port: int | str
    host: str = ""


class Probe(Model):
    """A check of a sidecar; seconds and counts default as in Kubernetes (initial 0, period 10, timeout 1, 1, 3)."""

    exec: ExecAction | None = None
    http_get: HttpAction | None = None
    tcp_socket: TcpAction | None = None
    grpc: Annotated[Any, NotExecuted("grpc probes")] = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class Sidecar(StepTemplate):
    """A process beside the steps: started before them, ended after them (v1/container_types.go Sidecar)."""

    name: str = ""
    script: str = ""
    workspaces: list[WorkspaceUsage] | None = None
    ports: list[dict[str, Any]] | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    liveness_probe: Annotated[Probe | None, NotEnforced("livenessProbe")] = None
    lifecycle: Annotated[Any, NotEnforced("lifecycle")] = None
    restart_policy: Annotated[str, NotEnforced("restartPolicy")] = ""
    termination_message_path: Annotated[str, NotEnforced("terminationMessagePath")] = ""
    termination_message_policy: Annotated[str, NotEnforced("terminationMessagePolicy")] = ""
    stdin: Annotated[bool, NotEnforced("stdin")] = False
    stdin_once: Annotated[bool, NotEnforced("stdinOnce")] = False
    tty: Annotated[bool, NotEnforced("tty")] = False


class TaskSpec(Model):
    display_name: str = ""
    description: str = ""
    params: list[ParamSpec] | None = None
    results: list[TaskResult] | None = None
    workspaces: list[WorkspaceDeclaration] | None = None
    volumes: list[Volume] | None = None
    step_template: StepTemplate | None = None
    steps: list[Step] | None = None
    sidecars: list[Sidecar] | None = None


class Task(Model):
    api_version: Literal["tekton.dev/v1"] = "tekton.dev/v1"
    kind: Literal["Task"] = "Task"
    metadata: ObjectMeta
    spec: TaskSpec


class StepActionSpec(Model):
    """What a step that refers to a StepAction becomes (pkg/apis/pipeline/v1beta1/stepaction_types.go)."""

    description: str = ""
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[EnvVar] | None = None
    script: str = ""
    working_dir: str = ""
    params: list[ParamSpec] | None = None
    results: list[StepResult] | None = None
    security_context: Annotated[Any, NotEnforced("securityContext")] = None
    volume_mounts: list[VolumeMount] | None = None


class StepAction(Model):
    api_version: Literal["tekton.dev/v1beta1", "tekton.dev/v1alpha1"]
    kind: Literal["StepAction"] = "StepAction"
    metadata: ObjectMeta
    spec: StepActionSpec


def step_name(step: Step, index: int) -> str:
    """Name of the step's container: ``step-<name>``, unnamed steps by position (pkg/pod/pod.go StepName)."""
    return f"step-{step.name}" if step.name else f"step-unnamed-{index}"
