"""The kinds of objects that the engine watches, and what it asks of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from interlock.clients.kubernetes import Object
from interlock.formats.tekton import conditions
from interlock.formats.tekton.task import API_VERSION
from interlock.tekton.engine.pipeline_runs import child_object
from interlock.tekton.spec import approvals

Kind = Literal["PipelineRun", "TaskRun", "CustomRun", "ApprovalTask"]
KINDS: Mapping[Kind, str] = {
    "PipelineRun": API_VERSION,
    "TaskRun": API_VERSION,
    "CustomRun": child_object.CUSTOM_API_VERSION,
    "ApprovalTask": approvals.API_VERSION,
}
OPTIONAL: tuple[Kind, ...] = ("CustomRun", "ApprovalTask")
"""Kinds that a cluster need not have: without them there are no custom tasks, and nothing waits for them."""


def done(value: Object) -> bool:
    """Whether a run has ended."""
    condition = conditions.of(value.get("status"))
    return condition is not None and condition.done


def not_newer(value: Object, held: Object) -> bool:
    """Whether ``held`` is the same state or a later one; versions of one kind are comparable numbers (KEP-5504)."""
    new, old = (str(item["metadata"].get("resourceVersion", "")) for item in (value, held))
    return new.isdigit() and old.isdigit() and int(new) <= int(old)
