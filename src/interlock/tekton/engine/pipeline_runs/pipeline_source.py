"""Where the Pipeline of a PipelineRun and the Tasks and Pipelines that it refers to come from.

Embedded, of the namespace, or brought by a resolver: then verified, before anything of it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError, IntegrityError, InterlockError, NotFoundError, RefusedError, UnsupportedError
from interlock.formats.tekton import conditions
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import API_VERSION, Param, ResolverRef, Task
from interlock.tekton.engine.services import Services
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec import pipeline_variables, variables
from interlock.tekton.spec.pipeline import Pipeline, PipelineSpec
from interlock.tekton.spec.runs import PipelineRun

_UNRESOLVED = (InputError, NotFoundError, RefusedError, UnsupportedError, IntegrityError)


@dataclass(frozen=True)
class PipelineSource:
    """The Pipeline of a run; an embedded one has the run's name. ``origin`` is status.provenance.refSource."""

    name: str
    spec: PipelineSpec
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    origin: Mapping[str, Any] | None = None
    verified: Mapping[str, Any] | None = None
    """The condition TrustedResourcesVerified, where a policy was asked."""


@dataclass(frozen=True)
class Verified:
    """What a resolver brought and a policy let pass."""

    object: Mapping[str, Any]
    origin: Mapping[str, Any] | None
    condition: Mapping[str, Any] | None


def pipeline(services: Services, run: PipelineRun) -> PipelineSource:
    """The Pipeline that ``run`` names or holds. Raises Refusal with reason CouldntGetPipeline."""
    meta, spec = run.metadata, run.spec
    reference = spec.pipeline_ref
    if reference is not None and reference.name:
        prefix = f"error when getting Pipeline for PipelineRun {meta.name}: "
    elif spec.pipeline_spec is not None:
        return PipelineSource(meta.name, spec.pipeline_spec, {}, {})
    elif reference is not None and reference.resolver:
        prefix = ""
    else:
        raise _not_got(run, f"pipelineRun {meta.name} not providing PipelineRef or PipelineSpec")
    try:
        found, value, name = _pipeline(services, run, reference, reference.name)
    except Refusal:
        raise
    except InterlockError as error:
        raise _not_got(run, prefix + error.message) from error
    return PipelineSource(
        name,
        value.spec,
        value.metadata.labels or {},
        value.metadata.annotations or {},
        origin=found.origin,
        verified=found.condition,
    )


def _not_got(run: PipelineRun, message: str) -> Refusal:
    where = f"Error retrieving pipeline for pipelinerun {run.metadata.namespace}/{run.metadata.name}: "
    return Refusal(conditions.COULDNT_GET_PIPELINE, where + message)


def child_pipeline(services: Services, run: PipelineRun, pipeline: str, reference: ResolverRef, task: str) -> str:
    """The name of the Pipeline that a PipelineTask runs. Raises Refusal with reason CouldntGetPipeline."""
    try:
        return _pipeline(services, run, reference, task)[2]
    except Refusal:
        raise
    except InterlockError as error:
        missing = f'Couldn\'t retrieve Pipeline "{_shown(reference)}": {error.message}'
        where = f"Pipeline {run.metadata.namespace}/{pipeline} can't be Run"
        message = f"{where}; it contains child Pipelines that don't exist: {missing}"
        raise Refusal(conditions.COULDNT_GET_PIPELINE, message) from error


def _pipeline(
    services: Services, run: PipelineRun, reference: ResolverRef, what: str
) -> tuple[Verified, Pipeline, str]:
    name, namespace = reference.name, run.metadata.namespace
    if reference.resolver:
        try:
            found = resolved(services, run, reference, _filled(run, reference), "Pipeline", what or name)
        except _UNRESOLVED as error:
            # What was brought and is no Pipeline is not the resolver's failure (resolvePipeline).
            brought = error.message.startswith("failed to read runtime object")
            prefix = "" if brought else f"resolver failed to get Pipeline {name}: "
            raise InputError(error.code, prefix + error.message) from error
    else:
        try:
            found = Verified(services.client.get(API_VERSION, "Pipeline", name, namespace), None, None)
        except NotFoundError as error:
            missing = f'pipelines.tekton.dev "{name}" not found'
            message = f"tekton client cannot get pipeline {name} from local cluster: {missing}"
            raise NotFoundError(error.code, message) from error
    value = parse(Pipeline, found.object, what=f"Pipeline {name}".rstrip())
    return found, value, value.metadata.name or name


def _filled(run: PipelineRun, reference: ResolverRef) -> list[Param]:
    """A resolver's params with the run's own params and context in them (pipelineref.go pipelineResolverFunc)."""
    given = {param.name: param.value for param in run.spec.params or []}
    meta = run.metadata
    answers = variables.of_params(given) | pipeline_variables.context("", meta.name, meta.namespace, meta.uid)
    return variables.in_params(reference.params or [], answers)


def task(services: Services, run: PipelineRun, pipeline: str, reference: ResolverRef, pipeline_task: str) -> Task:
    """The Task that a PipelineTask refers to. Raises Refusal with reason CouldntGetTask."""
    name, namespace = reference.name, run.metadata.namespace
    try:
        if reference.resolver:
            value = resolved(services, run, reference, reference.params or [], "Task", pipeline_task).object
        else:
            value = services.client.get(API_VERSION, "Task", name, namespace)
    except _UNRESOLVED as error:
        missing = f'tasks.tekton.dev "{name}" not found' if isinstance(error, NotFoundError) and name else error.message
        message = (
            f"Pipeline {namespace}/{pipeline} can't be Run; it contains Tasks that don't exist: "
            f'Couldn\'t retrieve Task "{_shown(reference)}": {missing}'
        )
        raise Refusal(conditions.COULDNT_GET_TASK, message) from error
    return parse(Task, value, what=f"Task {name}".rstrip())


def resolved(
    services: Services, run: PipelineRun, reference: ResolverRef, params: Sequence[Param], kind: str, resource: str
) -> Verified:
    """What a resolver brings for ``resource`` (default: the name of what it brings), if the policies let it pass.

    The one place where a PipelineRun asks a resolver and a VerificationPolicy. Raises the resolver's errors, and
    Refusal with reason ResourceVerificationFailed.
    """
    meta = run.metadata
    found = services.resolvers.resolve(reference.resolver, params, namespace=meta.namespace, kind=kind, owner=meta.name)
    verdict = services.policies.evaluate(found, meta.namespace)
    verdict = verdict.in_pipeline_run(
        meta.namespace, meta.name, resource or str(found.object["metadata"].get("name", ""))
    )
    if not verdict.ok:
        raise Refusal(conditions.VERIFICATION_FAILED, verdict.message, verdict.condition)
    origin = found.source.to_object() if found.source is not None else None
    return Verified(found.object, origin, verdict.condition)


def _shown(reference: ResolverRef) -> str:
    """A reference in an error: its name, or its resolver with what names the thing there (GenerateErrorLogString)."""
    if reference.name.strip():
        return reference.name
    lines = [f"resolver type {reference.resolver}"]
    lines += [f"{item.name} = {item.value}" for item in reference.params or [] if item.name in ("name", "url")]
    return "".join(f"{line}\\n" for line in lines)
