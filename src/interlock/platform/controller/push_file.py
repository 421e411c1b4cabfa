"""``.tekton/push.yaml`` of an app repo: the PipelineRun for a commit of main.

The file is the team's, so nothing that it says is taken on trust: it must name the golden path's pipeline and hand over
the three values that the platform computes, and may set timeouts; anything else is refused with file:line:column and
reported on the commit. Where a run's files lie is the platform's business above all: a claim that the team could name
would hold another run's source, or the advisories that every scan reads.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats import yaml
from interlock.formats.tekton import names
from interlock.platform.estate import Estate, Service
from interlock.platform.estate.argocd import CI_NAMESPACE

FILE = ".tekton/push.yaml"
_VARIABLE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_SPEC = {"pipelineRef", "params", "timeouts"}
_TIMEOUTS = {"pipeline", "tasks", "finally"}
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_WORKSPACES = [{"name": "source", "volumeClaimTemplate": {"spec": _CLAIM}}]
"""A claim of the run's own, which nothing names before the run is there."""


def run_name(service: str, commit: str, attempt: int = 1) -> str:
    """One name a commit and attempt: creating the run twice is a conflict, not a second build."""
    name = f"{service}-{commit[:12]}"
    return name if attempt == 1 else f"{name}-{attempt}"


def tag(commit: str) -> str:
    return f"main-{commit[:12]}"


def pipeline_run(estate: Estate, service: Service, commit: str, text: bytes, attempt: int = 1) -> dict[str, Any]:
    """The PipelineRun for ``commit`` from the app repo's file.

    ``{{ repo_url }}``, ``{{ revision }}`` and the custom parameter ``{{ image }}`` are what Pipelines-as-Code calls
    dynamic variables. Raises InputError ``run-invalid`` or ``yaml-*``, RefusedError ``run-not-golden``.
    """
    values = {
        "repo_url": estate.url(service.repository),
        "revision": commit,
        "image": f"{service.image}:{tag(commit)}",
    }
    wanted = {"git-url": values["repo_url"], "git-revision": values["revision"], "image": values["image"]}
    document = yaml.load(text, file=f"{service.repository}/{FILE}")
    spec = _spec(document)
    _refuse_foreign(document, spec)
    pipeline = _pipeline(document, spec, service.shape, estate.pipeline(service.shape))
    _refuse_other_params(document, spec, wanted, values)
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": run_name(service.name, commit, attempt),
            "namespace": CI_NAMESPACE,
            "labels": {"interlock.dev/service": service.name, "interlock.dev/commit": commit},
            "annotations": _annotations(document.value, values),
        },
        "spec": {
            "pipelineRef": {"name": pipeline},
            "params": [{"name": name, "value": value} for name, value in wanted.items()],
            "workspaces": copy.deepcopy(_WORKSPACES),
            **_timeouts(document, spec),
        },
    }


def _spec(document: yaml.Document) -> dict[str, Any]:
    found = document.value
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != ("tekton.dev/v1", "PipelineRun"):
        raise InputError("run-invalid", "not a PipelineRun of tekton.dev/v1", where=document.where())
    spec = found.get("spec")
    if not isinstance(spec, dict):
        raise InputError("run-invalid", "a PipelineRun has a spec", got=type(spec).__name__, where=document.where())
    return spec


def _refuse_foreign(document: yaml.Document, spec: Mapping[str, Any]) -> None:
    # Golden paths of before wrote the claim into the file: what they wrote asks for nothing else.
    golden = {"workspaces"} if spec.get("workspaces") == _WORKSPACES else set()
    if unknown := sorted(set(spec) - _SPEC - golden):
        raise RefusedError(
            "run-not-golden",
            "a build may set pipelineRef, params and timeouts",
            got=", ".join(unknown),
            where=document.where("spec", unknown[0]),
            todo="remove it: the platform writes workspaces, service account and pod template",
        )


def _pipeline(document: yaml.Document, spec: Mapping[str, Any], shape: str, pipeline: str | None) -> str:
    if pipeline is None or spec.get("pipelineRef") != {"name": pipeline}:
        raise RefusedError(
            "run-not-golden",
            f"services of shape {shape} are built by one pipeline",
            got=spec.get("pipelineRef"),
            expected={"name": pipeline} if pipeline else "a golden path with a pipeline for this shape",
            where=document.where("spec", "pipelineRef"),
            todo="name it; a deviation needs a golden path of its own",
        )
    return pipeline


def _refuse_other_params(
    document: yaml.Document, spec: Mapping[str, Any], wanted: Mapping[str, str], values: Mapping[str, str]
) -> None:
    """Each of them once, and nothing beside them, in any order."""
    params = spec.get("params")
    given = params if isinstance(params, list) else [params]
    said = [
        {**item, "value": _substitute(item.get("value"), values)} if isinstance(item, dict) else item for item in given
    ]
    asked = [{"name": name, "value": value} for name, value in wanted.items()]
    if len(said) != len(asked) or not all(item in said for item in asked):
        raise RefusedError(
            "run-not-golden",
            "a build's parameters are what the platform computes",
            got=said,
            expected="git-url {{ repo_url }}, git-revision {{ revision }}, image {{ image }}",
            where=document.where("spec", "params"),
        )


def _timeouts(document: yaml.Document, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The team's own, as Tekton names them; how long they may be is Tekton's business."""
    if "timeouts" not in spec:
        return {}
    found = spec["timeouts"]
    if (
        not isinstance(found, dict)
        or set(found) - _TIMEOUTS
        or not all(isinstance(item, str) for item in found.values())
    ):
        raise InputError(
            "run-invalid",
            "not timeouts of a PipelineRun",
            got=found,
            expected="pipeline, tasks or finally, each a duration such as 20m",
            where=document.where("spec", "timeouts"),
        )
    return {"timeouts": dict(found)}


def _substitute(value: object, values: Mapping[str, str]) -> object:
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), value)


def _annotations(found: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """What Pipelines-as-Code adds, so that a run is found from its commit; and which params no script may hold."""
    prefix = "pipelinesascode.tekton.dev"
    metadata = found.get("metadata")
    given = metadata.get("annotations") if isinstance(metadata, dict) else None
    kept = {
        key: str(value)
        for key, value in (given if isinstance(given, dict) else {}).items()
        if key.startswith(f"{prefix}/")
    }
    return {
        **kept,
        f"{prefix}/sha": values["revision"],
        f"{prefix}/repo-url": values["repo_url"],
        names.ANNOTATION_WEBHOOK_PARAMS: "git-url git-revision image",
    }


def missing(what: str) -> NotFoundError:
    """A service without the file is not built."""
    return NotFoundError("run-file-missing", "the app repo has no build file", where=what, todo="add it (golden path)")
