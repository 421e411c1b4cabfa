"""Matrix: one PipelineTask, run once for each combination of values (v1/matrix_types.go).

The order is the code's, not the documentation's: the first param varies fastest. What ``include`` adds is folded into
every combination that it does not contradict, one include after the other, or becomes a combination of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interlock.errors import InputError
from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import ParamValue, value_type
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.pipeline import Matrix, PipelineTask
from interlock.tekton.spec.references import parse

Combination = dict[str, str]


def is_matrixed(task: PipelineTask) -> bool:
    """Whether the task fans out (IsMatrixed): an empty ``matrix`` does not."""
    return task.matrix is not None and bool(task.matrix.params or task.matrix.include)


def combinations(matrix: Matrix) -> list[Combination]:
    """Every combination, in order (FanOut); the names of each are sorted."""
    includes = [
        {param.name: param.value if isinstance(param.value, str) else "" for param in include.params or []}
        for include in matrix.include or []
    ]
    if not matrix.params:
        return [_sorted(include) for include in includes]
    found: list[Combination] = []
    for param in matrix.params:
        values = param.value if isinstance(param.value, list) else []
        found = (
            [{**combination, param.name: value} for value in values for combination in found]
            if found
            else [{param.name: value} for value in values]
        )
    for combination in found:
        for include in includes:
            if all(combination.get(name, value) == value for name, value in include.items()):
                combination.update(include)
    for include in includes:
        if include and not any(_shares(combination, include) for combination in found):
            found.append(include)
    return [_sorted(combination) for combination in found]


def _shares(combination: Combination, include: Combination) -> bool:
    return any(name in combination and combination[name] == value for name, value in include.items())


def _sorted(combination: Combination) -> Combination:
    return {name: combination[name] for name in sorted(combination)}


def count(matrix: Matrix) -> int:
    """How many runs the task becomes (CountCombinations).

    Upstream counts without building the combinations, so the two can differ for an include with several params: a run
    past the last combination gets none of the matrix's params, as upstream's does.
    """
    if not matrix.params:
        return len(matrix.include or [])
    total = 1
    for param in matrix.params:
        total *= len(param.value) if isinstance(param.value, list) and param.value else 1
    values = {param.name: param.value for param in matrix.params if isinstance(param.value, list)}
    return total + sum(_new(include.params or [], values) for include in matrix.include or [])


def _new(params: Sequence[Param], values: dict[str, list[str]]) -> int:
    found = 0
    for param in params:
        if param.name in values:
            if param.value in values[param.name]:
                break
            found += 1
    return found


def params_of(combination: Combination) -> list[Param]:
    """A combination as params."""
    return [Param(name=name, value=value) for name, value in combination.items()]


def has_empty_array(matrix: Matrix) -> bool:
    """Whether a param has no value, so that the task is skipped (skipBecauseEmptyArrayInMatrixParams)."""
    return any(param.value == [] for param in matrix.params or [])


def check_types(tasks: Iterable[PipelineTask]) -> None:
    """Raise InputError ``matrix-types`` (reason InvalidMatrixParameterTypes): arrays in params, strings in includes.

    A param that still refers to a result is left alone: its task has not finished (ValidateParameterTypesInMatrix).
    """
    for task in tasks:
        if task.matrix is None:
            continue
        for include in task.matrix.include or []:
            for param in include.params or []:
                if not isinstance(param.value, str):
                    raise _wrong_type("string", param, task)
        for param in task.matrix.params or []:
            if not isinstance(param.value, list) and not _refers_to_result(param.value):
                raise _wrong_type("array", param, task)


def _refers_to_result(value: ParamValue) -> bool:
    return any(parse(expression) is not None for expression in substitution.references(value))


def _wrong_type(wanted: str, param: Param, task: PipelineTask) -> InputError:
    found = f'param "{param.name}" has type "{value_type(param.value)}" in pipelineTask "{task.name}"'
    return InputError("matrix-types", f"parameters of type {wanted} only are allowed, but {found}")
