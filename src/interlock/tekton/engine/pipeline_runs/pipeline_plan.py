"""A PipelineRun before its first task: all fetched, validated in upstream's order, variables replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from interlock.errors import InputError, InterlockError, RefusedError, UnsupportedError
from interlock.formats.tekton import conditions, names, validation
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import TaskSpec
from interlock.tekton.engine.pipeline_runs import pipeline_source
from interlock.tekton.engine.pipeline_runs.child_status import Memory
from interlock.tekton.engine.pipeline_runs.pipeline_source import PipelineSource
from interlock.tekton.engine.services import Services
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec import (
    injection,
    params,
    pipeline_validation,
    pipeline_variables,
    references,
    unexecuted,
    variables,
    versions,
    when,
)
from interlock.tekton.spec.graph import Graph
from interlock.tekton.spec.pipeline import EmbeddedTask, PipelineSpec, PipelineTask
from interlock.tekton.spec.runs import PipelineRun, WorkspaceBinding

# What goes before an error's message, by its code: "{run}" is namespace/name, "{pipeline}" the pipeline's.
_SENTENCES: Mapping[str, str] = {
    "pipeline-graph": "PipelineRun {run}'s Pipeline DAG is invalid: ",
    "pipeline-graph-finally": "PipelineRun {run}'s Pipeline DAG is invalid for finally clause: ",
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
    "param-enum": "PipelineRun {run} parameters have invalid value: ",
    "param-enum-subset": "Validation failed for pipelinerun with error ",
    "cel-invalid": "Error evaluating CEL {name}: ",
    "result-index": "PipelineRun {run} can't be Run; couldn't resolve all references: ",
    "pipeline-result-reference": 'Failed to resolve pipeline result reference for "{name}" with error ',
    "required-workspace-optional": "Optional workspace not supported by task: ",
    "tekton-invalid": "Pipeline {pipeline} can't be Run; it has an invalid spec: ",
    "duration-invalid": "Pipeline {pipeline} can't be Run; it has an invalid spec: ",
}
_WITHOUT_LABEL = ("pipeline-result-reference", "task-result-reference")


@dataclass(frozen=True)
class Plan:
    """A PipelineRun that may start.

    ``tasks`` holds the Task of each PipelineTask that is one, ``pipelines`` the name of the Pipeline of each that is a
    child Pipeline by reference; both by the PipelineTask's name.
    """

    run: PipelineRun
    pipeline: str
    spec: PipelineSpec
    """Params, context and workspaces.*.bound replaced; results not yet."""
    graph: Graph
    tasks: Mapping[str, TaskSpec]
    pipelines: Mapping[str, str]
    bindings: Mapping[str, WorkspaceBinding]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    origin: Mapping[str, Any] | None = None
    verified: Mapping[str, Any] | None = None
    memory: Memory = field(default_factory=Memory, compare=False)

    @cached_property
    def status_spec(self) -> dict[str, Any]:
        """``status.pipelineSpec``."""
        return self.spec.to_object()


@dataclass
class _Tasks:
    """The Tasks and child Pipelines of a run, each reference without a resolver fetched once."""

    services: Services
    run: PipelineRun
    pipeline: str
    tasks: dict[str, TaskSpec] = field(default_factory=dict)
    pipelines: dict[str, str] = field(default_factory=dict)
    _held: dict[str, TaskSpec] = field(default_factory=dict)

    def fetch(self, task: PipelineTask) -> None:
        """Raises Refusal and InputError."""
        if pipeline_variables.is_custom(task) or task.pipeline_spec is not None:
            return
        if task.pipeline_ref is not None:
            self.pipelines[task.name] = pipeline_source.child_pipeline(
                self.services, self.run, self.pipeline, task.pipeline_ref, task.name
            )
        elif task.task_spec is not None:
            self.tasks[task.name] = plain(task.task_spec)
        elif task.task_ref is not None:
            name = task.task_ref.name
            found = None if task.task_ref.resolver else self._held.get(name)
            if found is None:
                found = pipeline_source.task(self.services, self.run, self.pipeline, task.task_ref, task.name).spec
                self._held[name] = found
            self.tasks[task.name] = found


def plain(task: EmbeddedTask) -> TaskSpec:
    """An embedded task without what only a PipelineTask's has."""
    held = {name: getattr(task, name) for name in TaskSpec.model_fields if name in task.model_fields_set}
    return TaskSpec.model_construct(set(held), **held)


def build(services: Services, run: PipelineRun, *, started: PipelineSpec | None) -> Plan:
    """``started`` is ``status.pipelineSpec`` of a run that is resumed: what was decided at its start stays decided.

    Raises Refusal.
    """
    source = pipeline_source.pipeline(services, run)
    try:
        return _build(services, run, source, started)
    except (InputError, UnsupportedError, RefusedError) as error:
        raise refusal(error, run, source.name) from error


def refusal(error: InterlockError, run: PipelineRun, pipeline: str) -> Refusal:
    """The end of a run for an error, in upstream's words."""
    namespace, name = run.metadata.namespace, run.metadata.name
    reason = conditions.PIPELINE_REASONS.get(error.code, conditions.PIPELINE_VALIDATION_FAILED)
    sentence = _SENTENCES.get(error.code, "")
    label = conditions.USER_ERROR if sentence and error.code not in _WITHOUT_LABEL else ""
    text = sentence.format(run=f"{namespace}/{name}", pipeline=f"{namespace}/{pipeline}", name=name)
    return Refusal(reason, f"{label}{text}{error.message}")


