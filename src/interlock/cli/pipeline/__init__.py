"""`interlock pipeline`: Tekton pipelines on this machine. One file a verb, imported when its command is called."""

from __future__ import annotations

import typer

from interlock.cli.lazy import LazyGroup

_VERBS = ("run", "rerun", "debug", "approve", "sign", "verify", "lock", "resolve", "validate")
COMMANDS = {verb: (f"interlock.cli.pipeline.{verb}", verb) for verb in _VERBS}


class Verbs(LazyGroup):
    commands_of = COMMANDS


app = typer.Typer(
    cls=Verbs,
    name="pipeline",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Run, check, sign and debug Tekton pipelines on this machine: no cluster, no containers.",
)


@app.callback()
def root() -> None:
    pass
