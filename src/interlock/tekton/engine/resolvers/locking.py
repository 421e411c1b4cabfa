"""From an object to the lock file of everything that it refers to, also through what it refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InputError, InterlockError, RefusedError
from interlock.formats import yaml
from interlock.formats.tekton.model import param_value
from interlock.formats.tekton.substitution import Replacements, replace_value
from interlock.formats.tekton.task import Param
from interlock.tekton.engine.resolvers.resolvers import Resolvers
from interlock.tekton.spec.resolution import content, failure, lock, references
from interlock.tekton.spec.resolution.lock import Entry, Key, Lock
from interlock.tekton.spec.resolution.references import Reference
from interlock.tekton.spec.variables import of_params

_MAX_DEPTH = 10


@dataclass
class Locking:
    """Walks objects. ``held`` is the lock file as it is: with ``update`` every reference is resolved again, else only
    those that it does not name. ``at`` is now, RFC 3339.
    """

    resolvers: Resolvers
    held: Lock
    namespace: str
    at: str
    update: bool = False
    found: dict[Key, Entry] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    """References that hold variables which only a run knows: they are not locked, and a locked run refuses them."""

    def walk(
        self, value: Mapping[str, Any], where: str, given: Mapping[str, Any] | None = None, depth: int = 0
    ) -> None:
        """Lock what ``value`` refers to. ``given``: params of the run that refers to it."""
        if depth > _MAX_DEPTH:
            raise RefusedError(failure.CODE, f"references lead more than {_MAX_DEPTH} objects deep", where=where)
        values = _values(value, given or {})
        known = of_params(values)
        for reference in references.of(value):
            self._one(reference, _filled(reference, known), where, values, depth)

    def lock(self) -> Lock:
        """What was found, and nothing that nobody refers to."""
        return self.held.with_entries(self.found.values()).only(self.found)

    def _one(
        self, reference: Reference, params: Sequence[Param], where: str, values: Mapping[str, Any], depth: int
    ) -> None:
        if reference.resolver not in lock.LOCKED:
            return
        place = f"{where}: {yaml.dotted(reference.path)}"
        filled = Reference(reference.resolver, tuple(params), reference.kind, reference.path)
        if filled.variables:
            self.open.append(f"{place}: {', '.join(f'$({name})' for name in filled.variables)}")
            return
        key = lock.key(reference.resolver, params)
        if key in self.found:
            return
        try:
            pinned = self.held.entries.get(key)
            if pinned is not None and not self.update:
                fetched = self.resolvers.fetch(reference.resolver, params, namespace=self.namespace, owner="lock")
                entry = pinned
            else:
                entry, fetched = self.resolvers.entry(reference.resolver, params, namespace=self.namespace, at=self.at)
            resolved = content.resolved(fetched, reference.kind, where=entry.source.uri)
        except InterlockError as error:
            raise type(error)(
                error.code, error.message, got=error.got, expected=error.expected, where=place, todo=error.todo
            ) from error
        self.found[key] = entry
        # A Pipeline sees the run's params; a Task's steps see those of its PipelineTask, which only a run knows.
        self.walk(resolved.object, entry.source.uri, values if reference.kind == "Pipeline" else None, depth=depth + 1)


def _values(value: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Params that are known before a run: declared defaults, then what the run itself gives."""
    spec = value.get("spec") or {}
    inner = spec.get("pipelineSpec") or spec.get("taskSpec") or {}
    found: dict[str, Any] = {}
    declared = [*(inner.get("params") or [])]
    if value.get("kind") in ("Pipeline", "Task"):
        declared += spec.get("params") or []
    for param in declared:
        if isinstance(param, Mapping) and "default" in param:
            found[str(param.get("name"))] = param_value(param["default"])
    found |= given
    if value.get("kind") in ("PipelineRun", "TaskRun"):
        for param in spec.get("params") or []:
            if isinstance(param, Mapping):
                found[str(param.get("name"))] = param_value(param.get("value"))
    return found


def _filled(reference: Reference, known: Replacements) -> list[Param]:
    return [Param(name=param.name, value=replace_value(param.value, known)) for param in reference.params]


def documents(text: str, file: str) -> list[dict[str, Any]]:
    """Kubernetes objects of a file. Raises InputError ``yaml-*``, and ``object-invalid`` for what is none."""
    found = []
    for document in yaml.load_all(text, file=file):
        value = document.value
        if not isinstance(value, dict) or not value.get("kind") or not isinstance(value.get("metadata"), dict):
            raise InputError("object-invalid", "not an object with kind and metadata", where=document.where())
        found.append(value)
    return found
