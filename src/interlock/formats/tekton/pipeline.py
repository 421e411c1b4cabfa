"""Pipeline v1: the graph of tasks (pkg/apis/pipeline/v1/{pipeline,when}_types.go)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from interlock.formats.tekton.model import AnyParamValue, Model, NotExecuted, ObjectMeta
from interlock.formats.tekton.task import Param, ParamSpec, TaskSpec


class When(Model):
    """A condition: ``input`` is (not) among ``values``."""

    input: str = ""
    operator: Literal["in", "notin"] | None = None
    values: list[str] | None = None
    cel: Annotated[str, NotExecuted("CEL in when")] = ""


class TaskRef(Model):
    """Reference to a Task of the run's namespace."""

    name: str = ""
    kind: str = ""
    api_version: str = ""
    resolver: Annotated[str, NotExecuted("resolvers (taskRef.resolver)")] = ""
    params: Annotated[Any, NotExecuted("resolvers (taskRef.params)")] = None


class PipelineRef(Model):
    """Reference to a Pipeline of the run's namespace."""

    name: str = ""
    api_version: str = ""
    resolver: Annotated[str, NotExecuted("resolvers (pipelineRef.resolver)")] = ""
    params: Annotated[Any, NotExecuted("resolvers (pipelineRef.params)")] = None


class TaskMetadata(Model):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class EmbeddedTask(TaskSpec):
    """A Task written inside a PipelineTask."""

    api_version: str = ""
    kind: str = ""
    metadata: TaskMetadata | None = None
    spec: Annotated[Any, NotExecuted("custom tasks (taskSpec.spec)")] = None


class WorkspacePipelineTaskBinding(Model):
    """Workspace ``name`` of the task is workspace ``workspace`` of the pipeline (default: of the same name)."""

    name: str
    workspace: str = ""
    sub_path: str = ""

    @property
    def source(self) -> str:
        return self.workspace or self.name


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
    matrix: Annotated[Any, NotExecuted("matrix")] = None
    pipeline_ref: Annotated[Any, NotExecuted("pipelines in pipelines (pipelineRef)")] = None
    pipeline_spec: Annotated[Any, NotExecuted("pipelines in pipelines (pipelineSpec)")] = None


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
