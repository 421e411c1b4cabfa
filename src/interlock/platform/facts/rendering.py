"""A service's objects before and after a delivery, rendered as Argo CD would, and where the two differ."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.clients.git import Repository
from interlock.formats import helm, yaml
from interlock.platform.domain import difference
from interlock.platform.domain.difference import Difference
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import Environment, layout
from interlock.platform.facts import change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, named, repository, sources
from interlock.platform.facts.result import library

Objects = tuple[Mapping[str, Any], ...]
Key = tuple[str, str, str, str]
"""apiVersion, kind, namespace, name."""
MAX_TEXT = 20_000
"""Characters of a rendered diff: what a pull request's description takes, and people read."""
MAX_LINE = 500
"""Characters of it in a finding."""


@dataclass(frozen=True)
class Rendering:
    """From the base, and from the merge's result."""

    before: Objects
    after: Objects


@dataclass(frozen=True)
class Moved:
    """One object that a delivery adds (no ``before``), removes (no ``after``) or changes."""

    key: Key
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    differences: tuple[Difference, ...]
    """Of an object that is there on both sides."""

    def __str__(self) -> str:
        """One line, bounded: places, old and new values."""
        if self.before is None or self.after is None:
            return f"{name(self.key)} {'added' if self.before is None else 'removed'}"
        return f"{name(self.key)}: {difference.listed(map(str, self.differences), limit=MAX_LINE, between=', ')}"

    @property
    def places(self) -> str:
        """The same without values."""
        return f"{name(self.key)}: {difference.listed((item.place for item in self.differences), limit=MAX_LINE)}"


def read(facts: Facts) -> Rendering:
    """Raises the errors of git, and of helm for a chart that does not render."""
    found, git = facts.get(change.read), facts.get(repository)
    service, where, kept = facts.get(named), facts.get(environment), facts.get(sources).kept

    def side(revision: str) -> Objects:
        folders = layout.chart(service), library(git, revision, service)
        trees = tuple(git.object_ids(revision, folders).values())
        return kept.get(
            ("rendering", *trees, service, where.name, where.namespaces), lambda: render(git, revision, service, where)
        )

    return Rendering(side(found.base), side(found.tree))


def render(git: Repository, revision: str, service: ServiceName, environment: Environment) -> Objects:
    """The objects at a commit or tree; none where the service has no chart. Raises the errors of git and helm."""
    folders = (layout.chart(service), library(git, revision, service))
    entries = [item for folder in folders for item in git.ls_tree(revision, folder) if item.type == "blob"]
    files = {item.path: git.blob(item.id) for item in entries if item.mode != "120000"}
    if f"{layout.chart(service)}/Chart.yaml" not in files:
        return ()
    rendered = helm.render(
        files,
        layout.chart(service),
        value_files=[f"values.{environment.name}.yaml"],
        release_name=layout.application_name(service, environment.name),
        namespace=environment.namespace(service),
    )
    return tuple(item.object for item in rendered)


def by_key(objects: Objects) -> Mapping[Key, Mapping[str, Any]]:
    """Later objects of the same name win, as Argo CD takes them: a repeated one is seen as what it becomes."""
    found: dict[Key, Mapping[str, Any]] = {}
    for item in objects:
        metadata = item.get("metadata") or {}
        key = (str(item.get("apiVersion")), str(item.get("kind")), str(metadata.get("namespace", "")))
        found[*key, str(metadata.get("name", ""))] = item
    return found


def name(key: Key) -> str:
    return f"{key[1]} {key[3]}"


def moved(rendering: Rendering) -> tuple[Moved, ...]:
    """What differs, object by object, by kind and name."""
    before, after = by_key(rendering.before), by_key(rendering.after)
    found = []
    for key in sorted(before.keys() | after.keys(), key=lambda key: (key[1], key[3], key)):
        old, new = before.get(key), after.get(key)
        differences = difference.of(old, new) if old is not None and new is not None else ()
        if old is None or new is None or differences:
            found.append(Moved(key, old, new, differences))
    return tuple(found)


def summary(found: Sequence[Moved], *, values: bool = True) -> str:
    """One line for a finding; ``values``: whether old and new ones may be shown."""
    lines = (str(item) if values or not item.differences else item.places for item in found)
    return difference.listed(lines, limit=MAX_LINE) or "nothing that is rendered differs"


def text(found: Sequence[Moved], *, limit: int = MAX_TEXT) -> str:
    """The rendered diff: unified, as YAML, an object a hunk's file. What a Secret holds is never shown."""
    lines: list[str] = []
    for item in found:
        old, new = _written(item.before), _written(item.after)
        lines += difflib.unified_diff(old, new, f"a/{name(item.key)}", f"b/{name(item.key)}", n=3, lineterm="")
    whole = "\n".join(lines)
    return whole if len(whole) <= limit else f"{whole[:limit].rpartition(chr(10))[0]}\n… cut after {limit} characters"


def _written(item: Mapping[str, Any] | None) -> list[str]:
    if item is None:
        return []
    hidden = {"data": "(hidden)", "stringData": "(hidden)"} if item.get("kind") == "Secret" else {}
    return yaml.dump({key: hidden.get(key, value) for key, value in item.items()}).splitlines()
