"""SLSA v1 provenance of pipeline runs and task runs in the shape of Tekton Chains ``slsa/v2alpha4``.

Both of Chains' build types: ``slsa``, which is what the platform signs, and ``slsa-tekton``, which adds labels,
annotations and whole TaskRuns. Without deep inspection, Chains' default, a pipeline's products are its own results;
with it those of its tasks and steps count too.

What differs from Chains, on purpose: our builder id; ``internalParameters`` carry what the engine recorded about each
task; a step image that something else stood in for is marked with ``interlock.dev/executed-by``; and the tools that ran
are dependencies of their own, marked with ``interlock.dev/reported-by`` where that is only the step's word.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from interlock.errors import RefusedError
from interlock.formats.sigstore import PublicKey
from interlock.formats.tekton.trusted.encode import encode
from interlock.platform.statements import capabilities, dependencies, hints
from interlock.platform.statements.hints import Descriptor
from interlock.platform.statements.run import PIPELINE_TASK, FinishedRun, Object, condition

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
BUILDER = "https://interlock.dev/builders/local/v1"
"""Who vouches: the platform's controller, which read the finished run; steps never see its key."""
BuildType = Literal["https://tekton.dev/chains/v2/slsa", "https://tekton.dev/chains/v2/slsa-tekton"]
SLSA: Final = "https://tekton.dev/chains/v2/slsa"
SLSA_TEKTON: Final = "https://tekton.dev/chains/v2/slsa-tekton"
CAPABILITIES = "interlock.dev/capabilities"


@dataclass(frozen=True, slots=True)
class Options:
    """How statements are made."""

    builder: str = BUILDER
    build_type: BuildType = SLSA
    deep_inspection: bool = False
    """Chains' ``artifacts.pipelinerun.enable-deep-inspection``."""
    record_key: PublicKey | None = None
    """The engine's key: with it, a TaskRun without its valid record has no provenance; without it none is believed."""
    told: bool = False
    """Take what annotations say, by whomever: to make a statement again that was signed before, never a new one."""

    @property
    def believes(self) -> bool:
        """Whether anything that TaskRuns carry of their engine counts."""
        return self.told or self.record_key is not None

    def read(self, task_run: Object) -> capabilities.Capabilities:
        """How a TaskRun was executed. Raises as `capabilities.read`."""
        return capabilities.told(task_run) if self.told else capabilities.read(task_run, self.record_key)


def provenance(run: FinishedRun, options: Options = Options()) -> Descriptor:
    """The statement about a pipeline run.

    Raises RefusedError ``run-unfinished``: nothing may attest a run that has not ended; InputError
    ``run-image-unpinned``; and what `capabilities.read` raises.
    """
    if not run.finished:
        raise _unfinished(f"PipelineRun {run.name}")
    found = dependencies.of_pipeline_run(
        run,
        read=options.read,
        contents=options.build_type == SLSA_TEKTON,
        deep_inspection=options.deep_inspection,
    )
    subjects, products = hints.subjects(run.results), byproducts(run)
    if options.deep_inspection:
        executed = list(run.executed())
        subjects = hints.merged(subjects, *(task_subjects(item) for item in executed))
        products += [product for item in executed for product in task_byproducts(item)]
    # All tasks or none: a task without a record ran with an isolation that nobody vouches for.
    tasks = list(run.executed())
    recorded = options.believes and any(_recorded(task) for task in tasks)
    records = {task["metadata"]["labels"][PIPELINE_TASK]: _said(options.read(task)) for task in tasks if recorded}
    return _statement(run.run, "pipelineRef", subjects, found, products, records, options)


def task_provenance(task_run: Object, options: Options = Options()) -> Descriptor:
    """The statement about one task run. Raises as `provenance`."""
    name = str(task_run["metadata"].get("name", ""))
    if condition(task_run).get("status") not in ("True", "False"):
        raise _unfinished(f"TaskRun {name}")
    found = dependencies.of_task_run(task_run, read=options.read)
    records = {name: _said(options.read(task_run))} if options.believes and _recorded(task_run) else {}
    return _statement(task_run, "taskRef", task_subjects(task_run), found, task_byproducts(task_run), records, options)


def byproducts(run: FinishedRun) -> list[Descriptor]:
    """Every result of the pipeline that names no build artifact."""
    return _byproducts(f"pipelineRunResults/{run.name}", run.results)


def task_byproducts(task_run: Object) -> list[Descriptor]:
    """Every result of the task and of its steps that names no build artifact."""
    name = task_run["metadata"].get("name", "")
    return [
        *_byproducts(f"taskRunResults/{name}", task_run["status"].get("results") or []),
        *_byproducts(f"stepResults/{name}", dependencies.step_results(task_run)),
    ]


def task_subjects(task_run: Object) -> list[Descriptor]:
    """What a task built: by its steps' results, then by its own."""
    status = task_run["status"]
    steps = (hints.subjects(step.get("results") or []) for step in status.get("steps") or [])
    return hints.merged(*steps, hints.subjects(status.get("results") or []))


def _statement(
    item: Object,
    reference: str,
    subjects: list[Descriptor],
    found: list[Descriptor],
    products: list[Descriptor],
    records: Mapping[str, Any],
    options: Options,
) -> Descriptor:
    status, metadata = item["status"], item["metadata"]
    moments = {
        "invocationId": str(metadata.get("uid", "")),
        "startedOn": status.get("startTime"),
        "finishedOn": status.get("completionTime"),
    }
    details: dict[str, Any] = {
        "builder": {"id": options.builder},
        "metadata": {key: value for key, value in moments.items() if value},
    }
    if products:
        details["byproducts"] = products
    definition: dict[str, Any] = {
        "buildType": options.build_type,
        "externalParameters": _external(item, reference),
        "internalParameters": _internal(item, records, options),
    }
    if found:
        definition["resolvedDependencies"] = found
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": {"buildDefinition": definition, "runDetails": details},
    }


def _byproducts(prefix: str, results: Iterable[Object]) -> list[Descriptor]:
    return [
        {
            "name": f"{prefix}/{item['name']}",
            "content": base64.b64encode(encode(item["value"], "param-value").encode()).decode(),
            "mediaType": "application/json",
        }
        for item in results
        if hints.is_byproduct(item)
    ]


def _external(item: Object, reference: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    source = (item["status"].get("provenance") or {}).get("refSource")
    resolver = (item["spec"].get(reference) or {}).get("resolver")
    if source and resolver and resolver != "Cluster":
        digests = source.get("digest") or {}
        parameters["buildConfigSource"] = {
            "ref": next((f"{algorithm}:{value}" for algorithm, value in digests.items()), ""),
            "repository": source.get("uri", ""),
            "path": source.get("entryPoint", ""),
        }
    parameters["runSpec"] = item["spec"]
    return parameters


def _internal(item: Object, records: Mapping[str, Any], options: Options) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    flags = (item["status"].get("provenance") or {}).get("featureFlags")
    if flags:
        parameters["tekton-pipelines-feature-flags"] = flags
    if options.build_type == SLSA_TEKTON:
        parameters |= {name: item["metadata"].get(name) for name in ("labels", "annotations")}
    if records:
        parameters[CAPABILITIES] = dict(records)
    return parameters


def _recorded(task_run: Object) -> bool:
    return capabilities.ANNOTATION in (task_run["metadata"].get("annotations") or {})


def _said(record: capabilities.Capabilities) -> dict[str, Any]:
    return {"isolation": record.isolation, "network": list(record.network)}


def _unfinished(where: str) -> RefusedError:
    return RefusedError("run-unfinished", "a run that has not ended cannot be attested", where=where)
