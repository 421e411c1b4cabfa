"""Matrices (v1/matrix_types.go, the matrix part of v1/pipeline_validation.go)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.tekton.spec.admission import params, resultrefs
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, both, invalid, key, via
from interlock.tekton.spec.admission.params import Declared
from interlock.tekton.spec.admission.resultrefs import ResultRef

MAXIMUM = 256
"""default-max-matrix-combinations-count."""
_LARGEST = (1 << 63) - 1


def is_matrixed(task: Object) -> bool:
    matrix = task.get("matrix") or {}
    return bool(matrix.get("params") or matrix.get("include"))


def check(context: Context, tasks: Sequence[Object]) -> Faults:
    """validateMatrix."""
    for index, task in enumerate(tasks):
        yield from via(_task(context, task), index)
    yield from _consumed(tasks)


def _task(context: Context, task: Object) -> Faults:
    matrix = task.get("matrix") or {}
    if is_matrixed(task):
        yield from context.needs("matrix", "beta")
        if (count := combinations(matrix)) > MAXIMUM:
            yield Fault("matrix-size", f"expected 0 <= {count} <= {MAXIMUM}", ("matrix",))
        for index, include in enumerate(matrix.get("include") or []):
            yield from via(params.given_once(include.get("params") or []), "matrix", "include", index, "params")
        yield from via(params.given_once(matrix.get("params") or []), "matrix", "params")
    inside = {text(param, "name") for param in _all(matrix)}
    for param in task.get("params") or []:
        if (name := text(param, "name")) in inside:
            yield both("matrix-and-params", f"matrix[{name}]", f"params[{name}]")


def _all(matrix: Object) -> list[Object]:
    found = list(matrix.get("params") or [])
    for include in matrix.get("include") or []:
        found += include.get("params") or []
    return found


def combinations(matrix: Object) -> int:
    """CountCombinations: the product of the arrays, and what the inclusions add to it."""
    arrays = {text(param, "name"): _array(param) for param in matrix.get("params") or []}
    count = 1 if arrays else 0
    for param in matrix.get("params") or []:
        count = min(count * max(len(_array(param)), 1), _LARGEST)
    return min(count + _included(matrix, arrays), _LARGEST)


def _included(matrix: Object, arrays: Mapping[str, list[str]]) -> int:
    includes = matrix.get("include") or []
    if not arrays:
        return len(includes)
    count = 0
    for include in includes:
        for param in include.get("params") or []:
            if (values := arrays.get(text(param, "name"))) is None:
                continue
            if _string(param) in values:
                break
            count += 1
    return count


def _array(param: Object) -> list[str]:
    value = param.get("value")
    return value if isinstance(value, list) else []


def _string(param: Object) -> str:
    value = param.get("value")
    return value if isinstance(value, str) else ""


def usage(task: Object, known: Declared) -> Faults:
    """References to the pipeline's params (validatePipelineParametersVariablesInMatrixParameters)."""
    matrix = task.get("matrix") or {}
    for include in matrix.get("include") or []:
        for index, param in enumerate(include.get("params") or []):
            yield from via(params.string(_string(param), known), "matrix", "include", "params", index)
    for param in matrix.get("params") or []:
        for index, item in enumerate(_array(param)):
            yield from via(params.array(item, known), "matrix", "params", key(text(param, "name")), "value", index)


def _consumed(tasks: Sequence[Object]) -> Faults:
    """Results of a matrixed task are strings, and used all together (validateTaskResultsFromMatrixed…Consumed).

    Upstream stops at the first task that uses one wrongly, and looks at the types of those that the last task uses.
    """
    by_name = {text(task, "name"): task for task in tasks}
    used: list[ResultRef] = []
    for task in tasks:
        for param in task.get("params") or []:
            expressions = params.expressions(param)
            if not resultrefs.any_looks_like(expressions):
                continue
            wrong, used = _use(expressions, by_name)
            if wrong:
                yield from wrong
                return
    for ref in used:
        yield from _strings(ref, by_name)


def _use(expressions: Sequence[str], by_name: Mapping[str, Object]) -> tuple[list[Fault], list[ResultRef]]:
    wrong, matrixed = [], []
    for expression in filter(resultrefs.looks_like, expressions):
        if is_matrixed(by_name.get(expression.split(".")[1]) or {}):
            if not expression.endswith("[*]"):
                words = (
                    "A matrixed pipelineTask can only be consumed in aggregate using [*] notation, but is currently "
                    f"set to {expression}"
                )
                wrong.append(Fault("matrix-result-whole", words, ()))
            matrixed.append(expression)
    return wrong, resultrefs.parse_all(matrixed)


def _strings(ref: ResultRef, by_name: Mapping[str, Object]) -> Faults:
    task = by_name.get(ref.task) or {}
    if "taskRef" in task:
        task = by_name.get(text(task["taskRef"], "name")) or {}
    for result in (task.get("taskSpec") or {}).get("results") or []:
        kind = text(result, "type")
        if text(result, "name") == ref.result and kind != "string":
            words = (
                "Matrixed PipelineTasks emitting results must have an underlying type string, but result "
                f"{ref.result} has type {kind} in pipelineTask"
            )
            yield invalid("matrix-result-type", words)
