"""`interlock person` and `interlock freeze`: the two edits of the platform that are asked for most."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock.cli.options import AsOption, ContextOption
from interlock.errors import InputError

person = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="People of the estate: who comes, who leaves.")
freeze = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Times in which nothing is delivered.")


@person.callback()
def people() -> None:
    """People of the estate: who comes, who leaves."""


@freeze.callback()
def freezes() -> None:
    """Times in which nothing is delivered."""


@person.command("add")
def add(
    id: Annotated[str, typer.Argument(help="Person id; nobody else ever has it.")],
    name: Annotated[str, typer.Option(help="Full name.")],
    email: Annotated[str, typer.Option(help="Address.")],
    identity: AsOption,
    team: Annotated[list[str] | None, typer.Option(help="Team; may be repeated.")] = None,
    forge: Annotated[list[str] | None, typer.Option(help="Account on the forge; may be repeated.")] = None,
    tickets: Annotated[list[str] | None, typer.Option(help="Account in the ticket system; may be repeated.")] = None,
    ssh_key: Annotated[
        list[Path] | None,
        typer.Option(help="File with an OpenSSH public key that signs their commits; may be repeated.", dir_okay=False),
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="`platform-reviewer` or `change-manager`; may be repeated.")
    ] = None,
    context: ContextOption = None,
) -> None:
    """Open the delivery that adds somebody to people.yaml."""
    from interlock.cli.platform import propose
    from interlock.platform.delivery import edits

    entry: dict[str, Any] = {"id": id, "name": name, "email": email, "teams": team or []}
    entry["accounts"] = {"forge": forge or [], "tickets": tickets or []}
    entry |= {"roles": role} if role else {}
    entry["sshKeys"] = [line for path in ssh_key or () for line in path.read_text().splitlines() if line.strip()]
    file = edits.PEOPLE_FILE
    propose(lambda read: {file: edits.person_added(read(file), entry)}, identity, f"platform: {id} joins", context)


@person.command("leave")
def leave(
    id: Annotated[str, typer.Argument(help="Person id.")],
    identity: AsOption,
    at: Annotated[str | None, typer.Option(help="From when on: a moment with its offset. Default: now.")] = None,
    context: ContextOption = None,
) -> None:
    """Open the delivery that ends somebody's entry: it stays, so that their commits stay theirs."""
    from interlock.cli.platform import propose
    from interlock.cli.session import now
    from interlock.platform.delivery import edits

    until = _moment(at) if at else now().replace(microsecond=0).isoformat()
    file = edits.PEOPLE_FILE
    propose(lambda read: {file: edits.person_left(read(file), id, until)}, identity, f"platform: {id} leaves", context)


@freeze.command("add")
def begin(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    environment: Annotated[list[str], typer.Option("--env", help="Environment; may be repeated.")],
    start: Annotated[str, typer.Option("--from", help="Its beginning: a moment with its offset.")],
    end: Annotated[str, typer.Option("--to", help="Its end.")],
    identity: AsOption,
    context: ContextOption = None,
) -> None:
    """Open the delivery that adds a freeze to platform.yaml."""
    from interlock.cli.platform import propose
    from interlock.platform.delivery import edits

    added = {"name": name, "from": _moment(start), "to": _moment(end), "environments": environment}
    file = edits.PLATFORM_FILE
    propose(lambda read: {file: edits.freeze_added(read(file), added)}, identity, f"platform: freeze {name}", context)


def _moment(text: str) -> str:
    """As files write it. Raises InputError ``moment-invalid``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError("moment-invalid", "no moment", got=text, expected="such as 2026-12-24T12:00:00+00:00")
    return found.isoformat()
