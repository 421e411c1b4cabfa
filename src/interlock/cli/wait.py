"""`interlock wait`: until a service is where it should be."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from interlock.cli.options import ContextOption
from interlock.errors import NotFoundError, UnreachableError

_POLL_SECONDS = 0.25


def wait(
    service: Annotated[str, typer.Argument(help="Name of the service; `main` is the repository itself.")],
    environment: Annotated[str, typer.Option("--env", help="Environment (`platform` is the platform repo).")],
    image: Annotated[
        str, typer.Option("--image", help="Tag to wait for; `previous` is what the environment before runs.")
    ] = "",
    settled: Annotated[
        bool,
        typer.Option("--settled", help="Wait until no delivery of it is open, and whatever was merged is there."),
    ] = False,
    onboarded: Annotated[bool, typer.Option("--onboarded", help="Wait for the onboarding only.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 120.0,
    identity: Annotated[str, typer.Option("--as", help="Identity of the context file that looks.")] = "interlock",
    context: ContextOption = None,
) -> None:
    """Wait until a service is synced and healthy in an environment: with an image, or with everything that was asked
    for. Exit code 5 when time is over."""
    from interlock.cli import places
    from interlock.cli.session import Session

    session = Session(context)

    def look() -> tuple[bool, str]:
        if settled:
            return places.settled(session, environment, service, identity)
        place = places.look(session, environment, service, identity)
        wanted = places.tag_before(session, environment, service, identity) if image == "previous" else image
        return place.deployed and (onboarded or bool(place.tag and wanted in ("", place.tag))), place.summary

    deadline = time.monotonic() + timeout
    last = "nothing yet"
    while time.monotonic() < deadline:
        try:
            there, last = look()
            if there:
                typer.echo(last)
                return
        except NotFoundError as error:
            last = error.message
        time.sleep(_POLL_SECONDS)
    raise UnreachableError(
        "wait-timeout",
        f"{service} did not get there in {timeout:.0f} s",
        got=last,
        todo=f"`interlock gate {service} --env {environment}` says what is missing",
    )
