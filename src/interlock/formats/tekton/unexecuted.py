"""Constructs of the specification that `interlock.local` does not execute: refused, by name, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.errors import UnsupportedError
from interlock.formats import yaml
from interlock.formats.tekton.model import Model, NotEnforced, NotExecuted, dotted, marked
from interlock.formats.tekton.pipeline import PipelineSpec, TaskRef


def refuse(model: Model, *, document: yaml.Document | None = None, at: yaml.Path = ()) -> None:
    """Raise UnsupportedError ``tekton-not-executed`` for the first construct below ``model`` that is not executed."""
    for path, construct in constructs(model):
        where = document.where(*at, *path) if document else None
        raise UnsupportedError(
            "tekton-not-executed",
            f"interlock.local does not execute {construct} yet",
            got=dotted((*at, *path)),
            where=where,
            todo="run it on a cluster, or write it without",
        )


def constructs(model: Model) -> Iterator[tuple[yaml.Path, str]]:
    """Every such construct, as (path, name)."""
    yield from marked(model, NotExecuted)
    yield from _custom_tasks(model, ())


def not_enforced(model: Model) -> list[str]:
    """Names of the constructs below ``model`` that only a cluster can enforce, for the run's capabilities."""
    return sorted({construct for _, construct in marked(model, NotEnforced)})


def _custom_tasks(model: Model, path: yaml.Path) -> Iterator[tuple[yaml.Path, str]]:
    """A reference with a kind other than Task, or with an apiVersion, is a custom task (PipelineTask.Validate)."""
    if isinstance(model, TaskRef) and (
        model.kind not in ("", "Task") or model.api_version not in ("", "tekton.dev/v1")
    ):
        yield path, f"custom tasks ({model.api_version or 'kind'} {model.kind})".replace(" )", ")")
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        here = (*path, field.alias or name)
        if isinstance(value, Model):
            yield from _custom_tasks(value, here)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Model):
                    yield from _custom_tasks(item, (*here, index))


def refuse_pipeline(spec: PipelineSpec) -> None:
    """`refuse` for a Pipeline, with custom embedded tasks."""
    refuse(spec)
    for task in spec.all_tasks():
        embedded = task.task_spec
        if embedded is not None and (embedded.api_version or embedded.kind) and not embedded.steps:
            construct = f"custom tasks ({embedded.api_version} {embedded.kind})"
            raise UnsupportedError("tekton-not-executed", f"interlock.local does not execute {construct} yet")
