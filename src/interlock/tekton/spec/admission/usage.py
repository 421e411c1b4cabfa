"""References in the texts of steps and StepActions: to params, to keys of objects, to the context.

v1/task_validation.go from validateTaskContextVariables on. What is checked against the same names for every step is
asked once; upstream repeats it, and merges what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from interlock.tekton.spec.admission import steps, variables
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, via
from interlock.tekton.spec.admission.params import Declared
from interlock.tekton.spec.admission.steps import Text

_RUN = ("name", "namespace", "uid")
_TASK = ("name", "retry-count")
# Only one of upstream's walks spells these so.
_SPELLED = {"mountPath": "MountPath", "subPath": "SubPath"}


def of_context(context: Context, listed: Sequence[Object]) -> Faults:
    """validateTaskContextVariables."""
    yield from _each(context, listed, "context\\.taskRun", _RUN)
    yield from _each(context, listed, "context\\.task", _TASK)


def of_results(context: Context, listed: Sequence[Object], names: Collection[str]) -> Faults:
    """validateTaskResultsVariables: scripts name results that the task declares."""
    for index, step in enumerate(listed):
        found = variables.unknown(text(step, "script"), "results", names, detail=context.beta1)
        yield from via(found, "steps", index, "script")


def of_arrays(listed: Sequence[Object], known: Declared) -> Faults:
    """validateArrayUsage."""
    return _accumulated(listed, lambda items: arrays(items, known.arrays))


def of_params(context: Context, listed: Sequence[Object], known: Declared) -> Faults:
    """ValidateUsageOfDeclaredParameters, but for the properties of the declarations."""
    yield from _each(context, listed, "params", known.all)
    for name, keys in known.objects.items():
        yield from _each(context, listed, f"params\\.{name}", keys)
    yield from _accumulated(listed, lambda items: wholes(items, known.objects))


def _each(context: Context, listed: Sequence[Object], prefix: str, names: Collection[str]) -> Faults:
    """validateVariables."""
    for index, step in enumerate(listed):
        items = [
            ((*path[:-1], _SPELLED.get(str(path[-1]), path[-1])), item, alone)
            for path, item, alone in steps.texts(step)
        ]
        items.append((("onError",), text(step, "onError"), False))
        yield from via(unknown(items, prefix, names, detail=context.beta1), "steps", index)


def unknown(items: Iterable[Text], prefix: str, names: Collection[str], *, detail: bool = False) -> Faults:
    for path, item, _ in items:
        yield from via(variables.unknown(item, prefix, names, detail=detail and path == ("script",)), *path)


def arrays(items: Iterable[Text], names: Collection[str]) -> Faults:
    for path, item, alone in items:
        rule = variables.isolated if alone else variables.prohibited
        yield from via(rule(item, "params", names), *path)


def wholes(items: Iterable[Text], names: Collection[str]) -> Faults:
    for path, item, _ in items:
        yield from via(variables.prohibited_whole(item, "params", names), *path)


def _accumulated(listed: Sequence[Object], rule: Callable[[list[Text]], Faults]) -> Faults:
    """The faults of each step; upstream puts the index of every later step in front of those found before."""
    found: list[Fault] = []
    for index, step in enumerate(listed):
        found += rule(steps.texts(step))
        if found:
            found = list(via(found, "steps", index))
    yield from found
