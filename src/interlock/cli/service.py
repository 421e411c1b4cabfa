"""`interlock service`: the services of an estate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import AsOption, ContextOption
from interlock.errors import InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Services: create one, or bring one along.")


@app.callback()
def group() -> None:
    """Services: create one, or bring one along."""


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


def _parameter(text: str) -> tuple[str, str]:
    """``NAME=VALUE``. Raises InputError ``parameter-invalid``."""
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError("parameter-invalid", "no parameter", got=text, expected="NAME=VALUE")
    return name, value
