"""`interlock address`: where a stable name answers."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli import options


def address(
    name: Annotated[str, typer.Argument(help="As files write it: https://git/acme/env-prod, registry.acme.test/...")],
    inside: Annotated[bool, typer.Option("--inside", help="As build steps and pods see it.")] = False,
    context: options.ContextOption = None,
) -> None:
    """Print where a stable name of the estate's files answers, by the context file."""
    typer.echo(options.load(context).resolve(name, view="inside" if inside else "outside"))
