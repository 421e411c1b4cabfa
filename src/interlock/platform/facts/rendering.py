"""A service's objects before and after a delivery, rendered as Argo CD would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.clients.git import Repository
from interlock.formats import helm
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import layout
from interlock.platform.facts import change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, named, repository, sources
from interlock.platform.facts.result import library

Objects = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Rendering:
    """From the base, and from the merge's result."""

    before: Objects
    after: Objects


def read(facts: Facts) -> Rendering:
    """Raises the errors of git, and of helm for a chart that does not render."""
    found, git = facts.get(change.read), facts.get(repository)
    service, where, kept = facts.get(named), facts.get(environment).name, facts.get(sources).kept

    def side(revision: str) -> Objects:
        folders = layout.chart(service), library(git, revision, service)
        trees = tuple(git.object_ids(revision, folders).values())
        return kept.get(("rendering", *trees, service, where), lambda: render(git, revision, service, where))

    return Rendering(side(found.base), side(found.tree))


def render(git: Repository, revision: str, service: ServiceName, environment: str) -> Objects:
    """The objects at a commit or tree; none where the service has no chart. Raises the errors of git and helm."""
    folders = (layout.chart(service), library(git, revision, service))
    entries = [item for folder in folders for item in git.ls_tree(revision, folder) if item.type == "blob"]
    files = {item.path: git.blob(item.id) for item in entries if item.mode != "120000"}
    if f"{layout.chart(service)}/Chart.yaml" not in files:
        return ()
    rendered = helm.render(
        files,
        layout.chart(service),
        value_files=[f"values.{environment}.yaml"],
        release_name=f"{service}-{environment}",
        namespace=service,
    )
    return tuple(item.object for item in rendered)
