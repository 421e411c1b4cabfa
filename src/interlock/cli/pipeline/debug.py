"""`interlock pipeline debug`: a shell where a breakpoint holds a step."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.errors import NotFoundError

if TYPE_CHECKING:
    from interlock.tekton.spec.runs import TaskRun

_SCRIPTS = "/tekton/debug/scripts"


def debug(
    data: Annotated[Path, typer.Argument(help="Folder of the run's state, or of an engine's data.")],
    step: Annotated[str, typer.Option(help="Container of the step, if more than one waits.")] = "",
) -> None:
    """Open a shell in the namespaces of a step that waits at a breakpoint.

    End the wait from inside with one of the scripts below /tekton/debug/scripts.
    """
    found = [json.loads(path.read_text()) for path in sorted(data.glob("runs/*/*/*/breakpoint.json"))]
    waiting = [note for note in found if not step or note["step"] in (step, f"step-{step}")]
    if not waiting:
        raise NotFoundError("breakpoint-missing", "no step waits at a breakpoint", where=str(data))
    note = waiting[0]
    typer.echo(f"{note['step']} ({note['kind']}); end the wait with {_SCRIPTS}/debug-*", err=True)
    os.execv(note["enter"][0], note["enter"])  # noqa: S606 - becoming the shell is the purpose


def attend(run: TaskRun, container: str, kind: str, enter: Sequence[str]) -> None:
    """A shell for whoever runs `interlock pipeline run` on a terminal, then the decision."""
    prefix = "debug-beforestep-" if kind == "before" else "debug-"
    typer.echo(f"breakpoint ({kind}) in {run.metadata.name}, {container}: exit the shell to decide", err=True)
    subprocess.run(list(enter), check=False)
    answer = typer.prompt("c(ontinue) or f(ail)", default="f", err=True).strip().lower()
    script = f"{_SCRIPTS}/{prefix}{'continue' if answer.startswith('c') else 'fail-continue'}"
    subprocess.run([*_beside(enter), script], check=False)


def _beside(enter: Sequence[str]) -> list[Any]:
    """The way in, without the shell that it ends in."""
    return list(enter[: list(enter).index("--") + 1])
