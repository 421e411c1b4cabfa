"""Pipeline v1: the graph of tasks (pkg/apis/pipeline/v1/{pipeline,when}_types.go)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from interlock.formats.tekton.model import AnyParamValue, Model, ObjectMeta
from interlock.formats.tekton.task import Param, ParamSpec, ResolverRef, TaskSpec, When


class TaskRef(ResolverRef):
    """Reference to a Task of the run's namespace, of a resolver, or (a group's apiVersion and a kind) a custom task."""

    kind: str = ""
    api_version: str = ""


class PipelineRef(ResolverRef):
    """Reference to a Pipeline of the run's namespace or of a resolver."""

    api_version: str = ""


class TaskMetadata(Model):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class EmbeddedTask(TaskSpec):
    """A Task written inside a PipelineTask."""

    api_version: str = ""
    kind: str = ""
    metadata: TaskMetadata | None = None
    spec: Any = None
    """Of a custom task: whatever its kind takes."""


class WorkspacePipelineTaskBinding(Model):
    """Workspace ``name`` of the task is workspace ``workspace`` of the pipeline (default: of the same name)."""

    name: str
    workspace: str = ""
    sub_path: str = ""

    @property
    def source(self) -> str:
        return self.workspace or self.name


class IncludeParams(Model):
    """One ``matrix.include``: added where it does not contradict, else a combination of its own."""

    name: str = ""
    params: list[Param] | None = None


class Matrix(Model):
    """A task run once for each combination of values (v1/matrix_types.go)."""

    params: list[Param] | None = None
    include: list[IncludeParams] | None = None


class PipelineTask(Model):
    name: str
    display_name: str = ""
    description: str = ""
    task_ref: TaskRef | None = None
    task_spec: EmbeddedTask | None = None
    when: list[When] | None = None
    retries: int = 0
    run_after: list[str] | None = None
    params: list[Param] | None = None
    workspaces: list[WorkspacePipelineTaskBinding] | None = None
    timeout: str = ""
    on_error: str = ""
    matrix: Matrix | None = None
    pipeline_ref: PipelineRef | None = None
    pipeline_spec: PipelineSpec | None = None


class PipelineWorkspace(Model):
    name: str
    description: str = ""
    optional: bool = False


class PipelineResult(Model):
    name: str
    type: Literal["string", "array", "object"] | None = None
    description: str = ""
    value: AnyParamValue


class PipelineSpec(Model):
    display_name: str = ""
    description: str = ""
    params: list[ParamSpec] | None = None
    workspaces: list[PipelineWorkspace] | None = None
    tasks: list[PipelineTask] | None = None
    results: list[PipelineResult] | None = None
    finally_: list[PipelineTask] | None = None

    model_config = ConfigDict(alias_generator=lambda name: to_camel(name.rstrip("_")))

    def all_tasks(self) -> list[PipelineTask]:
        """Tasks, then finally tasks: the order of status fields upstream."""
        return [*(self.tasks or []), *(self.finally_ or [])]


class Pipeline(Model):
    api_version: Literal["tekton.dev/v1"] = "tekton.dev/v1"
    kind: Literal["Pipeline"] = "Pipeline"
    metadata: ObjectMeta
    spec: PipelineSpec
