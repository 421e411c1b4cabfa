"""What is too large to be stored: etcd takes requests of 1.5 MiB, and the API server passes its answer on.

A run's status holds a copy of the pipeline's spec and a reference to each child; where these do not fit, the pipeline
can be created and no run of it can go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults

LIMIT = 1536 * 1024
"""--max-request-bytes of etcd, in bytes."""
_WORDS = "etcdserver: request is too large"
_CHILD = len('{"apiVersion":"tekton.dev/v1","kind":"TaskRun","name":"-","pipelineTaskName":""},')
_FEW = 1000
"""Tasks that fit however they look."""


def bytes_of(value: Mapping[str, Any]) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).encode())


def of_object(value: Mapping[str, Any]) -> Faults:
    size = bytes_of({name: item for name, item in value.items() if name != "status"})
    if size > LIMIT:
        yield Fault("object-size", _WORDS, ("spec",), f"The object takes {size} bytes, and etcd {LIMIT}.")


def problem(value: Object) -> str | None:
    """Why a run cannot be stored with its status; None if it can. For whoever executes what no API server has seen."""
    for fault in (*of_object(value), *of_runs(str(value.get("kind")), value)):
        return str(fault)
    return None


def of_runs(kind: str, value: Object) -> Faults:
    """Whether the status of a run of this pipeline fits."""
    if kind not in ("Pipeline", "PipelineRun"):
        return
    spec = value["spec"] if kind == "Pipeline" else value["spec"].get("pipelineSpec") or {}
    tasks = [*(spec.get("tasks") or []), *(spec.get("finally") or [])]
    if len(tasks) <= _FEW:
        return
    name = (value.get("metadata") or {}).get("name") or ""
    children = sum(_CHILD + len(name) + 2 * len(text(task, "name")) for task in tasks)
    size = bytes_of(spec) * (1 if kind == "Pipeline" else 2) + children
    if size > LIMIT:
        words = f"A run of {len(tasks)} tasks takes {size} bytes with its status, and etcd {LIMIT}."
        path = "spec.tasks" if kind == "Pipeline" else "spec.pipelineSpec.tasks"
        yield Fault("object-size", _WORDS, (path,), words)