def _build(services: Services, run: PipelineRun, source: PipelineSource, started: PipelineSpec | None) -> Plan:
    spec, given = source.spec, run.spec.params
    unexecuted.refuse(run.spec)
    if run.spec.pipeline_spec is not spec:
        unexecuted.refuse(spec)
    if started is None:
        _check(services, run, spec)
    values = params.pipeline_values(spec.params, given)
    meta = run.metadata
    context = pipeline_variables.context(source.name, meta.name, meta.namespace, meta.uid)
    bindings = variables.in_bindings(run.spec.workspaces, values.strings)
    bindings = variables.in_bindings(bindings, context.strings)
    resolved = started
    if resolved is None:
        resolved = pipeline_variables.in_pipeline(spec, (values, context, _bound(spec, run)))
        for index, task in enumerate(resolved.all_tasks()):
            pipeline_validation.on_error(task, f"spec.tasks[{index}]", services.config.flags)
    found = _Tasks(services, run, source.name)
    for task in resolved.all_tasks():
        found.fetch(task)
    graph = pipeline_validation.pipeline_graph(resolved)
    if started is None:
        _check_tasks(services, spec, resolved, found.tasks)
        _refuse_injection(run, spec, found.tasks)
        for task in resolved.all_tasks():
            when.check(task.when)
        pipeline_validation.result_references(resolved, found.tasks, graph)
        pipeline_validation.optional_workspaces(resolved, found.tasks)
    return Plan(
        run=run,
        pipeline=source.name,
        spec=resolved,
        graph=graph,
        tasks=found.tasks,
        pipelines=found.pipelines,
        bindings={binding.name: binding for binding in bindings},
        labels={**source.labels, names.LABEL_PIPELINE: _label(run, source.name)},
        annotations=source.annotations,
        origin=source.origin,
        verified=source.verified,
    )


def _label(run: PipelineRun, pipeline: str) -> str:
    """``tekton.dev/pipeline``: of an embedded Pipeline the run's generateName, else its name.

    pr/pipelinerun.go propagatePipelineNameLabelToPipelineRun.
    """
    if run.spec.pipeline_spec is not None and run.metadata.generate_name:
        return names.restricted(run.metadata.generate_name) or run.metadata.name
    return pipeline


def _check(services: Services, run: PipelineRun, spec: PipelineSpec) -> None:
    """The run fits its Pipeline, and that can run at all."""
    config, given = services.config, run.spec.params
    pipeline_validation.pipeline_graph(spec)
    embedded = run.spec.pipeline_spec is not None
    pipeline_validation.pipeline(
        spec,
        flags=config.flags,
        max_combinations=config.max_matrix_combinations,
        propagated=[item.name for item in run.spec.workspaces or []] if embedded else (),
    )
    if not versions.of(config.tekton_version).pipeline_ref_tasks:
        for task in spec.all_tasks():
            if task.pipeline_ref is not None:
                message = f'PipelineRef for PipelineTask "{task.name}" is not yet implemented'
                raise InputError("result-index", message)
    params.check_pipeline(spec.params, given)
    if config.flags.enable_param_enum:
        params.check_enums(spec.params, given)
    params.check_indices(spec.params, given, params.index_texts(spec.all_tasks()))
    pipeline_validation.pipeline_bindings(spec, run.spec)


def _bound(spec: PipelineSpec, run: PipelineRun) -> Replacements:
    bound = {f"workspaces.{item.name}.bound": "false" for item in spec.workspaces or []}
    return Replacements(bound | {f"workspaces.{item.name}.bound": "true" for item in run.spec.workspaces or []})


def _check_tasks(services: Services, spec: PipelineSpec, resolved: PipelineSpec, tasks: Mapping[str, TaskSpec]) -> None:
    checked: set[int] = set()
    for written, task in zip(spec.all_tasks(), resolved.all_tasks(), strict=True):
        found = tasks.get(task.name)
        if found is None:
            continue
        if task.task_ref is not None and id(found) not in checked:
            unexecuted.refuse(found)
            validation.task(found)
            checked.add(id(found))
        name = task.task_ref.name if task.task_ref is not None else ""
        params.check_task(name, found.params, task.params, references.matrix_params(task))
        if services.config.flags.enable_param_enum:
            params.check_enum_subset(name, written.params, spec.params, found.params)


def _refuse_injection(run: PipelineRun, spec: PipelineSpec, tasks: Mapping[str, TaskSpec]) -> None:
    """What a webhook sent becomes the text of no script, in whichever Task. Raises InputError."""

    def embedded(task: PipelineTask) -> dict[str, Any]:
        found = tasks.get(task.name)
        return task.to_object() | ({"taskSpec": found.to_object()} if found is not None else {})

    given = run.spec.to_object()
    written = {"tasks": list(map(embedded, spec.tasks or [])), "finally": list(map(embedded, spec.finally_ or []))}
    injection.refuse(run.metadata.to_object(), {**given, "pipelineSpec": written})


def used_workspaces(task: PipelineTask, spec: TaskSpec, bound: Sequence[str]) -> list[str]:
    """Workspaces that an embedded task uses by variable only: they are handed down (PropagateWorkspaces)."""
    if task.task_spec is None or not bound:
        return []
    used = [*(spec.steps or []), *(spec.sidecars or []), *([spec.step_template] if spec.step_template else [])]
    text = "\n".join(item.model_dump_json(exclude_unset=True) for item in used)
    taken = {item.name for item in task.workspaces or []}
    return [name for name in bound if name not in taken and f"$(workspaces.{name}." in text]
