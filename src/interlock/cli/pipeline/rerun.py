"""`interlock pipeline rerun`: a run of `interlock pipeline run` once more, whole or from where it failed."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated, Literal

import typer

from interlock.errors import NotFoundError


def rerun(
    run: Annotated[str, typer.Argument(help="Name of the run, or the folder of its state.")],
    from_failed: Annotated[bool, typer.Option("--from-failed", help="Repeat only what did not succeed.")] = False,
    output: Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="json: the runs.")] = "text",
) -> None:
    """Run again what an earlier `interlock pipeline run` ran, with the settings of then.

    With --from-failed, tasks that succeeded keep their recorded results, and claims start as the failed task found
    them. Secrets are not recorded: a run that needs one is run from its files. Exit codes as of `run`.
    """
    from interlock.cli.pipeline import run as running
    from interlock.tekton.engine import rerun as again
    from interlock.tekton.engine import standalone
    from interlock.tekton.engine.config import Config

    earlier = again.Earlier.load(_folder(run))
    data = standalone.runs_folder() / secrets.token_hex(4)
    data.mkdir(parents=True, mode=0o700)
    settings = json.loads((earlier.folder / standalone.SETTINGS).read_text())
    config = Config.model_validate({**settings, "data": str(data)})
    prepare = again.from_failed(earlier, data) if from_failed else None
    raise typer.Exit(running.execute(config, earlier.invocation(), output=output, before_start=prepare))


def _folder(run: str) -> Path:
    """The newest state of a run of that name. Raises NotFoundError ``run-missing``."""
    from interlock.tekton.engine import standalone

    if (Path(run) / standalone.OBJECTS).is_file():
        return Path(run)
    kept = sorted(
        standalone.runs_folder().glob(f"*/{standalone.OBJECTS}"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    for path in kept:
        named = [item["metadata"]["name"] for item in json.loads(path.read_text()) if item["kind"].endswith("Run")]
        if run in named:
            return path.parent
    raise NotFoundError("run-missing", f"no run {run} is recorded", where=str(standalone.runs_folder()))
