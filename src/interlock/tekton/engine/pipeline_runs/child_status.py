"""What a PipelineRun reads of its children's statuses, and what its own status says about them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.formats.tekton import conditions, names, substitution
from interlock.formats.tekton.model import param_value
from interlock.tekton.spec import results, scheduling
from interlock.tekton.spec.pipeline import PipelineTask
from interlock.tekton.spec.progress import Child, Children
from interlock.tekton.spec.scheduling import Schedule


def child(value: Object) -> Child:
    """A TaskRun, CustomRun or child PipelineRun, as far as it decides what its PipelineRun does next."""
    status = value.get("status") or {}
    return Child(
        conditions.of(status),
        results.of_status(status) if value["kind"] != "PipelineRun" else {},
        value.get("spec", {}).get("statusMessage", ""),
        name=value["metadata"]["name"],
        kind=value["kind"],
        artifacts=status.get("artifacts") or {},
    )


def reference(task: PipelineTask, value: Object) -> dict[str, Any]:
    """An entry of status.childReferences (getChildRefForTaskRun, getDisplayName)."""
    found: dict[str, Any] = {
        "apiVersion": value["apiVersion"],
        "kind": value["kind"],
        "name": value["metadata"]["name"],
        "pipelineTaskName": task.name,
    }
    if shown := _display_name(task, value):
        found["displayName"] = shown
    if task.when:
        found["whenExpressions"] = [condition.to_object() for condition in task.when]
    return found


def _display_name(task: PipelineTask, value: Object) -> str:
    """The task's name to show, or of a matrix those of the includes that the run's params hold."""
    if not task.display_name and task.matrix is None:
        return ""
    given = {item["name"]: param_value(item["value"]) for item in value.get("spec", {}).get("params") or []}
    strings = {f"params.{name}": text for name, text in given.items() if isinstance(text, str)}
    shown = substitution.replace(task.display_name, strings)
    included = [
        substitution.replace(include.name, strings)
        for include in (task.matrix.include if task.matrix else None) or []
        if include.name
        and all(
            f"params.{param.name}" in strings
            and not (isinstance(param.value, str) and strings[f"params.{param.name}"] != param.value)
            for param in include.params or []
        )
    ]
    return " ".join(included).strip() or shown


def skipped(schedule: Schedule) -> list[dict[str, Any]]:
    """status.skippedTasks; a finally task says its conditions only where they are the reason (GetSkippedTasks)."""
    found = []
    for skip in schedule.skipped():
        entry: dict[str, Any] = {"name": skip.name, "reason": skip.reason}
        if skip.task.when and (skip.name not in schedule.graph.finals or skip.reason == scheduling.WHEN_FALSE):
            entry["whenExpressions"] = [condition.to_object() for condition in skip.task.when]
        found.append(entry)
    return found


def by_task(values: Iterable[Object]) -> dict[str, list[Object]]:
    """The run's children by PipelineTask, in the order of their creation, which is that of the matrix."""
    found: dict[str, list[Object]] = {}
    for value in values:
        if (task := (value["metadata"].get("labels") or {}).get(names.LABEL_PIPELINE_TASK)) is not None:
            found.setdefault(task, []).append(value)
    for items in found.values():
        if len(items) > 1:
            items.sort(key=lambda value: names.position(value["metadata"]["name"]))
    return found


@dataclass
class Memory:
    """What was read of a run's children the last time: most of them are as they were."""

    _children: dict[str, tuple[str, Child]] = field(default_factory=dict)
    _tasks: dict[str, Children] = field(default_factory=dict)
    _references: dict[str, tuple[str, PipelineTask, dict[str, Any]]] = field(default_factory=dict)

    def read(self, task: str, values: Sequence[Object], *, matrixed: bool) -> Children:
        """The children of a PipelineTask; the same object as before while nothing changed."""
        items = tuple(self._child(value) for value in values)
        held = self._tasks.get(task)
        if held is None or len(held.items) != len(items) or any(map(operator.is_not, held.items, items)):
            held = self._tasks[task] = Children(items, matrixed)
        return held

    def _child(self, value: Object) -> Child:
        uid, version = _version(value)
        held = self._children.get(uid)
        if held is None or held[0] != version:
            held = self._children[uid] = (version, child(value))
        return held[1]

    def reference(self, task: PipelineTask, value: Object) -> dict[str, Any]:
        """An entry of status.childReferences; ``task`` with its results."""
        uid, version = _version(value)
        held = self._references.get(uid)
        if held is None or held[0] != version or held[1] is not task:
            held = self._references[uid] = (version, task, reference(task, value))
        return held[2]


def _version(value: Object) -> tuple[str, str]:
    return value["metadata"]["uid"], value["metadata"].get("resourceVersion", "")
