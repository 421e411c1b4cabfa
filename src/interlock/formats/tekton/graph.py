"""The order of a Pipeline's tasks (pkg/reconciler/pipeline/dag/dag.go)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from interlock.errors import InputError
from interlock.formats.tekton import references
from interlock.formats.tekton.pipeline import PipelineTask


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks by name, in the Pipeline's order, each with the tasks that must be done before it."""

    parents: Mapping[str, tuple[str, ...]]

    def ready(self, done: Collection[str]) -> list[str]:
        """Tasks that are not done and whose parents all are."""
        return [name for name, before in self.parents.items() if name not in done and all(p in done for p in before)]


def dependencies(tasks: Sequence[PipelineTask]) -> dict[str, tuple[str, ...]]:
    """What each task waits for: ``runAfter`` and the tasks whose results it uses (v1/pipeline_types.go Deps)."""
    return {
        task.name: tuple(sorted({*(task.run_after or []), *(ref.task for ref in references.of_task(task))}))
        for task in tasks
    }


def build(tasks: Sequence[PipelineTask], *, ordered: bool = True) -> Graph:
    """The graph of tasks; of ``finally`` tasks, which run all at once, with ``ordered=False``.

    Raises InputError ``pipeline-graph`` with upstream's words: a task twice, a cycle, an unknown task.
    """
    names: set[str] = set()
    for task in tasks:
        if task.name in names:
            message = f"task {task.name} is already present in Graph, can't add it again: duplicate pipeline task"
            raise InputError("pipeline-graph", message)
        names.add(task.name)
    parents = dependencies(tasks) if ordered else {task.name: () for task in tasks}
    _refuse_cycles(parents)
    for name, before in parents.items():
        for parent in before:
            if parent not in names:
                message = (
                    f"couldn't add link between {name} and {parent}: "
                    f"task {name} depends on {parent} but {parent} wasn't present in Pipeline"
                )
                raise InputError("pipeline-graph", message)
    return Graph(parents)


def _refuse_cycles(parents: Mapping[str, tuple[str, ...]]) -> None:
    """Kahn's algorithm; the message names the first task, by name, of what is left and all it still waits for."""
    waiting = {name: set(before) for name, before in parents.items() if before}
    children: dict[str, list[str]] = {}
    for name, before in waiting.items():
        for parent in before:
            children.setdefault(parent, []).append(name)
    free = [parent for parent in children if parent not in waiting]
    while free:
        parent = free.pop()
        for child in children.get(parent, ()):
            waiting[child].discard(parent)
            if not waiting[child]:
                del waiting[child]
                free.append(child)
    if waiting:
        first = min(waiting)
        needs = ", ".join(f'"{parent}"' for parent in sorted(waiting[first]))
        raise InputError("pipeline-graph", f'cycle detected; task "{first}" depends on {needs}')
