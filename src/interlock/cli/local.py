"""`interlock local`: the engines on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import JsonOption, print_json
from interlock.local import home as homes

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The engines on this machine: forge, clusters, Tekton, Argo CD, registry.",
)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Data folder. Default: $INTERLOCK_HOME, else $XDG_STATE_HOME/interlock."),
]


def _home(folder: Path | None, port_base: int = homes.DEFAULT_PORT_BASE) -> homes.Home:
    return homes.Home((folder or homes.default_folder()).absolute(), homes.check_port_base(port_base))


@app.command()
def up(
    home: HomeOption = None,
    port_base: Annotated[
        int, typer.Option(envvar="INTERLOCK_PORT_BASE", help="First of the ports, all on 127.0.0.1.")
    ] = homes.DEFAULT_PORT_BASE,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until every engine is ready.")] = 60.0,
) -> None:
    """Start the engines: a forge, a registry, a ticket system, and a cluster each for hub, dev, test and prod."""
    from interlock.local import lifecycle

    where = _home(home, port_base)
    engines = lifecycle.up(where, timeout=timeout)
    typer.echo(f"{len(engines)} engines are ready; data, context file and kubeconfig are in {where.folder}")


@app.command()
def status(home: HomeOption = None, json: JsonOption = False) -> None:
    """Say which engines run."""
    from interlock.local import lifecycle

    engines = lifecycle.status(_home(home))
    if json:
        print_json(engines)
    else:
        for name, engine in engines.items():
            typer.echo(f"{name:20}{engine['state']:12}pid {engine['pid'] or '-':<8}restarts {engine['restarts']}")
    if not engines or any(engine["state"] != "ready" for engine in engines.values()):
        if not engines and not json:
            typer.echo("nothing runs: `interlock local up` starts the engines")
        raise typer.Exit(1)


@app.command()
def stop(name: Annotated[str, typer.Argument(help="Engine.")], home: HomeOption = None) -> None:
    """Stop one engine and keep it stopped, while the others go on."""
    from interlock.local import lifecycle

    lifecycle.pause(_home(home), name, paused=True)
    typer.echo(f"{name} is stopped")


@app.command()
def start(name: Annotated[str, typer.Argument(help="Engine.")], home: HomeOption = None) -> None:
    """Start one engine that was stopped."""
    from interlock.local import lifecycle

    lifecycle.pause(_home(home), name, paused=False)
    typer.echo(f"{name} is running")


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop the engines; what they keep stays."""
    from interlock.local import lifecycle

    typer.echo("stopped" if lifecycle.down(_home(home)) else "nothing was running")


@app.command()
def reset(
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the engines and delete the data folder."""
    from interlock.local import lifecycle

    where = _home(home)
    if not yes:
        typer.confirm(f"Delete {where.folder} with every repository, image and record in it?", abort=True)
    lifecycle.reset(where)
    typer.echo(f"deleted {where.folder}")
