"""The order of a pipeline's tasks: every dependency exists, none leads back (pkg/reconciler/pipeline/dag)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.tekton.spec.admission import resultrefs
from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.faults import Faults, invalid
from interlock.tekton.spec.admission.wording import quoted


def check(tasks: Sequence[Object], *, beta1: bool = False) -> Faults:
    """The first thing that is wrong with the graph; upstream takes any of several, here it is the first by name."""
    seen: set[str] = set()
    for task in tasks:
        name = text(task, "name")
        if name in seen:
            words = f"task {name} is already present in Graph, can't add it again: duplicate pipeline task"
            yield invalid("task-name-twice", words, "tasks")
            return
        seen.add(name)
    needed = {text(task, "name"): deps for task in tasks if (deps := dependencies(task, beta1))}
    if (stuck := _cyclic(needed)) is not None:
        needs = ", ".join(map(quoted, sorted(stuck[1])))
        yield invalid("graph-cycle", f"cycle detected; task {quoted(stuck[0])} depends on {needs}", "tasks")
        return
    for name, deps in sorted(needed.items()):
        for dependency in sorted(deps):
            if dependency not in seen:
                reason = f"task {name} depends on {dependency} but {dependency} wasn't present in Pipeline"
                words = f"couldn't add link between {name} and {dependency}: {reason}"
                yield invalid("task-unknown", words, "tasks")
                return


def dependencies(task: Object, beta1: bool) -> set[str]:
    """What a task runs after: by name, or because it uses a result (PipelineTask.Deps)."""
    return {ref.task for ref in resultrefs.of_task(task, beta1=beta1)} | set(task.get("runAfter") or [])


def _cyclic(needed: Mapping[str, set[str]]) -> tuple[str, set[str]] | None:
    """The first task by name that waits for ever, and for whom (findCyclesInDependencies)."""
    waiting = {name: set(deps) for name, deps in needed.items()}
    children: dict[str, list[str]] = {}
    for name, deps in needed.items():
        for dependency in deps:
            children.setdefault(dependency, []).append(name)
    free = [name for name in children if name not in needed]
    while free:
        done = free.pop()
        for child in children.get(done, ()):
            waiting[child].discard(done)
            if not waiting[child]:
                del waiting[child]
                free.append(child)
    if not waiting:
        return None
    first = min(waiting)
    return first, waiting[first]
