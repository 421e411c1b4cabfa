"""`interlock pipeline`: Tekton pipelines on this machine. One file a verb, imported when its command is called."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

VERBS: dict[str, str] = {
    "run": "run",
    "rerun": "rerun",
    "debug": "debug",
    "approve": "approve",
    "sign": "sign",
    "verify": "verify",
    "lock": "lock",
    "resolve": "resolve",
    "validate": "validate",
}
"""Verb -> the module that holds the function of the same name."""


class Verbs(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"interlock.cli.pipeline.{VERBS[cmd_name]}")
        application = typer.Typer(add_completion=False, rich_markup_mode=None)
        application.command(cmd_name)(getattr(module, cmd_name.replace("-", "_")))
        command = typer.main.get_command(application)
        command.name = cmd_name
        return command


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
