"""Constructs of the specification that `interlock.local` does not execute: refused, by name, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.errors import UnsupportedError
from interlock.formats import yaml
from interlock.formats.tekton.model import Model, NotEnforced, NotExecuted, marked


def refuse(model: Model, *, document: yaml.Document | None = None, at: yaml.Path = ()) -> None:
    """Raise UnsupportedError ``tekton-not-executed`` for the first construct below ``model`` that is not executed."""
    for path, construct in constructs(model):
        where = document.where(*at, *path) if document else None
        raise UnsupportedError(
            "tekton-not-executed",
            f"interlock.local does not execute {construct} yet",
            got=yaml.dotted((*at, *path)),
            where=where,
            todo="run it on a cluster, or write it without",
        )


def constructs(model: Model) -> Iterator[tuple[yaml.Path, str]]:
    """Every such construct, as (path, name)."""
    yield from marked(model, NotExecuted)


def not_enforced(model: Model) -> list[str]:
    """Names of the constructs below ``model`` that only a cluster can enforce, for the run's capabilities."""
    return sorted({construct for _, construct in marked(model, NotEnforced)})
