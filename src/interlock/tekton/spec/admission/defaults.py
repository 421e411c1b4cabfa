"""What the webhook puts into an object: SetDefaults of v1, v1beta1 and v1alpha1 (`*_defaults.go`).

The configuration is upstream's default one (config/config-defaults.yaml): 60 minutes, service account ``default``, no
default resolver, no pod template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TIMEOUT = "1h0m0s"
_SERVICE_ACCOUNT = "default"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_RESERVED = re.compile(r"(chains.tekton.dev)/.*")  # TektonReservedAnnotationExpr, with its unescaped dots

Object = dict[str, Any]


def apply(value: Object, version: str, kind: str, *, creating: bool = True) -> None:
    """Complete an object that `decoding.decode` read, in place."""
    spec: Object = value.setdefault("spec", {})
    match kind:
        case "Task":
            _task(spec)
        case "Pipeline":
            _pipeline(spec)
        case "TaskRun":
            _task_run(value, spec, creating)
        case "PipelineRun":
            _pipeline_run(value, spec, version, creating)
        case "StepAction":
            _declarations(spec)
        case "CustomRun":
            if not spec.get("serviceAccountName"):
                spec["serviceAccountName"] = _SERVICE_ACCOUNT


def _task(spec: Object) -> None:
    _declarations(spec)


def _declarations(spec: Object) -> None:
    for param in spec.get("params") or []:
        _param(param)
    for result in spec.get("results") or []:
        if not result.get("type"):
            result["type"] = "object" if result.get("properties") is not None else "string"
        _properties(result)


def _param(param: Object) -> None:
    """ParamSpec.SetDefaults: the type is the one given, else what properties or the default tell."""
    if param.get("type"):
        _properties(param)
    elif param.get("properties") is not None:
        param["type"] = "object"
        _properties(param)
    else:
        param["type"] = value_type(param["default"]) if "default" in param else "string"


def _properties(declaration: Object) -> None:
    for name, item in (declaration.get("properties") or {}).items():
        if not item.get("type"):
            declaration["properties"][name] = {"type": "string"}


def value_type(value: Any) -> str:
    """The type of a param's value."""
    return "array" if isinstance(value, list) else "object" if isinstance(value, Mapping) else "string"


def _pipeline(spec: Object) -> None:
    for param in spec.get("params") or []:
        _param(param)
    for section in ("tasks", "finally"):
        for task in spec.get(section) or []:
            _reference(task.get("taskRef"))
            if task.get("taskSpec") is not None:
                _task(task["taskSpec"])


def _reference(reference: Object | None) -> None:
    if reference is not None and not reference.get("kind") and not reference.get("resolver"):
        reference["kind"] = "Task"


def _task_run(value: Object, spec: Object, creating: bool) -> None:
    _reference(spec.get("taskRef"))
    spec.setdefault("timeout", TIMEOUT)
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = _SERVICE_ACCOUNT
    if spec.get("taskSpec") is not None:
        _task(spec["taskSpec"])
    if creating:
        _filter_annotations(value)
    labels = value.setdefault("metadata", {}).setdefault("labels", {})
    labels.setdefault(_MANAGED_BY, "tekton-pipelines")


def _pipeline_run(value: Object, spec: Object, version: str, creating: bool) -> None:
    if version == "v1":
        spec.setdefault("timeouts", {})
        template = spec.setdefault("taskRunTemplate", {})
        if not template.get("serviceAccountName"):
            template["serviceAccountName"] = _SERVICE_ACCOUNT
    else:
        if "timeout" not in spec and "timeouts" not in spec:
            spec["timeout"] = TIMEOUT
        if not spec.get("serviceAccountName"):
            spec["serviceAccountName"] = _SERVICE_ACCOUNT
    if "timeouts" in spec:
        spec["timeouts"].setdefault("pipeline", TIMEOUT)
    if spec.get("pipelineSpec") is not None:
        _pipeline(spec["pipelineSpec"])
    if creating:
        _filter_annotations(value)


def _filter_annotations(value: Object) -> None:
    annotations = (value.get("metadata") or {}).get("annotations")
    if annotations:
        kept = {name: text for name, text in annotations.items() if not _RESERVED.search(name)}
        value["metadata"]["annotations"] = kept
