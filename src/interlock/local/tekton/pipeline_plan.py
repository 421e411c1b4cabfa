"""A PipelineRun before its first task: all fetched, validated in upstream's order, variables replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnsupportedError
from interlock.formats.tekton import conditions, names, params, unexecuted, validation, variables
from interlock.formats.tekton.graph import Graph
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.pipeline import Pipeline, PipelineSpec, PipelineTask
from interlock.formats.tekton.runs import PipelineRun, WorkspaceBinding
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import API_VERSION, Task, TaskSpec
from interlock.local.tekton.services import Services
from interlock.local.tekton.task_plan import Refusal

# What goes before an error's message, by its code: "{run}" is namespace/name, "{pipeline}" the pipeline's.
_SENTENCES: Mapping[str, str] = {
    "pipeline-graph": "PipelineRun {run}'s Pipeline DAG is invalid: ",
    "parameter-missing": "PipelineRun {run} is missing some parameters required by Pipeline {pipeline}: ",
    "parameter-type-mismatch": (
        "PipelineRun {run} parameters have mismatching types with Pipeline {pipeline}'s parameters: "
    ),
    "object-parameter-miss-keys": (
        "PipelineRun {run} parameters is missing object keys required by Pipeline {pipeline}'s parameters: "
    ),
    "param-array-indexing-invalid": (
        "PipelineRun {run} failed validation: failed to validate Pipeline {pipeline}'s parameter which has an invalid "
        "index while referring to an array: "
    ),
    "workspace-bindings": "PipelineRun {run} doesn't bind Pipeline {pipeline}'s Workspaces correctly: ",
    "task-run-specs": "PipelineRun {run} doesn't define taskRunSpecs correctly: ",
    "params-unresolved": "Failed to apply parameters to Pipeline {pipeline}: ",
    "params-invalid": "Validation failed for pipelinerun {name} with error ",
    "pipeline-result-reference": 'Failed to resolve pipeline result reference for "{name}" with error ',
    "required-workspace-optional": "Optional workspace not supported by task: ",
    "tekton-invalid": "Pipeline {pipeline} can't be Run; it has an invalid spec: ",
    "duration-invalid": "Pipeline {pipeline} can't be Run; it has an invalid spec: ",
}
_WITHOUT_LABEL = ("pipeline-result-reference", "task-result-reference")


@dataclass(frozen=True)
class Plan:
    """A PipelineRun that may start. ``tasks`` holds the Task of each PipelineTask, by the PipelineTask's name."""

    pipeline: str
    spec: PipelineSpec
    """Params, context and workspaces.*.bound replaced; results not yet."""
    graph: Graph
    tasks: Mapping[str, TaskSpec]
    bindings: Mapping[str, WorkspaceBinding]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def build(services: Services, run: PipelineRun, *, started: PipelineSpec | None) -> Plan:
    """``started`` is ``status.pipelineSpec`` of a run that is resumed: what was decided at its start stays decided.

    Raises Refusal.
    """
    meta = run.metadata
    pipeline, spec, labels, annotations = _pipeline(services, run)
    try:
        return _build(services, run, pipeline, spec, labels, annotations, started)
    except (InputError, UnsupportedError, RefusedError) as error:
        raise _refusal(error, meta.namespace, meta.name, pipeline) from error


def _refusal(error: InterlockError, namespace: str, name: str, pipeline: str) -> Refusal:
    reason = conditions.PIPELINE_REASONS.get(error.code, conditions.PIPELINE_VALIDATION_FAILED)
    sentence = _SENTENCES.get(error.code, "")
    label = conditions.USER_ERROR if sentence and error.code not in _WITHOUT_LABEL else ""
    text = sentence.format(run=f"{namespace}/{name}", pipeline=f"{namespace}/{pipeline}", name=name)
    return Refusal(reason, f"{label}{text}{error.message}")


