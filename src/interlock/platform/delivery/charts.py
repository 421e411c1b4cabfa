"""Preparing deliveries of the library chart: a version that comes, and a service that moves to one that is there."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.errors import NotFoundError
from interlock.platform.delivery import promotion
from interlock.platform.delivery.promotion import Prepared
from interlock.platform.domain.branches import WHOLE, Purpose
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.result import CHART
from interlock.platform.estate import Environment, layout
from interlock.platform.estate.layout import MAIN
from interlock.platform.estate.library import Library
from interlock.platform.facts import library, rendering
from interlock.platform.facts.rendering import Moved, Rendering


def addition(git: Repository, environment: str, chart: Library) -> Prepared:
    """Brings one version, and touches no service. Raises RefusedError ``change-nothing``."""
    title = f"charts: service {chart.version} to {environment}"
    body = (
        f"Adds {len(chart.files)} files in `{chart.folder}`, as they are in force. No service renders with them yet.\n"
    )
    return promotion.change(git, Purpose.CHART, WHOLE, dict(chart.placed), title, body)


def departure(git: Repository, environment: str) -> Prepared:
    """Takes the flat chart away, which nobody may use any more. Raises NotFoundError ``chart-version-absent``."""
    found = library.at(git, MAIN, CHART)
    if found is None:
        raise NotFoundError("chart-version-absent", "there is no flat library chart", where=CHART)
    title = f"charts: the flat chart leaves {environment}"
    body = "Every service renders with a version of the library chart.\n"
    return promotion.change(git, Purpose.CHART, WHOLE, dict.fromkeys(found.placed), title, body)


def move(
    git: Repository, service: ServiceName, environment: Environment, version: str
) -> tuple[Prepared, tuple[Moved, ...]]:
    """Moves one service to a version that is there; with what it renders to differently.

    Raises NotFoundError ``service-not-onboarded`` or ``chart-version-absent``, RefusedError ``change-nothing``, and
    what rendering raises.
    """
    path = f"{layout.chart(service)}/Chart.yaml"
    before = git.read(MAIN, path)
    if before is None:
        raise NotFoundError("service-not-onboarded", f"{service} is not onboarded in {environment.name}", where=path)
    if version not in (known := library.versions(git, MAIN)):
        raise NotFoundError(
            "chart-version-absent",
            f"{environment.name} does not have that version of the library chart",
            got=version,
            expected=", ".join(known) or "a version",
            todo=f"deliver it first: `interlock chart add {version} --env {environment.name}`",
        )
    files = {path: layout.set_library(before, version, file=path)}
    tree = git.write_tree(files, base=MAIN)
    found = rendering.moved(Rendering(*(rendering.render(git, side, service, environment) for side in (MAIN, tree))))
    title = f"{service}: chart {version} to {environment.name}"
    body = f"Changes version and folder of the library chart in `{path}`, nothing else.\n\n{promotion.rendered(found)}"
    return promotion.change(git, Purpose.CHART, service, files, title, body), found
