"""Rendering a service's objects at two trees, as Argo CD would."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.errors import InterlockError
from interlock.formats import helm
from interlock.platform.checks import Rendering
from interlock.platform.checks.facts import Objects
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.result import CHART
from interlock.platform.estate import layout


def render(git: Repository, revision: str, service: ServiceName, environment: str) -> Objects:
    """The objects at a commit or tree; none where the service has no chart. Raises the errors of git and helm."""
    folders = (layout.chart(service), CHART)
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


def read_rendering(git: Repository, base: str, tree: str, service: ServiceName, environment: str) -> Rendering | Unread:
    """Both sides; a chart that does not render is Unread with helm's code."""
    try:
        return Rendering(render(git, base, service, environment), render(git, tree, service, environment))
    except InterlockError as error:
        return unread(f"chart {layout.chart(service)}", error)
