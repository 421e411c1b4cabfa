"""What an API server can store: an object of at most 1.5 MiB (etcd's --max-request-bytes)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LIMIT = 1_572_864
_CHILD = 256
"""Bytes of a childReference, about."""


def outgrown(value: Mapping[str, Any], pipeline: Mapping[str, Any] | None = None) -> str | None:
    """Why a run that begins cannot be stored up to its end: what it is given, or what its status will hold.

    ``pipeline`` is the ``status.pipelineSpec`` of a PipelineRun. None where the run fits.
    """
    tasks = [*(pipeline or {}).get("tasks", []), *(pipeline or {}).get("finally", [])]
    size = _length(value.get("spec") or {}) + _length(pipeline or {}) + _CHILD * len(tasks)
    if size <= LIMIT:
        return None
    kind, name = value["kind"], value["metadata"]["name"]
    held = f" with its {len(tasks)} tasks" if pipeline else " with its params"
    return f'{kind} "{name}"{held} needs {size} bytes and an API server stores {LIMIT}: request is too large'


def _length(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
