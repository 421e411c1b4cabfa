"""The remote references of an object: what a lock file of it must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.formats import yaml
from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import param_value
from interlock.formats.tekton.task import Param


@dataclass(frozen=True)
class Reference:
    """A taskRef, pipelineRef or step ref with a resolver. ``kind`` is what it resolves to; ``path`` is where it is."""

    resolver: str
    params: tuple[Param, ...]
    kind: str
    path: yaml.Path

    @property
    def variables(self) -> list[str]:
        """Variables in its params: known only in a run."""
        return [name for param in self.params for name in substitution.references(param.value)]


_KINDS = {"taskRef": "Task", "pipelineRef": "Pipeline", "ref": "StepAction"}


def of(value: Any, path: yaml.Path = ()) -> Iterator[Reference]:
    """Every reference with a resolver below ``value``, in order."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = (*path, key)
            if key in _KINDS and isinstance(item, Mapping) and item.get("resolver"):
                params = tuple(
                    Param(name=str(param.get("name", "")), value=param_value(param.get("value")))
                    for param in item.get("params") or []
                    if isinstance(param, Mapping)
                )
                yield Reference(str(item["resolver"]), params, _KINDS[key], here)
            else:
                yield from of(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from of(item, (*path, index))
