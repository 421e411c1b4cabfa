"""The order of a Pipeline's tasks (pkg/reconciler/pipeline/dag/dag.go)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from interlock.errors import InputError
from interlock.tekton.spec import references
from interlock.tekton.spec.pipeline import PipelineTask
from interlock.tekton.spec.references import ResultRef


@dataclass(frozen=True)
class Graph:
    """The tasks of a Pipeline, by name and in its order, with what each must wait for and which results it uses.

    Built once for a run: every judgement of it reads these and not the tasks' texts.
    """

    tasks: Mapping[str, PipelineTask]
    finals: Mapping[str, PipelineTask]
    parents: Mapping[str, tuple[str, ...]]
    """Of ``tasks``: ``runAfter`` and the tasks whose results it uses (v1/pipeline_types.go Deps)."""
    references: Mapping[str, tuple[ResultRef, ...]]
    """Of tasks and finally tasks; those that use no result are left out."""
    order: tuple[str, ...] = field(default=())
    """Names of ``tasks``, each after its parents."""

    @cached_property
    def all(self) -> dict[str, PipelineTask]:
        return {**self.tasks, **self.finals}

    def ready(self, done: Collection[str]) -> list[str]:
        """Tasks that are not done and whose parents all are."""
        return [name for name, before in self.parents.items() if name not in done and all(p in done for p in before)]


def build(tasks: Sequence[PipelineTask], finals: Sequence[PipelineTask] = ()) -> Graph:
    """The graph of tasks; ``finals``, which run all at once when those are done, are not in it but beside it.

    Raises InputError ``pipeline-graph`` or ``pipeline-graph-finally``, with upstream's words: a task twice, a cycle,
    an unknown task.
    """
    named = _named(tasks, "pipeline-graph")
    final = _named(finals, "pipeline-graph-finally")
    used = {task.name: tuple(references.of_task(task)) for task in (*tasks, *finals)}
    parents = {
        task.name: tuple(sorted({*(task.run_after or []), *(ref.task for ref in used[task.name])})) for task in tasks
    }
    order = _ordered(parents)
    for name, before in parents.items():
        for parent in before:
            if parent not in named:
                message = (
                    f"couldn't add link between {name} and {parent}: "
                    f"task {name} depends on {parent} but {parent} wasn't present in Pipeline"
                )
                raise InputError("pipeline-graph", message)
    return Graph(named, final, parents, {name: refs for name, refs in used.items() if refs}, order)


def _named(tasks: Sequence[PipelineTask], code: str) -> dict[str, PipelineTask]:
    found: dict[str, PipelineTask] = {}
    for task in tasks:
        if task.name in found:
            message = f"task {task.name} is already present in Graph, can't add it again: duplicate pipeline task"
            raise InputError(code, message)
        found[task.name] = task
    return found


def _ordered(parents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Kahn's algorithm; a cycle names the first task, by name, of what is left and all it still waits for."""
    waiting = {name: set(before) for name, before in parents.items() if before}
    children: dict[str, list[str]] = {}
    for name, before in waiting.items():
        for parent in before:
            children.setdefault(parent, []).append(name)
    order = [name for name in parents if name not in waiting]
    free = [*order, *(parent for parent in children if parent not in parents)]
    for parent in free:
        for child in children.get(parent, ()):
            waiting[child].discard(parent)
            if not waiting[child]:
                del waiting[child]
                order.append(child)
                free.append(child)
    if waiting:
        first = min(waiting)
        needs = ", ".join(f'"{parent}"' for parent in sorted(waiting[first]))
        raise InputError("pipeline-graph", f'cycle detected; task "{first}" depends on {needs}')
    return tuple(order)
