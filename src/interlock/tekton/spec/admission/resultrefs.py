"""References to results of pipeline tasks (pkg/internal/resultref, v1/resultref.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interlock.tekton.spec.admission import params, variables, when
from interlock.tekton.spec.admission.context import Object, text

_INDEX = re.compile(r"\[([0-9])*\*?\]")


@dataclass(frozen=True, slots=True)
class ResultRef:
    task: str
    result: str
    index: int | None = None
    property: str = ""

    def __str__(self) -> str:
        """%v of upstream's struct, but for the address that it prints for an index."""
        index = "<nil>" if self.index is None else str(self.index)
        return f"{{{self.task} {self.result} {index} {self.property}}}"


def looks_like(expression: str) -> bool:
    parts = expression.split(".")
    return len(parts) >= 4 and parts[0] in ("tasks", "finally") and parts[2] == "results"


def any_looks_like(expressions: Iterable[str]) -> bool:
    return any(map(looks_like, expressions))


def parse(expression: str) -> ResultRef | None:
    """ParseTaskExpression; None where the text refers to no result."""
    parts = expression.split(".")
    if not looks_like(expression) or len(parts) > 5:
        return None
    if len(parts) == 5:
        return ResultRef(parts[1], parts[3], None, parts[4])
    found = _INDEX.search(parts[3])
    inside = found[0].strip("[]") if found else ""
    index = int(inside) if inside.isdigit() else None
    return ResultRef(parts[1], _INDEX.sub("", parts[3]), index)


def parse_all(expressions: Iterable[str]) -> list[ResultRef]:
    return [found for item in expressions if (found := parse(item)) is not None]


def of_task(task: Object, *, beta1: bool = False) -> list[ResultRef]:
    """Wherever a pipeline task can refer to results: params, matrix, guards, and but for v1beta1 the steps and sidecars
    of its own spec (PipelineTaskResultRefs)."""
    expressions: list[str] = []
    for param in all_params(task):
        expressions += params.expressions(param)
    for guard in task.get("when") or []:
        expressions += when.references(guard)
    spec = {} if beta1 else task.get("taskSpec") or {}
    for container in [*(spec.get("steps") or []), *(spec.get("sidecars") or [])]:
        expressions += _of_container(container)
    return parse_all(expressions)


def all_params(task: Object) -> list[Object]:
    """A pipeline task's params, those of its matrix and of the matrix's inclusions (extractAllParams)."""
    matrix = task.get("matrix") or {}
    found = [*(task.get("params") or []), *(matrix.get("params") or [])]
    for include in matrix.get("include") or []:
        found += include.get("params") or []
    return found


def _of_container(container: Object) -> list[str]:
    texts = [text(container, name) for name in ("name", "image", "imagePullPolicy", "script", "workingDir")]
    texts += [*(container.get("command") or []), *(container.get("args") or [])]
    for variable in container.get("env") or []:
        texts.append(text(variable, "value"))
        source = variable.get("valueFrom") or {}
        for name in ("secretKeyRef", "configMapKeyRef"):
            selector = source.get(name) or {}
            texts += [text(selector, "key"), text(selector, "name")]
    return [found for item in texts for found in variables.all_expressions(item)]


def names(tasks: Sequence[Object]) -> set[str]:
    return {text(task, "name") for task in tasks}
