"""Task v1: params, results, workspaces, volumes and steps (pkg/apis/pipeline/v1/{task,container}_types.go)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from interlock.formats.tekton.model import AnyParamValue, Model, NotEnforced, NotExecuted, ObjectMeta, value_type

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
    enum: Annotated[list[str] | None, NotExecuted("param enum")] = None

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


class TaskResult(Model):
    """A declared result. Its type, if unset: ``properties`` -> object, else string."""

    name: str
    type: ParamType | None = None
    properties: dict[str, PropertySpec] | None = None
    description: str = ""
    value: Annotated[Any, NotExecuted("task results taken from step results")] = None

    @property
    def kind(self) -> str:
        return self.type or ("object" if self.properties is not None else "string")


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


class KeyRef(Model):
    """One key of a Secret or ConfigMap."""

    name: str = ""
    key: str
    optional: bool = False


class EnvVarSource(Model):
    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None
    field_ref: Annotated[Any, NotExecuted("env from pod fields (fieldRef)")] = None
    resource_field_ref: Annotated[Any, NotExecuted("env from container resources (resourceFieldRef)")] = None


class EnvVar(Model):
    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class ObjectRef(Model):
    """Name of a Secret or ConfigMap."""

    name: str = ""
    optional: bool = False


class EnvFrom(Model):
    prefix: str = ""
    secret_ref: ObjectRef | None = None
    config_map_ref: ObjectRef | None = None


class VolumeMount(Model):
    name: str
    mount_path: str
    sub_path: str = ""
    read_only: bool = False
    sub_path_expr: Annotated[str, NotExecuted("volumeMounts[].subPathExpr")] = ""
    mount_propagation: Annotated[str, NotExecuted("volumeMounts[].mountPropagation")] = ""
    recursive_read_only: Annotated[str, NotEnforced("recursiveReadOnly")] = ""


class KeyToPath(Model):
    key: str
    path: str
    mode: int | None = None


class SecretSource(Model):
    secret_name: str = ""
    items: list[KeyToPath] | None = None
    default_mode: int | None = None
    optional: bool = False


class ConfigMapSource(Model):
    name: str = ""
    items: list[KeyToPath] | None = None
    default_mode: int | None = None
    optional: bool = False


class EmptyDir(Model):
    medium: Annotated[str, NotEnforced("emptyDir.medium")] = ""
    size_limit: Annotated[Any, NotEnforced("emptyDir.sizeLimit")] = None


class ClaimSource(Model):
    claim_name: str
    read_only: bool = False


class Volume(Model):
    """A volume of a Task: secret, configMap, emptyDir or persistentVolumeClaim."""

    name: str
    secret: SecretSource | None = None
    config_map: ConfigMapSource | None = None
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: ClaimSource | None = None
    projected: Annotated[Any, NotExecuted("projected volumes")] = None
    csi: Annotated[Any, NotExecuted("csi volumes")] = None
    host_path: Annotated[Any, NotExecuted("hostPath volumes")] = None
    ephemeral: Annotated[Any, NotExecuted("ephemeral volumes")] = None
    nfs: Annotated[Any, NotExecuted("nfs volumes")] = None
    downward_api: Annotated[Any, Field(alias="downwardAPI"), NotExecuted("downwardAPI volumes")] = None
    image: Annotated[Any, NotExecuted("image volumes")] = None


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


class Step(StepTemplate):
    """One step: a container of the TaskRun's pod, here a sandboxed process."""

    name: str = ""
    display_name: str = ""
    script: str = ""
    timeout: str = ""
    on_error: str = ""
    workspaces: list[WorkspaceUsage] | None = None
    ref: Annotated[Any, NotExecuted("StepActions (steps[].ref)")] = None
    params: Annotated[Any, NotExecuted("StepActions (steps[].params)")] = None
    results: Annotated[Any, NotExecuted("step results")] = None
    when: Annotated[Any, NotExecuted("when on steps")] = None
    stdout_config: Annotated[Any, NotExecuted("stdoutConfig")] = None
    stderr_config: Annotated[Any, NotExecuted("stderrConfig")] = None


class TaskSpec(Model):
    display_name: str = ""
    description: str = ""
    params: list[ParamSpec] | None = None
    results: list[TaskResult] | None = None
    workspaces: list[WorkspaceDeclaration] | None = None
    volumes: list[Volume] | None = None
    step_template: StepTemplate | None = None
    steps: list[Step] | None = None
    sidecars: Annotated[Any, NotExecuted("sidecars")] = None


class Task(Model):
    api_version: Literal["tekton.dev/v1"] = "tekton.dev/v1"
    kind: Literal["Task"] = "Task"
    metadata: ObjectMeta
    spec: TaskSpec


def step_name(step: Step, index: int) -> str:
    """Name of the step's container: ``step-<name>``, unnamed steps by position (pkg/pod/pod.go StepName)."""
    return f"step-{step.name}" if step.name else f"step-unnamed-{index}"
