"""What may still change in a run (ValidateUpdate of v1/taskrun_validation.go and v1/pipelinerun_validation.go)."""

from __future__ import annotations

import copy
from typing import Any

from interlock.tekton.spec.admission import defaults
from interlock.tekton.spec.admission.context import Context, Object
from interlock.tekton.spec.admission.faults import Faults, invalid

_FREE = {"TaskRun": ("status", "statusMessage", "managedBy"), "PipelineRun": ("status", "managedBy")}


def check(context: Context, value: Object, old: Object | None) -> Faults:
    """``old`` is what is stored; None on creation."""
    if old is None:
        return
    kind, spec = value["kind"], value["spec"]
    before = old.get("spec") or {}
    if before.get("managedBy") != spec.get("managedBy"):
        yield invalid("run-managed-by", "managedBy is immutable", "spec.managedBy")
    if done(old):
        if _same(before, spec) or _same(_defaulted(context, old), spec):
            return
        yield invalid("run-immutable", f"Once the {kind} is complete, no updates are allowed")
        return
    free = _FREE[kind]
    if not _same(_without(before, free), _without(spec, free)):
        what = "status and statusMessage" if kind == "TaskRun" else "status"
        yield invalid("run-immutable", f"Once the {kind} has started, only {what} updates are allowed")


def started(value: Object) -> bool:
    return bool((value.get("status") or {}).get("startTime"))


def done(value: Object) -> bool:
    """Whether the condition Succeeded is decided."""
    conditions = (value.get("status") or {}).get("conditions") or []
    found = next((item for item in conditions if item.get("type") == "Succeeded"), None)
    return found is not None and found.get("status") != "Unknown"


def _defaulted(context: Context, old: Object) -> Object:
    value = copy.deepcopy(old)
    defaults.apply(value, context.version, old["kind"], creating=False)
    spec: Object = value["spec"]
    return spec


def _without(spec: Object, names: tuple[str, ...]) -> Object:
    return {name: value for name, value in spec.items() if name not in names}


def _same(left: Any, right: Any) -> bool:
    """equality.Semantic: nothing, an empty list and an empty text are the same."""
    if isinstance(left, dict) and isinstance(right, dict):
        return all(_same(left.get(name), right.get(name)) for name in left.keys() | right.keys())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if left in (None, "", [], 0, False) and right in (None, "", [], 0, False):
        return True
    return bool(left == right) and type(left) is type(right)
