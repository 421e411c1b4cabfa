"""`interlock platform`: the estate itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import ContextOption

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The estate: its repositories and their rules.")


@app.callback()
def group() -> None:
    """The estate: its repositories and their rules."""


@app.command()
def init(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder that describes the estate. Default: a sample organisation.", file_okay=False
        ),
    ] = None,
    context: ContextOption = None,
) -> None:
    """Make the platform repo and the env repos, protected, with their accounts; repeat it to finish or mend."""
    import tempfile
    from importlib.resources import files

    from interlock.cli.session import Session, now
    from interlock.platform.setup import installation

    session = Session(context)
    described = files("interlock.local") / "sample" if source is None else source
    with tempfile.TemporaryDirectory(prefix="interlock-init-") as folder:
        for line in installation.install(session.connections, described, now=now, scratch=Path(folder)):
            typer.echo(f"  {line}")
    organisation, forge = session.context.organisation, session.context.forge.outside
    typer.echo(f"the estate {organisation} is on {forge}/{organisation}")
