"""Options that commands share, and the context file they lead to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from interlock.clients.context import Context

ContextOption = Annotated[
    Path | None,
    typer.Option("--context", help="Context file. Default: $INTERLOCK_CONTEXT, else the one `local up` wrote."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
AsOption = Annotated[str, typer.Option("--as", help="Identity of the context file that does this.")]


def load(path: Path | None) -> Context:
    """The context that the options and the environment name."""
    from interlock.clients.context import load_context

    return load_context(context_path(path))


def context_path(path: Path | None) -> Path:
    if path is not None:
        return path
    if chosen := os.environ.get("INTERLOCK_CONTEXT"):
        return Path(chosen)
    if home := os.environ.get("INTERLOCK_HOME"):
        return Path(home) / "context.yaml"
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "interlock" / "context.yaml"


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
