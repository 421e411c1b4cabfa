"""Which compute resources hold for a container of a TaskRun (pkg/pod/pod.go Build, v1/merge.go MergeStepsWithSpecs)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.formats.kubernetes import quantity
from interlock.formats.tekton.task import Sidecar, Step
from interlock.tekton.spec.runs import ContainerOverride, TaskRunSpec


def of(container: Step | Sidecar, run: TaskRunSpec) -> Mapping[str, Any]:
    """``computeResources`` of a container whose stepTemplate is merged: the run's own for it, else its own.

    Resources of the TaskRun as a whole replace those of its steps; their limits hold for each step.
    """
    if isinstance(container, Step):
        if run.compute_resources:
            return dict(run.compute_resources)
        return _overridden(container, run.step_specs)
    return _overridden(container, run.sidecar_specs)


def _overridden(container: Step | Sidecar, overrides: Sequence[ContainerOverride] | None) -> Mapping[str, Any]:
    for item in overrides or []:
        if item.name == container.name:
            return dict(item.compute_resources or {})
    return dict(container.compute_resources or {})


def memory_limit(resources: Mapping[str, Any]) -> int | None:
    """Bytes of ``limits.memory``, rounded up. Raises InputError ``quantity-invalid``."""
    limit = (resources.get("limits") or {}).get("memory")
    return None if limit is None else math.ceil(quantity.parse(limit))


def flat(resources: Mapping[str, Any]) -> dict[str, str]:
    """``limits.cpu`` -> quantity, for the downward API."""
    return {
        f"{section}.{name}": str(amount)
        for section in ("limits", "requests")
        for name, amount in (resources.get(section) or {}).items()
    }
