"""What a run was made from, as ``resolvedDependencies``: definitions, images, StepActions, inputs, tools that ran.

Source: tektoncd/chains pkg/chains/formats/slsa/internal/resolved_dependencies (e44b60f), format v2alpha4.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from interlock.errors import InputError
from interlock.platform.books import canonical
from interlock.platform.statements import capabilities, hints
from interlock.platform.statements.hints import Descriptor
from interlock.platform.statements.run import FinishedRun, Object

EXECUTED_BY = "interlock.dev/executed-by"
DECLARED = "interlock.dev/declared-image"
REPORTED_BY = "interlock.dev/reported-by"
_ALWAYS_KEPT = ("task", "pipeline")
_INPUT = "inputs/result"


def of_pipeline_run(
    run: FinishedRun, *, read: capabilities.Read, contents: bool, deep_inspection: bool
) -> list[Descriptor]:
    """``contents``: each task's descriptor holds the whole TaskRun, as build type ``slsa-tekton`` wants it.

    Raises as `of_task_run`.
    """
    found: list[Descriptor] = []
    executed = list(run.executed())
    pipeline = reference(run.run)
    if pipeline:
        found.append({"name": "pipeline", **pipeline})
    for task_run in executed:
        definition = reference(task_run) or {}
        if contents:
            text = json.dumps(task_run, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
            definition = {"content": base64.b64encode(text.encode()).decode(), **definition}
        if definition:
            found.append({"name": "pipelineTask", **definition})
        found += [*_step_actions(task_run), *_executed(task_run, read)]
    if deep_inspection:
        found += [item for task_run in executed for item in _step_inputs(task_run)]
    found += _named(hints.inputs(run.results))
    if deep_inspection:
        found += [item for task_run in executed for item in _task_inputs(task_run)]
    declared = (run.status.get("pipelineSpec") or {}).get("params") or []
    found += _named(hints.source(declared, run.run["spec"].get("params") or [], run.results))
    return _unique(found)


def of_task_run(task_run: Object, *, read: capabilities.Read) -> list[Descriptor]:
    """Raises InputError ``run-image-unpinned``, and what ``read`` raises."""
    definition = reference(task_run)
    found: list[Descriptor] = [{"name": "task", **definition}] if definition else []
    found += _executed(task_run, read)
    found += [*_step_inputs(task_run), *_step_actions(task_run), *_task_inputs(task_run)]
    return _unique(found)


def reference(item: Object) -> Descriptor | None:
    """Where a definition came from: ``status.provenance.refSource``."""
    source = ((item.get("status") or {}).get("provenance") or {}).get("refSource")
    return _reference(source) if source else None


def step_results(task_run: Object) -> list[Object]:
    """The results of all steps, in their order."""
    return [item for step in task_run["status"].get("steps") or [] for item in step.get("results") or []]


def _step_actions(task_run: Object) -> Iterator[Descriptor]:
    for step in task_run["status"].get("steps") or []:
        source = (step.get("provenance") or {}).get("refSource")
        if source:
            yield {"name": f"stepAction/{step['name']}", **_reference(source)}


def _executed(task_run: Object, read: capabilities.Read) -> Iterator[Descriptor]:
    """Images of steps and sidecars, marked where something stood in for them; the tools that the engine recorded."""
    status, record = task_run["status"], read(task_run)
    for state in [*(status.get("steps") or []), *(status.get("sidecars") or [])]:
        yield _image(task_run, str(state.get("imageID", "")), record)
    for tool in record.tools:
        yield _tool(tool)


def _step_inputs(task_run: Object) -> list[Descriptor]:
    steps = task_run["status"].get("steps") or []
    sources = [item for step in steps for item in hints.source(step.get("results") or [])]
    return _named([*sources, *hints.inputs(step_results(task_run))])


def _task_inputs(task_run: Object) -> list[Descriptor]:
    status = task_run["status"]
    declared = (status.get("taskSpec") or {}).get("params") or []
    results = status.get("results") or []
    found = hints.source(declared, task_run["spec"].get("params") or [], results)
    return _named([*found, *hints.inputs(results)])


def _named(items: Iterable[Descriptor]) -> list[Descriptor]:
    return [{"name": _INPUT, **item} for item in items]


def _image(task_run: Object, image_id: str, record: capabilities.Capabilities) -> Descriptor:
    descriptor = hints.image_descriptor(image_id)
    if descriptor is None:
        raise InputError(
            "run-image-unpinned",
            "a step ran an image that no digest names",
            got=image_id,
            expected="<repository>@sha256:<digest>",
            where=f"TaskRun {task_run['metadata']['name']}",
        )
    executor = record.executor(image_id.removeprefix("docker-pullable://"))
    if executor:
        declared = ", ".join(record.declared(executor))
        descriptor["annotations"] = {EXECUTED_BY: executor, **({DECLARED: declared} if declared else {})}
    return descriptor


def _tool(tool: Mapping[str, Any]) -> Descriptor:
    name, version = str(tool["name"]), str(tool.get("version") or "")
    descriptor: Descriptor = {"name": f"tool/{name}", "uri": f"pkg:generic/{name}" + (f"@{version}" if version else "")}
    algorithm, colon, value = str(tool.get("digest") or "").partition(":")
    if colon:
        descriptor["digest"] = {algorithm: value}
    if tool.get("reportedBy"):
        descriptor["annotations"] = {REPORTED_BY: str(tool["reportedBy"])}
    return descriptor


def _reference(source: Mapping[str, Any]) -> Descriptor:
    found = {"uri": source.get("uri"), "digest": dict(source.get("digest") or {})}
    return {key: value for key, value in found.items() if value}


def _unique(items: Iterable[Descriptor]) -> list[Descriptor]:
    """The first of equal ones (RemoveDuplicateResolvedDependencies); definitions are kept always."""
    kept, seen = [], set()
    for item in items:
        key = canonical.encode({"uri": item.get("uri"), "digest": item.get("digest"), "content": item.get("content")})
        name = item.get("name", "")
        if key in seen and name not in _ALWAYS_KEPT and not name.startswith("stepAction/"):
            continue
        seen.add(key)
        kept.append(item)
    return kept
