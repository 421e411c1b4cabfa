"""`interlock platform`: the estate itself, founded and edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import AsOption, ContextOption
from interlock.errors import InputError, NotFoundError

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


@app.command()
def edit(
    files: Annotated[
        list[str],
        typer.Argument(help="PATH=FILE, PATH as in the platform repo (PATH= deletes it), or a folder of files."),
    ],
    identity: AsOption,
    title: Annotated[str, typer.Option(help="What the pull request is called.")] = "",
    context: ContextOption = None,
) -> None:
    """Open the delivery that changes the platform repo's own files, and say what gets weaker and who must approve."""
    found = dict(pair for item in files for pair in _files(item))
    propose(lambda read: found, identity, title or f"platform: {', '.join(sorted(found))}"[:120], context)


def propose(
    change: Callable[[Callable[[str], bytes]], Mapping[str, bytes | None]],
    identity: str,
    title: str,
    context: Path | None,
) -> None:
    """Open an edit as ``identity``. ``change`` gets a reader of the files as they are, and gives what they become."""
    from interlock.cli.session import Session
    from interlock.platform.delivery import edits
    from interlock.platform.estate import PLATFORM
    from interlock.platform.estate.layout import MAIN

    session = Session(context)
    estate = session.estate(identity)
    environment = estate.environment(PLATFORM)
    git = session.connections.mirror(environment.repository, identity)

    def read(path: str) -> bytes:
        data = git.read(MAIN, path)
        if data is None:
            raise NotFoundError("estate-file-missing", "the platform repo lacks a file", where=path)
        return data

    edit = edits.prepare(git, change(read), title)
    for item in edit.differences:
        typer.echo(f"  {'stricter' if item.stricter else 'weaker'}: {item.path}")
    asked = [f"{item.count} {item.who}" for item in edit.approvals]
    asked += [f"a change record, for {', '.join(edit.records)}"] if edit.records else []
    typer.echo(f"  asks: {'; '.join(asked)}")
    session.propose(identity, estate, environment, git, edit.prepared)


def _files(item: str) -> Iterable[tuple[str, bytes | None]]:
    """Path in the platform repo -> content. Raises InputError ``edit-file``."""
    path, sign, file = item.partition("=")
    if sign and not file:
        return [(path, None)]
    source = Path(file if sign else item)
    if sign and source.is_file():
        return [(path, source.read_bytes())]
    if not sign and source.is_dir():
        every = sorted(inner for inner in source.rglob("*") if inner.is_file())
        return [(inner.relative_to(source).as_posix(), inner.read_bytes()) for inner in every]
    raise InputError("edit-file", "no file to read", got=item, expected="PATH=FILE, or a folder of files")
