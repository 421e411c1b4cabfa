"""`interlock pull`: pull requests of an environment, for whoever has no browser at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.delivery import EnvironmentOption, ServiceArgument
from interlock.cli.options import AsOption, ContextOption

if TYPE_CHECKING:
    from interlock.clients.forge import ForgeClient, PullRequest

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Pull requests: open, close, try to merge.")


@app.command("open")
def open_(
    environment: EnvironmentOption,
    branch: Annotated[str, typer.Option(help="Branch with the change, such as promote/<service>/<tag>.")],
    title: Annotated[str, typer.Option(help="Title.")],
    identity: AsOption,
    context: ContextOption = None,
) -> None:
    """Open a pull request from a branch that you pushed."""
    from interlock.cli.session import Session

    session = Session(context)
    estate = session.estate(identity)
    owner, _, name = estate.repository(estate.environment(environment)).partition("/")
    pull = session.connections.forge(identity).create_pull(owner, name, head=branch, base="main", title=title)
    typer.echo(f"{owner}/{name}#{pull.number}: {pull.title}")


@app.command()
def close(
    service: ServiceArgument, environment: EnvironmentOption, identity: AsOption, context: ContextOption = None
) -> None:
    """Close the open delivery of a service without merging it, and delete its branch."""
    forge, owner, name, pull = _delivery(service, environment, identity, context)
    forge.edit_pull(owner, name, pull.number, state="closed")
    forge.delete_branch(owner, name, pull.head_ref)
    typer.echo(f"closed {owner}/{name}#{pull.number}")


@app.command()
def merge(
    service: ServiceArgument, environment: EnvironmentOption, identity: AsOption, context: ContextOption = None
) -> None:
    """Ask the forge to merge as a person: where only the platform may, it refuses."""
    forge, owner, name, pull = _delivery(service, environment, identity, context)
    forge.merge(owner, name, pull.number, head_commit_id=pull.head_sha, message_title=pull.title)
    typer.echo(f"merged {owner}/{name}#{pull.number}")


def _delivery(
    service: str, environment: str, identity: str, context: Path | None
) -> tuple[ForgeClient, str, str, PullRequest]:
    """The client, owner and name of the environment's repository, and the open delivery."""
    from interlock.cli.session import Session

    session = Session(context)
    estate = session.estate(identity)
    found = estate.environment(environment)
    forge = session.connections.forge(identity)
    owner, _, name = estate.repository(found).partition("/")
    return forge, owner, name, session.open_pull(forge, estate, found, service)
