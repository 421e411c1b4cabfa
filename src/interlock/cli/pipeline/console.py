"""How a run shows itself on a terminal: log lines with task and step before them, then what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interlock.formats.tekton import conditions, names
from interlock.tekton.engine.standalone import Changed, Line

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
_OWN = "[interlock.local]"


class Progress:
    """Prints events; each task keeps its colour."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()

    def show(self, event: Line | Changed) -> None:
        if isinstance(event, Line):
            self._line(event)
        else:
            self._changed(event.object)

    def _line(self, line: Line) -> None:
        prefix = Text(f"[{line.task} : {line.step}] ", style=self._colour(line.task))
        style = "dim" if line.text.startswith(_OWN) else ""
        self._console.print(prefix + Text.from_ansi(line.text, style=style), soft_wrap=True, highlight=False)

    def _changed(self, value: Mapping[str, Any]) -> None:
        """The end of a task that did not succeed, once."""
        condition = conditions.of(value.get("status"))
        key = (value["kind"], value["metadata"]["name"])
        if value["kind"] != "TaskRun" or condition is None or condition.status != "False" or key in self._told:
            return
        self._told.add(key)
        task = (value["metadata"].get("labels") or {}).get(names.LABEL_PIPELINE_TASK, value["metadata"]["name"])
        said = Text(f"{condition.reason}: {condition.message}", style="red")
        self._console.print(Text(f"[{task}] ", style=self._colour(task)) + said, soft_wrap=True, highlight=False)

    def _colour(self, task: str) -> str:
        return self._colours.setdefault(task, _COLOURS[len(self._colours) % len(_COLOURS)])


def summary(console: Console, runs: Sequence[Mapping[str, Any]], task_runs: Sequence[Mapping[str, Any]]) -> None:
    """A table of tasks for each run, its results, its verdict."""
    for run in runs:
        own = [item for item in task_runs if _belongs(item, run)]
        if run["kind"] == "PipelineRun" and (own or run["status"].get("skippedTasks")):
            console.print(_table(run, own))
        for result in run["status"].get("results") or []:
            console.print(Text(f"result {result['name']} = {result['value']}"), soft_wrap=True, highlight=False)
        condition = conditions.of(run["status"])
        good = condition is not None and condition.status == "True"
        said = f"{condition.reason}: {condition.message}" if condition is not None else "no condition"
        verdict = f"{run['kind']} {run['metadata']['name']} {said}"
        console.print(Text(verdict, style="bold green" if good else "bold red"), soft_wrap=True, highlight=False)


def _belongs(task_run: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    owners = task_run["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == run["metadata"]["uid"] for owner in owners)


def _table(run: Mapping[str, Any], task_runs: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("task", "reason", "took", box=None, pad_edge=False)
    for value in sorted(task_runs, key=lambda item: str((item.get("status") or {}).get("startTime", ""))):
        status = value.get("status") or {}
        condition = conditions.of(status)
        task = (value["metadata"].get("labels") or {}).get(names.LABEL_PIPELINE_TASK, value["metadata"]["name"])
        table.add_row(task, condition.reason if condition else "", _took(status))
    for skipped in run["status"].get("skippedTasks") or []:
        table.add_row(skipped["name"], f"skipped: {skipped['reason']}", "")
    return table


def _took(status: Mapping[str, Any]) -> str:
    if "startTime" not in status or "completionTime" not in status:
        return ""
    seconds = conditions.moment(status["completionTime"]) - conditions.moment(status["startTime"])
    return f"{seconds.total_seconds():.0f}s"
