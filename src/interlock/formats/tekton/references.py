"""References to results of tasks: ``$(tasks.T.results.R)``, with ``[i]``, ``[*]`` or ``.key`` (internal/resultref)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interlock.formats.tekton import substitution
from interlock.formats.tekton.pipeline import PipelineTask

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
    """Every result reference that orders a PipelineTask: in params, when, embedded steps (PipelineTaskResultRefs)."""
    expressions: list[str] = []
    for param in task.params or []:
        expressions += substitution.references(param.value)
    for condition in task.when or []:
        expressions += substitution.references(condition.input)
        expressions += substitution.references(condition.values or [])
    for step in (task.task_spec.steps if task.task_spec else None) or []:
        expressions += [found for text in strings(step.to_object()) for found in substitution.references(text)]
    return list(dict.fromkeys(ref for ref in map(parse, expressions) if ref is not None))


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
