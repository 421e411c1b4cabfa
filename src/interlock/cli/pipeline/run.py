"""`interlock pipeline run`: runs from files on this machine, with no other engine started."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from interlock.cli.pipeline import remote, validate
from interlock.errors import InputError

if TYPE_CHECKING:
    from interlock.tekton.engine.config import Config
    from interlock.tekton.spec.flags import Flags
    from interlock.tekton.spec.invocation import Invocation


def run(
    paths: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files or folders: runs and what they use.")],
    param: Annotated[list[str] | None, typer.Option("-p", "--param", help="name=value; may be repeated.")] = None,
    workspace: Annotated[
        list[str] | None,
        typer.Option("-w", "--workspace", help="name=FOLDER|emptyDir|template|claim:N|config:N|secret:N, or as tkn."),
    ] = None,
    service_account: Annotated[str, typer.Option("-s", "--serviceaccount", help="Of a run that is made.")] = "",
    feature_flag: Annotated[list[str] | None, typer.Option(help="name=value of ConfigMap feature-flags.")] = None,
    alpha: Annotated[bool, typer.Option("--alpha", help="All flags as upstream's alpha tests set them.")] = False,
    tekton_version: Annotated[Literal["1.9", "1.15"], typer.Option(help="The Tekton whose reasons hold.")] = "1.15",
    host_image: Annotated[
        list[str] | None, typer.Option(help="Image whose steps run with this machine's own tools; may be repeated.")
    ] = None,
    image_layout: Annotated[list[Path] | None, typer.Option(help="OCI layout with images; may be repeated.")] = None,
    remote_mirror: remote.MirrorOption = None,
    resolvers: remote.ConfigOption = None,
    breakpoint_at: Annotated[
        list[str] | None, typer.Option("--breakpoint", help="on-failure, or before:STEP; opens a shell there.")
    ] = None,
    isolation: Annotated[
        Literal["auto", "bubblewrap", "unshare", "rewriting"], typer.Option(help="How steps are kept apart.")
    ] = "auto",
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever one of the files changes.")] = False,
    output: Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="json: the runs.")] = "text",
) -> None:
    """Execute the runs of FILE... and stream their logs; a Pipeline or Task without a run gets one.

    Exit code 0: every run succeeded · 1: one did not · 2: bad input, nothing was started.
    """
    flags = validate.flags(_with_debug(feature_flag or [], breakpoint_at), alpha=alpha)
    config = _config(
        flags, tekton_version, host_image, image_layout, remote.config(resolvers, remote_mirror), isolation
    )

    def once() -> int:
        invocation = _invocation(paths, param or [], workspace or [], flags, service_account)
        _set_breakpoints(invocation, breakpoint_at or [])
        return execute(config, invocation, output=output)

    code = once()
    if watch:
        _again(paths, once)
    raise typer.Exit(code)


def execute(config: Config, invocation: Invocation, *, output: str, before_start: Any = None) -> int:
    """Run to the end with logs on the terminal; the exit code."""
    from rich.console import Console

    from interlock.cli.options import print_json
    from interlock.cli.pipeline import console, debug
    from interlock.tekton.engine.standalone import Session

    logs = Console(stderr=output == "json")
    progress = console.Progress(logs)
    session = Session(config, invocation, debug.attend if sys.stdin.isatty() else None, before_start=before_start)
    with session:
        events = session.events()
        while True:
            try:
                for event in events:
                    progress.show(event)
                break
            except KeyboardInterrupt:
                # The second one ends us at once: the engine's steps die with it.
                typer.echo("cancelling; once more to give up", err=True)
                session.cancel()
        runs, task_runs = session.finished(), session.objects("TaskRun")
    if output == "json":
        print_json([*runs, *task_runs])
    else:
        console.summary(logs, runs, task_runs)
        typer.echo(f"state: {config.data}", err=True)
    conditions = [item for run in runs for item in run["status"]["conditions"] if item["type"] == "Succeeded"]
    return 0 if all(item["status"] == "True" for item in conditions) else 1


def _invocation(
    paths: Sequence[str], params: Sequence[str], workspaces: Sequence[str], flags: Flags, service_account: str
) -> Invocation:
    from interlock.formats import yaml
    from interlock.tekton.spec import invocation

    documents = [
        document.value
        for file in validate.files(paths)
        for document in yaml.load_all(validate.read(file), file=file)
        if isinstance(document.value, dict)
    ]
    return invocation.prepare(
        documents, params=params, workspaces=workspaces, flags=flags, service_account=service_account
    )


def _config(
    flags: Flags,
    version: str,
    host_images: Sequence[str] | None,
    layouts: Sequence[Path] | None,
    resolvers: Any,
    isolation: str,
) -> Config:
    from interlock.tekton.engine import standalone
    from interlock.tekton.engine.config import Config

    data = standalone.runs_folder() / secrets.token_hex(4)
    data.mkdir(parents=True, mode=0o700)
    return Config.model_validate(
        {
            "server": "memory://",
            "data": data,
            "flags": flags,
            "tekton_version": version,
            "host_images": list(host_images or []),
            "image_layouts": [path.resolve() for path in layouts or []],
            "resolvers": resolvers,
            "isolation": isolation,
            "allow_weaker_isolation": isolation == "rewriting",
            # What a cluster would do with a step that prints its environment is to run it.
            "refuse_environment_leaks": False,
            "snapshots": True,
        }
    )


def _with_debug(given: Sequence[str], breakpoints: Sequence[str] | None) -> list[str]:
    """Breakpoints are an alpha feature."""
    return [*given, *(["enable-api-fields=alpha"] if breakpoints else [])]


def _set_breakpoints(invocation: Invocation, wanted: Sequence[str]) -> None:
    """``spec.debug`` of TaskRuns; of PipelineRuns an annotation that their TaskRuns take over."""
    if not wanted:
        return
    steps = [text.removeprefix("before:") for text in wanted if text.startswith("before:")]
    wrong = [text for text in wanted if text != "on-failure" and not text.startswith("before:")]
    if wrong:
        raise InputError("breakpoint-option", "not a breakpoint", got=wrong[0], expected="on-failure or before:STEP")
    debug: dict[str, Any] = {"breakpoints": {}}
    if "on-failure" in wanted:
        debug["breakpoints"]["onFailure"] = "enabled"
    if steps:
        debug["breakpoints"]["beforeSteps"] = steps
    from interlock.formats.tekton import names

    for value in invocation.runs:
        if value["kind"] == "TaskRun":
            value["spec"]["debug"] = debug
        else:
            value["metadata"].setdefault("annotations", {})[names.ANNOTATION_BREAKPOINTS] = json.dumps(debug)


def _again(paths: Sequence[str], once: Any) -> None:
    from watchfiles import watch as changes

    watched = [path for path in validate.files(paths) if path != "-"]
    typer.echo(f"watching {len(watched)} files", err=True)
    for _ in changes(*watched, raise_interrupt=False):
        once()
