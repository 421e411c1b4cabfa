"""Values of params that are secrets, of a TaskRun and of the PipelineRuns that it belongs to, for its masker.

A run inherits the annotation of what it executes (`interlock.tekton.spec.secret_params`). A PipelineRun's value may
stand in a param of its TaskRun, in part of one, or in the text of an embedded task: it is masked wherever it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.errors import NotFoundError
from interlock.formats.tekton.model import ParamValue, param_value
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import API_VERSION
from interlock.tekton.spec import secret_params
from interlock.tekton.spec.runs import TaskRun

_DEEPEST = 20
"""Pipelines in pipelines: how many owners up."""


def of(client: KubernetesClient, run: TaskRun, annotations: Mapping[str, str], answers: Replacements) -> list[bytes]:
    """``annotations`` are the Task's, ``answers`` what its params are. Owners are read only when the run is marked."""
    marked = secret_params.of_annotations(run.metadata.annotations or {})
    found = secret_params.values(
        {*secret_params.of_annotations(annotations), *marked},
        {name.removeprefix("params."): value for name, value in _answers(answers).items()},
    )
    owner = _owner(run.metadata.owner_references or []) if marked else None
    for _ in range(_DEEPEST):
        if owner is None:
            break
        try:
            value = client.get(API_VERSION, "PipelineRun", owner, run.metadata.namespace)
        except NotFoundError:
            break
        metadata = value["metadata"]
        names = secret_params.of_annotations(metadata.get("annotations") or {})
        found += secret_params.values(names, _given(value))
        owner = _owner(metadata.get("ownerReferences") or [])
    return list(dict.fromkeys(found))


def _answers(answers: Replacements) -> dict[str, ParamValue]:
    found: dict[str, ParamValue] = {name: list(value) for name, value in answers.arrays.items()}
    found |= {name: dict(value) for name, value in answers.objects.items()}
    return found | dict(answers.strings)


def _owner(references: list[dict[str, Any]]) -> str | None:
    return next((str(item.get("name")) for item in references if item.get("kind") == "PipelineRun"), None)


def _given(run: Object) -> dict[str, ParamValue]:
    """The params of a PipelineRun: defaults of its Pipeline, and what it gives."""
    spec, status = run.get("spec") or {}, run.get("status") or {}
    declared = (status.get("pipelineSpec") or spec.get("pipelineSpec") or {}).get("params") or []
    found = {str(item.get("name")): param_value(item.get("default")) for item in declared if "default" in item}
    return found | {str(item.get("name")): param_value(item.get("value")) for item in spec.get("params") or []}
