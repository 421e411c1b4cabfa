"""`interlock chart`: versions of the library chart in an environment, and which of them a service renders with."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.delivery import EnvironmentOption, ServiceArgument
from interlock.cli.options import AsOption, ContextOption
from interlock.errors import NotFoundError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The library chart: add a version, move a service.")


@app.command()
def add(
    version: Annotated[str, typer.Argument(help="Version of the library chart, such as 1.1.0.")],
    environment: EnvironmentOption,
    identity: AsOption,
    context: ContextOption = None,
) -> None:
    """Open the delivery that brings a version of the library chart, and touches no service."""
    from interlock.cli.session import Session
    from interlock.platform import catalog
    from interlock.platform.delivery import charts
    from interlock.platform.estate import PLATFORM
    from interlock.platform.estate.layout import MAIN
    from interlock.platform.facts import library

    session = Session(context)
    estate = session.estate(identity)
    found = estate.environment(environment)
    git = session.connections.mirror(found.repository, identity)
    platform = session.connections.mirror(PLATFORM, identity, fetch=False)
    packaged = catalog.charts().get(version, {})
    offered = library.candidates(version, git, MAIN, platform, estate.commit, packaged)
    if not offered:
        raise NotFoundError(
            "chart-version-unknown",
            "no such version of the library chart is in force",
            got=version,
            expected=", ".join(catalog.charts()),
        )
    session.propose(identity, estate, found, git, charts.addition(git, found.name, offered[0]))


@app.command()
def move(
    service: ServiceArgument,
    version: Annotated[str, typer.Option("--to", help="Version that the environment has.")],
    environment: EnvironmentOption,
    identity: AsOption,
    context: ContextOption = None,
) -> None:
    """Open the delivery that moves a service to a version of the chart, and show what the cluster would get."""
    from interlock.cli.session import Session
    from interlock.platform.delivery import charts
    from interlock.platform.domain.ids import ServiceName
    from interlock.platform.facts import rendering

    session = Session(context)
    estate = session.estate(identity)
    estate.service(service)
    found = estate.environment(environment)
    git = session.connections.mirror(found.repository, identity)
    prepared, moved = charts.move(git, ServiceName(service), found, version)
    typer.echo(rendering.text(moved) or "nothing that is rendered differs")
    session.propose(identity, estate, found, git, prepared)


@app.command("drop-flat")
def drop_flat(environment: EnvironmentOption, identity: AsOption, context: ContextOption = None) -> None:
    """Open the delivery that takes away the chart of before there were versions, when no service renders with it."""
    from interlock.cli.session import Session
    from interlock.platform.delivery import charts

    session = Session(context)
    estate = session.estate(identity)
    found = estate.environment(environment)
    git = session.connections.mirror(found.repository, identity)
    session.propose(identity, estate, found, git, charts.departure(git, found.name))
