"""Interlock on the command line: one file a noun, imported only when its command is called.

Exit codes: 0 done · 1 the answer is no (a proof or gate that does not hold) · 2 bad input or usage · 3 not found ·
4 refused or overtaken by another change · 5 a service did not answer, or not now · 70 our fault.
"""

from __future__ import annotations

import os
import sys

import typer

from interlock.cli.lazy import LazyGroup
from interlock.errors import InterlockError, InternalError

COMMANDS = {
    "local": ("interlock.cli.local", "app"),
    "platform": ("interlock.cli.platform", "app"),
    "person": ("interlock.cli.people", "person"),
    "freeze": ("interlock.cli.people", "freeze"),
    "service": ("interlock.cli.service", "app"),
    "pipeline": ("interlock.cli.pipeline", "app"),
    "build": ("interlock.cli.build", "build"),
    "promote": ("interlock.cli.delivery", "promote"),
    "approve": ("interlock.cli.delivery", "approve"),
    "reject": ("interlock.cli.delivery", "reject"),
    "revert": ("interlock.cli.delivery", "revert"),
    "pull": ("interlock.cli.pull", "app"),
    "gate": ("interlock.cli.delivery", "gate"),
    "wait": ("interlock.cli.wait", "wait"),
    "trace": ("interlock.cli.trace", "trace"),
    "status": ("interlock.cli.status", "status"),
    "changes": ("interlock.cli.status", "changes"),
    "ledger": ("interlock.cli.ledger", "app"),
    "address": ("interlock.cli.address", "address"),
}


class Commands(LazyGroup):
    commands_of = COMMANDS


app = typer.Typer(
    cls=Commands,
    name="interlock",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Self-service GitOps delivery: nothing reaches a cluster except through git, and only when its proof holds.",
)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from interlock import __version__

        typer.echo(f"interlock {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Entry point. An error is printed with what was got, expected, where and what to do, and sets the exit code."""
    try:
        app()
    except InterlockError as error:
        _report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if os.environ.get("INTERLOCK_DEBUG"):
            raise
        _report(
            InternalError(
                "internal",
                f"{type(error).__name__}: {error}",
                todo="this is our fault: set INTERLOCK_DEBUG=1, run it again, and report what it prints",
            )
        )
        sys.exit(InternalError.exit_code)


def _report(error: InterlockError) -> None:
    if "--json" in sys.argv:
        import json

        print(json.dumps({"error": error.as_dict()}, indent=2), file=sys.stderr)
        return
    for label, text in error.lines():
        print(f"{label + ':':10}{text}", file=sys.stderr)
