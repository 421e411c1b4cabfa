"""A Task's steps, each over the ``stepTemplate`` (v1/merge.go)."""

from __future__ import annotations

from typing import Any

from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import StepTemplate, TaskSpec


def merged(spec: TaskSpec) -> TaskSpec:
    """Every step over the stepTemplate: the step wins, env and mounts merge by name."""
    template = spec.step_template
    if template is None:
        return spec
    steps = [parse(type(step), _over(template, step.to_object())) for step in spec.steps or []]
    return spec.model_copy(update={"steps": steps})


def _over(template: StepTemplate, step: dict[str, Any]) -> dict[str, Any]:
    base = template.to_object()
    merged = {**base, **step}
    for name, key in (("env", "name"), ("volumeMounts", "mountPath")):
        if name in base and name in step:
            own = {item[key] for item in step[name]}
            # Strategic merge keeps the template's order and appends what is new.
            merged[name] = [item for item in base[name] if item[key] not in own] + step[name]
    return merged
