"""What a delivery does to a service's values, and which of their keys are configuration there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.clients.git import Repository
from interlock.formats import credentials
from interlock.formats.helm.values import overlay
from interlock.formats.yaml import dotted
from interlock.platform.domain import difference
from interlock.platform.domain.change import Change
from interlock.platform.domain.difference import Difference
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import layout, values
from interlock.platform.estate.values import Keys
from interlock.platform.facts import change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, named, repository
from interlock.platform.facts.result import library


def keys(facts: Facts) -> Keys:
    """By the schema of the library chart that the service renders with at the base: what the head says of itself
    decides nothing. Raises InputError ``helm-schema``."""
    return keys_at(facts.get(repository), facts.get(change.read).base, facts.get(named))


def keys_at(git: Repository, revision: str, service: ServiceName) -> Keys:
    """The same at a commit."""
    file = values.schema_file(library(git, revision, service))
    return values.keys(git.read(revision, file), file=file)


def read(facts: Facts) -> Mapping[str, tuple[Difference, ...]]:
    """File -> the values that differ in it. Raises InputError ``yaml-*``, ``values-mapping``."""
    return differing(facts.get(change.read))


def differing(found: Change) -> Mapping[str, tuple[Difference, ...]]:
    return {
        item.path: difference.of(
            *(values.read(side.get(item.path, b"{}"), file=item.path) for side in (found.before, found.after))
        )
        for item in found.effect
    }


def merged(facts: Facts) -> Mapping[str, Any]:
    """The values that the chart gets after the delivery, null taking away what stands before it."""
    git, tree, service = facts.get(repository), facts.get(change.read).tree, facts.get(named)
    files = (f"{layout.chart(service)}/values.yaml", layout.values(service, facts.get(environment).name))
    found: dict[str, Any] = {}
    for path in files:
        found = overlay(found, values.read(git.read(tree, path) or b"{}", file=path))
    kept: dict[str, Any] = _without_null(found)
    return kept


def secrets(facts: Facts) -> tuple[str, ...]:
    """Where the delivery would write a secret as text: keys, and lines of comments, never what stands there."""
    return secrets_in(facts.get(change.read), facts.get(read))


def secrets_in(found: Change, differing: Mapping[str, tuple[Difference, ...]]) -> tuple[str, ...]:
    places: list[str] = []
    for path, differences in differing.items():
        for item in differences:
            value = json.loads(item.after or "null")
            if isinstance(value, str) and (credentials.token(value) or credentials.named(str(item.path[-1]), value)):
                places.append(f"{path}: {dotted(item.path)}")
        known = set(found.before.get(path, b"").splitlines())
        for number, line in enumerate(found.after.get(path, b"").splitlines(), 1):
            if line not in known and credentials.token(line.decode(errors="replace")):
                places.append(f"{path}:{number}")
    return tuple(dict.fromkeys(places))


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return value
