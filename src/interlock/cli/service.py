"""`interlock service`: the services of an estate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import AsOption, ContextOption
from interlock.errors import InputError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Services: create one, bring one along, or remove one."
)


@app.callback()
def group() -> None:
    """Services: create one, bring one along, or remove one."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the service, a DNS label.")],
    team: Annotated[str, typer.Option(help="Team that it belongs to.")],
    identity: AsOption,
    path: Annotated[str, typer.Option("--path", help="Golden path: the shape of the service.")] = "ace-flow",
    owner: Annotated[str | None, typer.Option(help="Person id of the service owner. Default: the team's.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder with an existing ACE workspace to import.", file_okay=False)
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of the golden path's parameters; may be repeated.")
    ] = None,
    clone: Annotated[Path | None, typer.Option(help="Where the clone of the app repo goes. Default: ./NAME.")] = None,
    context: ContextOption = None,
) -> None:
    """Make an app repo and open its registration and one onboarding delivery an environment."""
    from interlock.cli.session import Session, now
    from interlock.platform.setup import onboarding, workspace

    session = Session(context)
    estate = session.estate(identity)
    request = onboarding.Request(
        name=name,
        shape=path,
        team=team,
        owner=owner or onboarding.default_owner(estate, team),
        identity=identity,
        workspace=None if source is None else workspace.read(source),
        parameters=dict(_parameter(text) for text in parameter or ()),
    )
    at_work = onboarding.Onboarding(session.connections, estate, request, now)
    for line in at_work.run((clone or Path(name)).absolute()):
        typer.echo(f"  {line}")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the service.")],
    environment: Annotated[str, typer.Option("--env", help="Environment; `platform` for the registration, last.")],
    identity: AsOption,
    context: ContextOption = None,
) -> None:
    """Open the next step of a service's removal from an environment: its objects, then its Application.

    Each object is confirmed by itself. Nothing is deleted before the delivery is approved and sealed, and then exactly
    what it names.
    """
    from interlock.cli.session import Session
    from interlock.platform.delivery import removal
    from interlock.platform.domain.ids import ServiceName
    from interlock.platform.estate import PLATFORM, layout
    from interlock.platform.facts.removal import held_by

    session, service = Session(context), ServiceName(name)
    estate = session.estate(identity)
    estate.service(name)
    where = estate.environment(environment)
    git = session.connections.mirror(where.repository, identity)
    if environment == PLATFORM:
        session.propose(identity, estate, where, git, removal.registration(git, service))
        return
    named = removal.under_way(git, service)
    hub = session.connections.cluster_at(estate.platform.platform.cluster, identity)
    cluster = session.connections.cluster_at(where.cluster, identity)
    held = held_by(hub, cluster, layout.application_name(name, environment), named.objects if named else ())
    if named is None:
        for item in held.objects:
            typer.confirm(f"Delete {item}?", abort=True)
        prepared = removal.objects(git, service, environment, held)
    else:
        prepared = removal.application(git, service, environment, held)
    session.propose(identity, estate, where, git, prepared)


def _parameter(text: str) -> tuple[str, str]:
    """``NAME=VALUE``. Raises InputError ``parameter-invalid``."""
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError("parameter-invalid", "no parameter", got=text, expected="NAME=VALUE")
    return name, value