def _pipeline(services: Services, run: PipelineRun) -> tuple[str, PipelineSpec, Mapping[str, str], Mapping[str, str]]:
    """Name, spec, labels and annotations of the run's pipeline; an embedded one has the run's name."""
    meta, spec = run.metadata, run.spec
    where = f"Error retrieving pipeline for pipelinerun {meta.namespace}/{meta.name}: "
    if spec.pipeline_spec is not None:
        return meta.name, spec.pipeline_spec, {}, {}
    if spec.pipeline_ref is None:
        message = f"{where}pipelineRun {meta.name} not providing PipelineRef or PipelineSpec"
        raise Refusal(conditions.COULDNT_GET_PIPELINE, message)
    try:
        unexecuted.refuse(spec.pipeline_ref)
        found = services.client.get(API_VERSION, "Pipeline", spec.pipeline_ref.name, meta.namespace)
        pipeline = parse(Pipeline, found, what=f"Pipeline {spec.pipeline_ref.name}")
    except NotFoundError as error:
        missing = f'pipelines.tekton.dev "{spec.pipeline_ref.name}" not found'
        cause = f"error when getting Pipeline for PipelineRun {meta.name}: {missing}"
        raise Refusal(conditions.COULDNT_GET_PIPELINE, where + cause) from error
    except (InputError, UnsupportedError) as error:
        raise _refusal(error, meta.namespace, meta.name, spec.pipeline_ref.name) from error
    return pipeline.metadata.name, pipeline.spec, pipeline.metadata.labels or {}, pipeline.metadata.annotations or {}


def _build(
    services: Services,
    run: PipelineRun,
    pipeline: str,
    spec: PipelineSpec,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    started: PipelineSpec | None,
) -> Plan:
    given = run.spec.params
    unexecuted.refuse(run.spec)
    unexecuted.refuse_pipeline(spec)
    if started is None:
        validation.pipeline_graph(spec)
        validation.pipeline(spec)
        params.check_pipeline(spec.params, given)
        params.check_indices(spec.params, given, params.texts([task.to_object() for task in spec.all_tasks()]))
        validation.pipeline_bindings(spec, run.spec)
    values = params.pipeline_values(spec.params, given)
    meta = run.metadata
    context = variables.pipeline_context(pipeline, meta.name, meta.namespace, meta.uid)
    bindings = variables.in_bindings(run.spec.workspaces, values.strings)
    bindings = variables.in_bindings(bindings, context.strings)
    resolved = started if started is not None else _resolved(spec, run, values, context)
    tasks = {task.name: _task(services, run, pipeline, task) for task in resolved.all_tasks()}
    if started is None:
        for task in resolved.all_tasks():
            unexecuted.refuse(tasks[task.name])
            validation.task(tasks[task.name])
            name = task.task_ref.name if task.task_ref is not None else ""
            params.check_task(name, tasks[task.name].params, task.params)
        validation.result_references(resolved, tasks)
        validation.optional_workspaces(resolved, tasks)
    graph, _ = validation.pipeline_graph(resolved)
    return Plan(
        pipeline=pipeline,
        spec=resolved,
        graph=graph,
        tasks=tasks,
        bindings={binding.name: binding for binding in bindings},
        labels={**labels, names.LABEL_PIPELINE: pipeline},
        annotations=annotations,
    )


def _resolved(spec: PipelineSpec, run: PipelineRun, values: Replacements, context: Replacements) -> PipelineSpec:
    """The spec with params, context and bound workspaces filled in, in upstream's order."""
    spec = variables.in_pipeline(spec, values)
    spec = variables.in_pipeline(spec, context)
    bound = {f"workspaces.{item.name}.bound": "false" for item in spec.workspaces or []}
    bound |= {f"workspaces.{item.name}.bound": "true" for item in run.spec.workspaces or []}
    return variables.in_pipeline(spec, Replacements(bound))


def _task(services: Services, run: PipelineRun, pipeline: str, task: PipelineTask) -> TaskSpec:
    if task.task_spec is not None:
        value = task.task_spec.to_object()
        return parse(
            TaskSpec, {key: item for key, item in value.items() if key not in ("apiVersion", "kind", "metadata")}
        )
    if task.task_ref is None:
        raise InputError("tekton-invalid", f"task {task.name} has neither taskRef nor taskSpec")
    name, namespace = task.task_ref.name, run.metadata.namespace
    try:
        return parse(Task, services.client.get(API_VERSION, "Task", name, namespace), what=f"Task {name}").spec
    except NotFoundError as error:
        message = (
            f"Pipeline {namespace}/{pipeline} can't be Run; it contains Tasks that don't exist: "
            f'Couldn\'t retrieve Task "{name}": tasks.tekton.dev "{name}" not found'
        )
        raise Refusal(conditions.COULDNT_GET_TASK, message) from error


def used_workspaces(task: PipelineTask, spec: TaskSpec, bound: Sequence[str]) -> list[str]:
    """Workspaces that an embedded task uses by variable only: they are handed down (PropagateWorkspaces)."""
    if task.task_spec is None:
        return []
    texts = params.texts([spec.to_object().get(key) for key in ("steps", "stepTemplate")])
    taken = {item.name for item in task.workspaces or []}
    return [name for name in bound if name not in taken and any(f"$(workspaces.{name}." in text for text in texts)]
