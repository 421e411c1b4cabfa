"""Variables in a pipeline's tasks: the context, results, the status of other tasks (v1/pipeline_validation.go)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from interlock.tekton.spec.admission import matrix, params, resultrefs, variables, when
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, invalid, key, via
from interlock.tekton.spec.admission.steps import ARTIFACTS_FLAG, TASK_ARTIFACT
from interlock.tekton.spec.admission.wording import listed, quoted

_PREFIXES = ("params", "tasks", "finally", "context", "workspaces", "results")
_STATUS = (".status", ".reason")

Place = tuple[tuple[str | int, ...], list[str]]
"""Where something with references stands in a task, and its references."""


def check(own: Sequence[Object], final: Sequence[Object]) -> Faults:
    yield from via(_context(own), "tasks")
    yield from via(_context(final), "finally")
    known = resultrefs.names(own)
    for index, task in enumerate(own):
        yield from via(_no_status(task), "tasks", index)
    for index, task in enumerate(final):
        yield from via(_known_status(task, known), "finally", index)


def _context(tasks: Sequence[Object]) -> Faults:
    """validatePipelineContextVariables: upstream keeps the values of the last task only."""
    values = params.values(resultrefs.all_params(tasks[-1])) if tasks else []
    rules = (("pipelineRun", ("name", "namespace", "uid")), ("pipeline", ("name",)), ("pipelineTask", ("retries",)))
    for owner, known in rules:
        for value in values:
            yield from via(variables.unknown(value, f"context\\.{owner}", known), "value")


def _places(task: Object) -> Iterator[Place]:
    """The params and guards of a task that refer to something."""
    for param in task.get("params") or []:
        if found := params.expressions(param):
            yield ("params", key(text(param, "name")), "value"), found
    for index, guard in enumerate(task.get("when") or []):
        if found := when.references(guard):
            yield ("when", index), found


def _no_status(task: Object) -> Faults:
    """A task does not know how others ended (validateExecutionStatusVariablesDisallowed)."""
    words = "pipeline tasks can not refer to execution status of any other pipeline task or aggregate status of tasks"
    for path, found in _places(task):
        if not resultrefs.any_looks_like(found) and any(map(_is_status, found)):
            yield from via([invalid("task-status", words)], *path)


def _is_status(expression: str) -> bool:
    return expression.startswith("tasks.") and expression.endswith(_STATUS)


def _known_status(task: Object, known: Collection[str]) -> Faults:
    """A finally task asks only for tasks that there are (validateExecutionStatusVariablesAllowed)."""
    for path, found in _places(task):
        if resultrefs.any_looks_like(found):
            continue
        for expression in found:
            if expression == "tasks.status" or not _is_status(expression):
                continue
            name = expression.removeprefix("tasks.")[: -len(".status")]
            if name not in known:
                words = f"pipeline task {name} is not defined in the pipeline"
                yield from via([invalid("task-status-unknown", words)], *path)


def results(declared: Sequence[Object], own: Sequence[Object], final: Sequence[Object]) -> Faults:
    """The pipeline's results are references to results of its tasks (validatePipelineResults)."""
    names = {"tasks": resultrefs.names(own), "finally": resultrefs.names(final)}
    for index, result in enumerate(declared):
        for words in _result(result, names):
            yield from via([invalid("pipeline-result", words, "value")], "results", index)


def _result(result: Object, names: dict[str, set[str]]) -> Iterator[str]:
    expressions = params.expressions(result)
    expected = "expected pipeline results to be task result expressions but"
    if not expressions:
        yield f"{expected} no expressions were found"
    if not resultrefs.any_looks_like(expressions):
        yield f"{expected} an invalid expressions was found"
    expressions = [item for item in expressions if resultrefs.looks_like(item)]
    refs = resultrefs.parse_all(expressions)
    if len(refs) != len(expressions):
        printed = listed(map(str, refs))
        yield f"expected all of the expressions {listed(expressions)} to be result expressions but only {printed} were"
    value = result.get("value")
    if not _names_a_task(value if isinstance(value, str) else "", names):
        yield "referencing a nonexistent task"


def _names_a_task(value: str, names: dict[str, set[str]]) -> bool:
    """taskContainsResult."""
    for piece in value.split("$"):
        if not piece:
            continue
        expression = f"${piece}".removeprefix("$(").removesuffix(")")
        ref = resultrefs.parse(expression)
        if ref is None:
            return False
        if any(expression.startswith(part) and ref.task not in known for part, known in names.items()):
            return False
    return True


def nested_results(context: Context, own: Sequence[Object], final: Sequence[Object]) -> Faults:
    """A pipeline in a pipeline hands out no results (validatePipelineRefResultReferencesDisallowed)."""
    nested = {text(task, "name") for task in own if "pipelineRef" in task or "pipelineSpec" in task}
    if not nested:
        return
    for section, tasks in (("tasks", own), ("finally", final)):
        for index, task in enumerate(tasks):
            for ref in resultrefs.of_task(task, beta1=context.beta1):
                if ref.task in nested:
                    words = (
                        f"result reference to pipelineTask {quoted(ref.task)} is not supported: referenced task uses "
                        "pipelineRef or pipelineSpec and result propagation from child Pipelines is not yet implemented"
                    )
                    yield from via([invalid("pipeline-in-pipeline-result", words)], section, index)


def final_results(own: Sequence[Object], final: Sequence[Object]) -> Faults:
    """Finally tasks use results of tasks, not of one another (validateTaskResultReferenceInFinallyTasks)."""
    tasks, finals = resultrefs.names(own), resultrefs.names(final)
    start = "invalid task result reference, final task has task result reference from a"
    for index, task in enumerate(final):
        for path, found in _places(task):
            for ref in resultrefs.parse_all(found):
                if ref.task in finals:
                    yield from via([invalid("finally-result", f"{start} final task {ref.task}")], index, *path)
                elif ref.task not in tasks:
                    words = f"{start} task {ref.task} which is not defined in the pipeline"
                    yield from via([invalid("finally-result", words)], index, *path)


def artifacts(context: Context, own: Sequence[Object], final: Sequence[Object]) -> Faults:
    """validateArtifactReference: the first place is enough."""
    if context.flags.enable_artifacts:
        return
    for section, tasks in (("tasks", own), ("finally", final)):
        for index, task in enumerate(tasks):
            if any(TASK_ARTIFACT.search(value) for value in params.values(task.get("params") or [])):
                yield from via([Fault("feature-flag", ARTIFACTS_FLAG)], section, index, "params")
                return


def prefixes(tasks: Sequence[Object]) -> Faults:
    """validateVarSubstitutionExpressions."""
    for index, task in enumerate(tasks):
        for path, found in [*_places(task), *_matrix_places(task)]:
            for expression in found:
                if expression.split(".")[0] not in _PREFIXES:
                    words = (
                        f"invalid variable reference {quoted(f'$({expression})')}, must start with a valid prefix: "
                        "params, tasks, finally, context, workspaces, or results; if you meant a shell variable, use "
                        "${VAR} instead"
                    )
                    yield from via([invalid("variable-prefix", words)], index, *path)


def _matrix_places(task: Object) -> Iterator[Place]:
    if not matrix.is_matrixed(task):
        return
    for param in task["matrix"].get("params") or []:
        yield ("matrix", "params", key(text(param, "name")), "value"), params.expressions(param)
    for index, include in enumerate(task["matrix"].get("include") or []):
        for param in include.get("params") or []:
            yield (
                ("matrix", "include", index, "params", key(text(param, "name")), "value"),
                params.expressions(param),
            )
