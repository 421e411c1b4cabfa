"""What upstream refuses in a Pipeline and its run before anything starts, as far as it decides whether it can run.

v1/pipeline_validation.go and pr/resources/validate_dependencies.go. Findings are InputErrors; where the webhook words
them, with code ``tekton-invalid`` and the field's path. The first one is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from interlock.errors import InputError
from interlock.formats.tekton import durations, substitution
from interlock.formats.tekton.task import TaskSpec, When
from interlock.formats.tekton.validation import DNS_LABEL, invalid, task, unique
from interlock.tekton.spec import cel, graph, matrix, pipeline_variables, references
from interlock.tekton.spec.flags import Flags
from interlock.tekton.spec.pipeline import PipelineSpec, PipelineTask
from interlock.tekton.spec.reconciler_checks import one_source
from interlock.tekton.spec.runs import PipelineRunSpec

_FINAL_REFERENCE = "invalid value: invalid task result reference, final task has task result reference"
_TASK_KINDS = ("", "Task")


def pipeline(
    spec: PipelineSpec, *, flags: Flags | None = None, max_combinations: int = 256, propagated: Collection[str] = ()
) -> None:
    """Raise for the first reason that a PipelineSpec cannot run, its graph aside (`graph.build`).

    ``propagated`` are workspaces of the run, which a spec embedded in it need not declare.
    """
    flags = flags or Flags()
    if not spec.tasks:
        raise invalid(
            "spec.tasks is empty but spec.finally has tasks" if spec.finally_ else "missing field(s)", "spec.tasks"
        )
    declared = {*propagated, *(item.name for item in spec.workspaces or [])}
    unique((item.name for item in spec.workspaces or []), 'workspace "{}" appears more than once', "spec.workspaces")
    unique((item.name for item in spec.all_tasks()), 'expected exactly one, got both: task "{}"', "spec.tasks")
    unique((param.name.lower() for param in spec.params or []), 'parameter appears more than once "{}"', "spec.params")
    for section, tasks in (("tasks", spec.tasks), ("finally", spec.finally_)):
        for index, item in enumerate(tasks or []):
            _pipeline_task(item, f"spec.{section}[{index}]", declared, flags, max_combinations)
    for index, item in enumerate(spec.finally_ or []):
        if item.run_after:
            raise invalid(
                f"no runAfter allowed under spec.finally, final task {item.name} has runAfter specified",
                f"spec.finally[{index}]",
            )
    _finally_references(spec)
    _child_references(spec)
    _matrix_references(spec.tasks or [])
    for result in spec.results or []:
        if not any(references.parse(found) for found in substitution.references(result.value)):
            message = "expected pipeline results to be task result expressions but no expressions were found"
            raise invalid(f"invalid value: {message}", f"spec.results.{result.name}.value")


def _pipeline_task(item: PipelineTask, at: str, workspaces: set[str], flags: Flags, max_combinations: int) -> None:
    if not DNS_LABEL.match(item.name):
        raise invalid(f'invalid value "{item.name}": Pipeline Task name must be a valid DNS Label', f"{at}.name")
    _one_kind(item, at, flags)
    _embedded(item, at)
    on_error(item, at, flags)
    unique(
        (param.name for param in item.params or []), 'parameter names must be unique, got both: "{}"', f"{at}.params"
    )
    if item.timeout:
        durations.parse(item.timeout)
    for index, condition in enumerate(item.when or []):
        _when(condition, f"{at}.when[{index}]", flags)
    _matrix(item, f"{at}.matrix", flags, max_combinations)
    for binding in item.workspaces or []:
        if binding.source not in workspaces:
            expects = f'pipeline task "{item.name}" expects workspace with name "{binding.source}"'
            message = f"{expects} but none exists in pipeline spec"
            raise invalid(f"invalid value: {message}", f"{at}.workspaces")


def _needs(level: str, what: str, at: str, flags: Flags) -> None:
    """Refuse what the stability level does not allow (ValidateEnabledAPIFields)."""
    if not (flags.alpha if level == "alpha" else flags.beta):
        wanted = '"alpha"' if level == "alpha" else '"alpha" or "beta"'
        gate = f'requires "enable-api-fields" feature gate to be {wanted} but it is "{flags.enable_api_fields}"'
        raise invalid(f"{what} {gate}", at)


def _one_kind(item: PipelineTask, at: str, flags: Flags) -> None:
    """Exactly one of taskRef, taskSpec, pipelineRef, pipelineSpec (validateRefOrSpec)."""
    given = {
        "taskRef": item.task_ref,
        "taskSpec": item.task_spec,
        "pipelineRef": item.pipeline_ref,
        "pipelineSpec": item.pipeline_spec,
    }
    named = [name for name, value in given.items() if value is not None]
    for name in named:
        if name.startswith("pipeline"):
            _needs("alpha", name, at, flags)
    fields = ", ".join(f"{at}.{name}" for name in (named or (given if flags.alpha else ("taskRef", "taskSpec"))))
    if len(named) > 1:
        raise invalid("expected exactly one, got multiple", fields)
    if not named:
        raise invalid("expected exactly one, got neither", fields)


def _embedded(item: PipelineTask, at: str) -> None:
    """A custom task names its kind; another is a Task that can run (validateCustomTask, validateTask)."""
    for field, found in (("taskRef", item.task_ref), ("taskSpec", item.task_spec)):
        if found is None:
            continue
        if found.kind in _TASK_KINDS and not found.api_version:
            continue
        group, _, version = found.api_version.partition("/")
        noun = "ref" if field == "taskRef" else "spec"
        if not found.kind:
            raise invalid(f"invalid value: custom task {noun} must specify kind", f"{at}.{field}.kind")
        if not found.api_version:
            raise invalid(f"invalid value: custom task {noun} must specify apiVersion", f"{at}.{field}.apiVersion")
        if not group or not version or "/" in version:
            wrong = f'invalid apiVersion format "{found.api_version}", must be in the format "group/version"'
            raise invalid(f"invalid value: {wrong}", f"{at}.{field}.apiVersion")
        if item.task_spec is not None and item.task_spec.steps:
            message = "taskSpec.apiVersion cannot be specified when using taskSpec.steps"
            raise invalid(message, f"{at}.taskSpec.apiVersion")
        return
    if item.task_ref is not None and not (item.task_ref.name or item.task_ref.resolver):
        raise invalid("missing field(s)", f"{at}.taskRef.name")
    if item.task_spec is not None:
        task(item.task_spec)


def on_error(item: PipelineTask, at: str, flags: Flags) -> None:
    """``onError`` before and after its params are filled in (ValidateOnError)."""
    if not item.on_error or substitution.is_reference(item.on_error):
        return
    _needs("beta", "OnError", at, flags)
    if item.on_error not in ("continue", "stopAndFail"):
        message = 'PipelineTask OnError must be either "continue" or "stopAndFail"'
        raise invalid(f"invalid value: {item.on_error}: {at}.OnError\n{message}", at, got=item.on_error)
    if item.on_error == "continue" and item.retries > 0:
        raise invalid('PipelineTask OnError cannot be set to "continue" when Retries is greater than 0', at)


def _when(condition: When, at: str, flags: Flags) -> None:
    if not condition.cel:
        if condition.operator is None or not condition.values:
            raise invalid("invalid value: expecting non-empty values field", at)
        return
    if not flags.enable_cel_in_whenexpression:
        message = "feature flag enable-cel-in-whenexpression should be set to true to use CEL: {} in WhenExpression"
        raise invalid(message.format(condition.cel), at)
    if condition.input or condition.operator or condition.values:
        raise invalid("cel and input+operator+values cannot be set in one WhenExpression", at)
    try:
        cel.compile(condition.cel)
    except InputError as error:
        raise invalid(f"invalid cel expression: {condition.cel} with err: {error.message}", at) from error


def _matrix(item: PipelineTask, at: str, flags: Flags, max_combinations: int) -> None:
    """Combinations, names of params and where they are given (PipelineTask.validateMatrix)."""
    if item.matrix is None:
        return
    if matrix.is_matrixed(item):
        _needs("beta", "matrix", at, flags)
        count = matrix.count(item.matrix)
        if count > max_combinations:
            raise invalid(f"expected 0 <= {count} <= {max_combinations}", at)
        twice = 'parameter names must be unique, the parameter "{}" is also defined'
        for index, include in enumerate(item.matrix.include or []):
            unique((param.name for param in include.params or []), twice, f"{at}.include[{index}].params")
        unique((param.name for param in item.matrix.params or []), twice, f"{at}.params")
    fanned = {param.name for param in references.matrix_params(item)}
    for param in item.params or []:
        if param.name in fanned:
            raise invalid("expected exactly one, got both", f"{at}[{param.name}], params[{param.name}]")


def _child_references(spec: PipelineSpec) -> None:
    """Results of a child Pipeline do not reach its parent (validatePipelineRefResultReferencesDisallowed)."""
    children = {item.name for item in spec.all_tasks() if pipeline_variables.is_pipeline(item)}
    if not children:
        return
    for section, tasks in (("tasks", spec.tasks), ("finally", spec.finally_)):
        for index, item in enumerate(tasks or []):
            for ref in references.of_task(item):
                if ref.task in children:
                    why = "referenced task uses pipelineRef or pipelineSpec and result propagation from child Pipelines"
                    message = f'result reference to pipelineTask "{ref.task}" is not supported: {why}'
                    raise invalid(f"invalid value: {message} is not yet implemented", f"spec.{section}[{index}]")


def _matrix_references(tasks: Sequence[PipelineTask]) -> None:
    """Results of a matrix are consumed all together, and are strings (validateTaskResultsFromMatrixed…Consumed)."""
    fanned = {item.name: item for item in tasks if matrix.is_matrixed(item)}
    for item in tasks if fanned else ():
        for param in item.params or []:
            for expression in substitution.references(param.value):
                ref = references.parse(expression)
                if ref is None or ref.task not in fanned:
                    continue
                if not ref.star:
                    message = "A matrixed pipelineTask can only be consumed in aggregate using [*] notation"
                    raise invalid(f"{message}, but is currently set to {expression}", "spec.tasks")
                _string_result(fanned[ref.task], ref.result)


def _string_result(producer: PipelineTask, name: str) -> None:
    for result in (producer.task_spec.results if producer.task_spec else None) or []:
        if result.name == name and result.kind != "string":
            message = "Matrixed PipelineTasks emitting results must have an underlying type string"
            found = f"result {name} has type {result.kind} in pipelineTask"
            raise invalid(f"invalid value: {message}, but {found}", "spec.tasks")


def _finally_references(spec: PipelineSpec) -> None:
    """finally tasks use results of tasks only; status variables are theirs alone (validateFinalTasks)."""
    tasks = {item.name for item in spec.tasks or []}
    finals = {item.name for item in spec.finally_ or []}
    for item in spec.finally_ or []:
        for ref in references.of_task(item):
            if ref.task in finals:
                raise invalid(
                    f"{_FINAL_REFERENCE} from a final task {ref.task}",
                    "spec.finally",
                )
            if ref.task not in tasks:
                raise invalid(
                    f"{_FINAL_REFERENCE} from a task {ref.task} which is not defined in the pipeline",
                    "spec.finally",
                )
    for item in spec.tasks or []:
        values = [param.value for param in item.params or []]
        values += [condition.input for condition in item.when or []]
        values += [condition.cel for condition in item.when or []]
        for value in values:
            for found in substitution.references(value):
                parts = found.split(".")
                if parts[0] == "tasks" and (
                    parts[1:] == ["status"] or (len(parts) == 3 and parts[2] in ("status", "reason"))
                ):
                    message = (
                        "invalid value: pipeline tasks can not refer to execution status of any other pipeline task "
                        f"or aggregate status of tasks ({found})"
                    )
                    raise invalid(message, f"spec.tasks.{item.name}")


def pipeline_graph(spec: PipelineSpec) -> graph.Graph:
    """The graph of its tasks. Raises InputError ``pipeline-graph`` or ``pipeline-graph-finally``."""
    return graph.build(spec.tasks or [], spec.finally_ or [])


def pipeline_bindings(spec: PipelineSpec, run: PipelineRunSpec) -> None:
    """The run binds every required workspace, each to one source, and its taskRunSpecs name tasks that exist."""
    given = {binding.name: binding for binding in run.workspaces or []}
    for item in spec.workspaces or []:
        if not item.optional and item.name not in given:
            message = f'pipeline requires workspace with name "{item.name}" be provided by pipelinerun'
            raise InputError("workspace-bindings", message)
    for binding in given.values():
        one_source(binding)
    names = {item.name for item in spec.all_tasks()}
    for override in run.task_run_specs or []:
        if override.pipeline_task_name not in names:
            wrong = f'defined wrong taskName: "{override.pipeline_task_name}", does not exist in Pipeline'
            message = f"pipelineRun's taskrunSpecs {wrong}"
            raise InputError("task-run-specs", message)


def result_references(spec: PipelineSpec, tasks: Mapping[str, TaskSpec], used: graph.Graph) -> None:
    """Every result that tasks and pipeline results refer to is declared (pr/resources/validate_dependencies.go).

    Of custom tasks nobody knows what they will emit.
    """

    def problem(ref: references.ResultRef) -> str | None:
        if (producer := used.all.get(ref.task)) is None:
            return f'referenced pipeline task "{ref.task}" does not exist'
        if pipeline_variables.is_custom(producer):
            return None
        if ref.task not in tasks:
            return f'unable to validate result referencing pipeline task "{ref.task}": task spec not found'
        if ref.result not in {result.name for result in tasks[ref.task].results or []}:
            return f'"{ref.result}" is not a named result returned by pipeline task "{ref.task}"'
        return None

    for name, refs in used.references.items():
        for ref in refs:
            if text := problem(ref):
                raise InputError("task-result-reference", f'invalid result reference in pipeline task "{name}": {text}')
    for result in spec.results or []:
        for found in substitution.references(result.value):
            if (parsed := references.parse(found)) and (text := problem(parsed)):
                raise InputError("pipeline-result-reference", f'invalid pipeline result "{result.name}": {text}')


def optional_workspaces(spec: PipelineSpec, tasks: Mapping[str, TaskSpec]) -> None:
    """An optional workspace of the pipeline must not feed a task that requires it."""
    optional = {item.name for item in spec.workspaces or [] if item.optional}
    for item in spec.all_tasks() if optional else ():
        if item.name not in tasks:
            continue
        required = {declared.name for declared in tasks[item.name].workspaces or [] if not declared.optional}
        for binding in item.workspaces or []:
            if binding.workspace in optional and binding.name in required:
                requires = f'pipeline task "{item.name}" requires it be provided'
                message = f'pipeline workspace "{binding.workspace}" is marked optional but {requires}'
                raise InputError("required-workspace-optional", message)
