"""SLSA v1 provenance of a pipeline run in the shape of Tekton Chains ``slsa/v2alpha4``, build type ``slsa``.

What differs from Chains, on purpose: our builder id; ``internalParameters`` carry what the engine recorded about each
task; a step image that something else stood in for is marked with ``interlock.dev/executed-by``; and the tools that ran
are dependencies of their own, marked with ``interlock.dev/reported-by`` where that is only the step's word.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from interlock.errors import InputError, RefusedError
from interlock.platform.proof import canonical
from interlock.platform.proof.statements import capabilities, hints
from interlock.platform.proof.statements.hints import Descriptor
from interlock.platform.proof.statements.run import PIPELINE_TASK, FinishedRun, Object

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
BUILDER = "https://interlock.dev/builders/local/v1"
"""Who vouches: the platform's controller, which read the finished run; steps never see its key."""
BUILD_TYPE = "https://tekton.dev/chains/v2/slsa"
CAPABILITIES = "interlock.dev/capabilities"
EXECUTED_BY = "interlock.dev/executed-by"
DECLARED = "interlock.dev/declared-image"
REPORTED_BY = "interlock.dev/reported-by"
_ALWAYS_KEPT = ("task", "pipeline")


def provenance(run: FinishedRun, *, builder: str = BUILDER) -> Descriptor:
    """The statement. Raises RefusedError ``run-unfinished``: nothing may attest a run that has not ended;
    InputError ``run-image-unpinned``, ``capabilities-invalid``."""
    if not run.finished:
        raise RefusedError(
            "run-unfinished", "a run that has not ended cannot be attested", where=f"PipelineRun {run.name}"
        )
    status = run.status
    metadata = {"invocationId": run.uid, "startedOn": status.get("startTime"), "finishedOn": status["completionTime"]}
    details: dict[str, Any] = {
        "builder": {"id": builder},
        "metadata": {key: value for key, value in metadata.items() if value},
    }
    products = byproducts(run)
    if products:
        details["byproducts"] = products
    return {
        "_type": STATEMENT_TYPE,
        "subject": hints.subjects(run.results),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _external(run),
                "internalParameters": _internal(run),
                "resolvedDependencies": dependencies(run),
            },
            "runDetails": details,
        },
    }


def byproducts(run: FinishedRun) -> list[Descriptor]:
    """Every result that names no build artifact."""
    return [
        {
            "name": f"pipelineRunResults/{run.name}/{item['name']}",
            "content": base64.b64encode(canonical.encode(item["value"])).decode(),
            "mediaType": "application/json",
        }
        for item in run.results
        if hints.is_byproduct(item)
    ]


def dependencies(run: FinishedRun) -> list[Descriptor]:
    """Pipeline, tasks, step images and tools that ran, and inputs; the first of equal ones is kept."""
    found: list[Descriptor] = []
    pipeline = _source(run.run)
    if pipeline:
        found.append({"name": "pipeline", **pipeline})
    for task_run in run.executed():
        found += _of_task(task_run)
    found += [{"name": "inputs/result", **item} for item in hints.materials(run)]
    return _unique(found)


def _of_task(task_run: Object) -> Iterable[Descriptor]:
    source = _source(task_run)
    if source:
        yield {"name": "pipelineTask", **source}
    status = task_run["status"]
    for step in status.get("steps") or []:
        reference = (step.get("provenance") or {}).get("refSource")
        if reference:
            yield {"name": f"stepAction/{step['name']}", **_reference(reference)}
    record = capabilities.read(task_run)
    for state in [*(status.get("steps") or []), *(status.get("sidecars") or [])]:
        yield _image(task_run, str(state.get("imageID", "")), record)
    for tool in record.tools:
        yield _tool(tool)


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


def _external(run: FinishedRun) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    reference = (run.status.get("provenance") or {}).get("refSource")
    resolver = (run.run["spec"].get("pipelineRef") or {}).get("resolver")
    if reference and resolver and resolver != "Cluster":
        digests = reference.get("digest") or {}
        parameters["buildConfigSource"] = {
            "ref": next((f"{algorithm}:{value}" for algorithm, value in digests.items()), ""),
            "repository": reference.get("uri", ""),
            "path": reference.get("entryPoint", ""),
        }
    parameters["runSpec"] = run.run["spec"]
    return parameters


def _internal(run: FinishedRun) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    flags = (run.status.get("provenance") or {}).get("featureFlags")
    if flags:
        parameters["tekton-pipelines-feature-flags"] = flags
    # All tasks or none: a task without a record ran with an isolation that nobody vouches for.
    tasks = list(run.executed())
    recorded = any(capabilities.ANNOTATION in (task["metadata"].get("annotations") or {}) for task in tasks)
    records = {
        task["metadata"]["labels"][PIPELINE_TASK]: {"isolation": record.isolation, "network": list(record.network)}
        for task, record in ((task, capabilities.read(task)) for task in tasks if recorded)
    }
    if records:
        parameters[CAPABILITIES] = records
    return parameters


def _source(item: Object) -> Descriptor | None:
    reference = ((item.get("status") or {}).get("provenance") or {}).get("refSource")
    return _reference(reference) if reference else None


def _reference(reference: Mapping[str, Any]) -> Descriptor:
    found = {"uri": reference.get("uri"), "digest": dict(reference.get("digest") or {})}
    return {key: value for key, value in found.items() if value}


def _unique(items: Iterable[Descriptor]) -> list[Descriptor]:
    kept, seen = [], set()
    for item in items:
        key = canonical.encode({"uri": item.get("uri"), "digest": item.get("digest"), "content": item.get("content")})
        name = item.get("name", "")
        if key in seen and name not in _ALWAYS_KEPT and not name.startswith("stepAction/"):
            continue
        seen.add(key)
        kept.append(item)
    return kept
