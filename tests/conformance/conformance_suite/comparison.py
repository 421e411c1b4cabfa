"""A finished run against its expectation: every difference in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .expectation import PipelineRun, Run, Step, TaskRun
from .stage import Finished


def differences(runs: Sequence[Finished], expected: Sequence[Run]) -> list[str]:
    """Nothing where every run of a file is as it was written down."""
    if len(runs) != len(expected):
        return [f"the file has {len(runs)} runs, expected {len(expected)}"]
    return [item for run, wanted in zip(runs, expected, strict=True) for item in _run(run, wanted)]


def condition(value: Mapping[str, Any]) -> str:
    """Status and reason of a run."""
    found = next(item for item in value["status"]["conditions"] if item["type"] == "Succeeded")
    return f"{found['status']} {found['reason']}"


def _run(run: Finished, wanted: Run) -> Iterator[str]:
    name = run.object["metadata"]["name"]
    if not name.startswith(wanted.name):
        yield f"{name}: expected a run named {wanted.name}"
    body = wanted.task or wanted.pipeline
    assert body is not None
    yield from _body(wanted.name, run, body)


def _body(where: str, run: Finished, wanted: TaskRun | PipelineRun) -> Iterator[str]:
    kind = run.object["kind"]
    if kind != ("PipelineRun" if isinstance(wanted, PipelineRun) else "TaskRun") and not (
        kind == "CustomRun" and isinstance(wanted, TaskRun)
    ):
        yield f"{where}: is a {kind}"
        return
    message = next(item for item in run.object["status"]["conditions"] if item["type"] == "Succeeded").get("message")
    yield from _same(f"{where}: condition", condition(run.object), wanted.condition, note=str(message))
    if wanted.message is not None:
        yield from _same(f"{where}: message", message, wanted.message)
    results = {item["name"]: item["value"] for item in run.object["status"].get("results", [])}
    yield from _mapping(f"{where}: result", results, wanted.results)
    for pattern, content in wanted.files.items():
        found = [path.read_text() for path in run.volumes.glob(pattern)]
        yield from _same(f"{where}: {pattern}", found, [content])
    if isinstance(wanted, PipelineRun):
        yield from _pipeline_run(where, run, wanted)
    elif kind == "TaskRun":
        yield from _task_run(where, run, wanted)


def _pipeline_run(where: str, run: Finished, wanted: PipelineRun) -> Iterator[str]:
    status = run.object["status"]
    skipped = {item["name"]: item["reason"] for item in status.get("skippedTasks", [])}
    yield from _mapping(f"{where}: skipped task", skipped, wanted.skipped)
    references: dict[str, list[Mapping[str, Any]]] = {}
    for reference in status.get("childReferences", []):
        references.setdefault(reference["pipelineTaskName"], []).append(reference)
    yield from _mapping(f"{where}: pipeline task", dict.fromkeys(references, "run"), dict.fromkeys(wanted.tasks, "run"))
    for task, body in wanted.tasks.items():
        children = body if isinstance(body, list) else [body]
        found = sorted(references.get(task, []), key=lambda item: _index(item["name"]))
        if found and len(found) != len(children):
            yield f"{where}/{task}: {len(found)} children, expected {len(children)}"
            continue
        for number, (reference, child) in enumerate(zip(found, children, strict=False)):
            path = f"{where}/{task}" + (f"[{number}]" if isinstance(body, list) else "")
            child = child or TaskRun()
            yield from _body(path, run.children[reference["name"]], child)
            if child.display_name:
                yield from _same(f"{path}: displayName", reference.get("displayName"), child.display_name)


def _index(name: str) -> int:
    """The place in a matrix, which a child's name ends with."""
    found = re.search(r"-(\d+)$", name)
    return int(found[1]) if found else 0


def _task_run(where: str, run: Finished, wanted: TaskRun) -> Iterator[str]:
    status = run.object["status"]
    steps = {item["name"]: item for item in status.get("steps", [])}
    if wanted.steps is not None:
        yield from _same(f"{where}: steps", list(steps), list(wanted.steps))
    for name, state in steps.items():
        step = (wanted.steps or {}).get(name)
        if wanted.steps is not None or wanted.condition.startswith("True"):
            yield from _step(f"{where}.{name}", state, run.logs.get(name, ""), step or Step())
    sidecars = {item["name"]: item for item in status.get("sidecars", [])}
    yield from _same(f"{where}: sidecars", list(sidecars), list(wanted.sidecars))
    for name, code in wanted.sidecars.items():
        if code is not None and name in sidecars:
            yield from _same(f"{where}.{name}: exit code", sidecars[name].get("terminated", {}).get("exitCode"), code)
    params = {item["name"]: item["value"] for item in run.object["spec"].get("params", [])}
    for name, value in wanted.params.items():
        yield from _same(f"{where}: param {name}", params.get(name), value)
    for name, value in wanted.spec.items():
        yield from _same(f"{where}: spec.{name}", run.object["spec"].get(name), value)
    for name, value in wanted.pod.items():
        yield from _same(f"{where}: pod.{name}", run.pod.get("spec", {}).get(name), value)
    yield from _source(where, status, wanted.source)
    yield from _same(f"{where}: attempts archived", len(status.get("retriesStatus", [])), wanted.retries)
    artifacts = {key: value for key, value in status.get("artifacts", {}).items() if value}
    yield from _same(f"{where}: artifacts", artifacts, wanted.artifacts)


def _step(where: str, state: Mapping[str, Any], log: str, wanted: Step) -> Iterator[str]:
    ended = state.get("terminated", {})
    yield from _same(f"{where}: exit code", ended.get("exitCode"), wanted.exit, note=log[-300:])
    yield from _same(f"{where}: terminationReason", state.get("terminationReason"), wanted.ends)
    results = {item["name"]: item["value"] for item in state.get("results", [])}
    yield from _mapping(f"{where}: result", results, wanted.results)
    artifacts = {key: state[key] for key in ("inputs", "outputs") if state.get(key)}
    yield from _same(f"{where}: artifacts", artifacts, wanted.artifacts)
    yield from _source(where, state, wanted.source)
    if wanted.log is not None:
        yield from _same(f"{where}: log", log, wanted.log)
    yield from (f"{where}: the log lacks {text!r}: {log[-600:]!r}" for text in wanted.contains if text not in log)
    yield from (f"{where}: the log holds {text!r}" for text in wanted.lacks if text in log)


def _source(where: str, status: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> Iterator[str]:
    if wanted is not None:
        yield from _same(f"{where}: refSource", status.get("provenance", {}).get("refSource"), wanted)


def _mapping(where: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        if name not in found:
            yield f"{where} {name}: missing"
        elif name not in wanted:
            yield f"{where} {name}: not expected, got {found[name]!r}"
        else:
            yield from _same(f"{where} {name}", found[name], wanted[name])


def _same(where: str, found: Any, wanted: Any, note: str = "") -> Iterator[str]:
    if not _equal(found, wanted):
        yield f"{where}: got {found!r}, expected {wanted!r}" + (f" ({note})" if note else "")


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping) and len(wanted) == 1:
        [(key, value)] = wanted.items()
        if key == "$length":
            return isinstance(found, str) and len(found) == value
        if key == "$matches":
            return isinstance(found, str) and re.fullmatch(value, found, re.DOTALL) is not None
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return found.keys() == wanted.keys() and all(_equal(found[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(_equal(*pair) for pair in zip(found, wanted, strict=True))
    return bool(found == wanted)
