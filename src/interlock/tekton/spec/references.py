"""References to results of tasks: ``$(tasks.T.results.R)``, with ``[i]``, ``[*]`` or ``.key`` (internal/resultref)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interlock.formats.tekton import substitution
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.pipeline import PipelineTask

_INDEX = re.compile(r"\[([0-9]+|\*)\]")
STEP_FORMS = (
    'must be one of the form 1). "steps.<stepName>.results.<resultName>"; '
    '2). "steps.<stepName>.results.<objectResultName>.<individualAttribute>"'
)
"""Upstream's words for what is no reference to a step's result (internal/resultref ParseStepExpression)."""


@dataclass(frozen=True, slots=True)
class ResultRef:
    """A reference to a result of a PipelineTask. ``star`` is ``[*]``: all of an array or object."""

    task: str
    result: str
    index: int | None = None
    star: bool = False
    key: str = ""


def parse(expression: str) -> ResultRef | None:
    """``tasks.T.results.R…`` without ``$()``; None if it is another kind of reference."""
    return _parse(expression, ("tasks", "finally"))


def of_step(expression: str) -> ResultRef | None:
    """``steps.S.results.R…`` without ``$()``, with the step's name as ``task``; None if it is another reference."""
    return _parse(expression, ("steps",))


def _parse(expression: str, owners: tuple[str, ...]) -> ResultRef | None:
    parts = expression.split(".")
    if len(parts) not in (4, 5) or parts[0] not in owners or parts[2] != "results":
        return None
    if len(parts) == 5:
        return ResultRef(parts[1], parts[3], key=parts[4])
    found = _INDEX.search(parts[3])
    name = _INDEX.sub("", parts[3])
    if found is None:
        return ResultRef(parts[1], name)
    return ResultRef(parts[1], name, star=True) if found[1] == "*" else ResultRef(parts[1], name, index=int(found[1]))


def of_task(task: PipelineTask) -> list[ResultRef]:
    """Every result reference that orders a PipelineTask (PipelineTaskResultRefs).

    In params, matrix and when, and in the steps and sidecars of an embedded task.
    """
    expressions = plain_expressions(task)
    for param in matrix_params(task):
        expressions += substitution.references(param.value)
    expressions += embedded_expressions(task)
    return list(dict.fromkeys(ref for ref in map(parse, expressions) if ref is not None))


def matrix_params(task: PipelineTask) -> list[Param]:
    """Params of the matrix and of its includes (GetAllParams)."""
    if task.matrix is None:
        return []
    includes = task.matrix.include or []
    return [*(task.matrix.params or []), *(param for include in includes for param in include.params or [])]


def plain_expressions(task: PipelineTask) -> list[str]:
    """References in params and when: those for which a task is skipped where a result is missing."""
    expressions: list[str] = []
    for param in task.params or []:
        expressions += substitution.references(param.value)
    for condition in task.when or []:
        expressions += substitution.references(condition.input)
        expressions += substitution.references(condition.cel)
        expressions += substitution.references(condition.values or [])
    return expressions


def embedded_expressions(task: PipelineTask) -> list[str]:
    """References in the steps and sidecars of an embedded task."""
    if task.task_spec is None:
        return []
    containers = [*(task.task_spec.steps or []), *(task.task_spec.sidecars or [])]
    return [
        found
        for container in containers
        for text in strings(container.to_object())
        for found in substitution.references(text)
    ]


def strings(value: Any) -> Iterator[str]:
    """Every string below a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
