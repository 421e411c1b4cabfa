"""`interlock trace`: the proof of what runs, recomputed from primary evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.options import ContextOption, JsonOption, print_json
from interlock.errors import InputError


def trace(
    what: Annotated[str, typer.Argument(help="ENV/SERVICE for the proof backwards, or a change record's number.")],
    json: JsonOption = False,
    context: ContextOption = None,
) -> None:
    """Print the thirteen links from a running object back to its source, each with claim, evidence and verdict.

    Exit code 1 when a link is not valid under the bases that the environment accepts, or the ledger is not whole.
    """
    from interlock.cli import proofs
    from interlock.cli.delivery import RECORD
    from interlock.cli.session import Session

    session = Session(context)
    if RECORD.fullmatch(what):
        forwards = proofs.forwards(session, what)
        print_json(forwards.as_dict()) if json else proofs.print_forwards(forwards)
        if not forwards.holds:
            raise typer.Exit(1)
        return
    environment, slash, service = what.partition("/")
    if not slash or not service:
        raise InputError("trace-what", "what is to be traced?", got=what, expected="ENV/SERVICE or a record's number")
    found = proofs.backwards(session, environment, service)
    print_json(found.as_dict()) if json else proofs.print_backwards(found)
    if not found.holds:
        raise typer.Exit(1)
