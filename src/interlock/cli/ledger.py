"""`interlock ledger`: what was checked, decided and applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import ContextOption, JsonOption, print_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The append-only log of what was decided.")


@app.callback()
def group() -> None:
    """The append-only log of what was decided."""


@app.command()
def verify(
    kept: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            exists=True,
            dir_okay=False,
            help="File with a checkpoint that was kept: its entries must still be the first.",
        ),
    ] = None,
    json: JsonOption = False,
    context: ContextOption = None,
) -> None:
    """Check every entry against its hash, its signature, the chain and the checkpoint; exit code 1 at a fault."""
    from interlock.cli import proofs
    from interlock.cli.session import Session
    from interlock.platform.proof.chain import report_as_dict

    ledger = proofs.sources(Session(context)).books.ledger
    report = ledger.verify(kept=None if kept is None else kept.read_bytes())
    if json:
        print_json(report_as_dict(report))
    elif report.fault is None:
        typer.echo(f"whole: {report.size} entries, head {report.head}")
    else:
        typer.echo(f"entry {report.fault.sequence} [{report.fault.reason}]: {report.fault.detail}")
    if report.fault is not None:
        raise typer.Exit(1)


@app.command()
def checkpoint(context: ContextOption = None) -> None:
    """Print the newest checkpoint: size and root of the ledger, signed. Who keeps it sees later whether anything before
    it was rewritten."""
    from interlock.cli import proofs
    from interlock.cli.session import Session
    from interlock.errors import NotFoundError

    found = proofs.sources(Session(context)).books.ledger.checkpoint()
    if found is None:
        raise NotFoundError("checkpoint-missing", "nothing was written to the ledger yet")
    typer.echo(found.signed.decode(), nl=False)


@app.command("list")
def entries(json: JsonOption = False, context: ContextOption = None) -> None:
    """List every authentic entry in order."""
    from interlock.cli import proofs, tables
    from interlock.cli.session import Session

    found = list(proofs.sources(Session(context)).books.ledger.entries())
    if json:
        print_json([{"sequence": e.sequence, "time": e.time, "kind": e.kind, "subject": e.subject} for e in found])
        return
    rows = [(str(item.sequence), item.time, item.kind, item.subject) for item in found]
    tables.print_table(("#", "time", "kind", "subject"), rows)


@app.command()
def find(
    term: Annotated[str, typer.Argument(help="Commit, digest, change record, service, or environment/service.")],
    json: JsonOption = False,
    context: ContextOption = None,
) -> None:
    """Find entries by what they name."""
    from interlock.cli import proofs, tables
    from interlock.cli.session import Session

    found = sorted(proofs.sources(Session(context)).books.ledger.about(term), key=lambda entry: entry.sequence)
    if json:
        print_json([{"sequence": e.sequence, "time": e.time, "kind": e.kind, "subject": e.subject} for e in found])
        return
    rows = [(str(item.sequence), item.time, item.kind, item.subject) for item in found]
    tables.print_table(("#", "time", "kind", "subject"), rows)
