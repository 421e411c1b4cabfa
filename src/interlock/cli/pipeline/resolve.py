"""`interlock pipeline resolve`: a `.tekton/` folder as the PipelineRuns that Pipelines-as-Code would start."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock.cli.options import ContextOption
from interlock.cli.pipeline import remote
from interlock.cli.pipeline.remote import ConfigOption, MirrorOption, ParamOption
from interlock.errors import InputError, NotFoundError


def resolve(
    path: Annotated[Path, typer.Argument(help="Folder (all .yaml files below it) or file.")] = Path(".tekton"),
    filename: Annotated[
        list[Path] | None, typer.Option("-f", "--filename", help="Files and folders to read instead of PATH.")
    ] = None,
    param: ParamOption = None,
    output: Annotated[str, typer.Option("-o", "--output", help="yaml or json.")] = "yaml",
    skip: Annotated[
        list[str] | None, typer.Option("-s", "--skip", help="Name of a task that stays a reference.")
    ] = None,
    no_generate_name: Annotated[bool, typer.Option("--no-generate-name", help="Keep the names.")] = False,
    no_remote_tasks: Annotated[
        bool, typer.Option("--no-remote-tasks", help="Do not follow the annotations for tasks and pipelines.")
    ] = False,
    event: Annotated[
        str | None, typer.Option(help="Only the runs that this event starts: push, pull_request, incoming.")
    ] = None,
    event_type: Annotated[str, typer.Option(help="Closer: pull_request_labeled, on-comment, no-ops-comment.")] = "",
    target_branch: Annotated[str, typer.Option(help="Branch that the event is about.")] = "main",
    source_branch: Annotated[str, typer.Option(help="Branch that a pull request comes from.")] = "",
    changed: Annotated[list[str] | None, typer.Option(help="Path that the event changed.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Label of the pull request.")] = None,
    comment: Annotated[str, typer.Option(help="Text of the comment.")] = "",
    remote_mirror: MirrorOption = None,
    resolvers: ConfigOption = None,
    context: ContextOption = None,
) -> None:
    """Write out each PipelineRun of a .tekton folder with its pipeline and tasks inside, as `tkn pac resolve`.

    With --event only the runs that the event starts, and on standard error why each did or did not match.
    """
    from interlock.tekton.spec import pac
    from interlock.tekton.spec.pac import documents, expressions, templates

    if output not in ("yaml", "json"):
        raise InputError("option-invalid", "unknown output format", got=output, expected="yaml or json")
    text = documents.joined([file.read_text() for file in _files(filename or [path])])
    values = {**_of_git(Path.cwd()), **remote.pairs(param, "-p")}
    text = templates.substituted(text, values, _told(expressions.evaluator(values)))
    found = pac.read(text, file=str((filename or [path])[0]))
    _report(found)
    options = pac.Options(not no_generate_name, not no_remote_tasks, skip or ())
    configured = remote.config(resolvers, remote_mirror)
    runs = pac.resolve(found, _fetcher(configured, remote.names(context)), options)
    if event is not None:
        files = {"modified": changed or []}
        happened = pac.Event(
            event, target_branch, source_branch, event_type, labels=label or (), comment=comment, files=files
        )
        runs = _matching(runs, happened)
    _note_placeholders(runs)
    _print(runs, output)


def _told(evaluate: Callable[[str], Any]) -> Callable[[str], Any]:
    """``evaluate``, its failures said: in the text they leave nothing, or the placeholder as it is."""

    def answer(expression: str) -> Any:
        try:
            return evaluate(expression)
        except InputError as error:
            line = error.message.splitlines()[0]
            typer.echo(f"not evaluated: {expression}: {line}", err=True)
            raise

    return answer


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*.yaml") if file.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise NotFoundError("file-missing", "no such file or folder", where=str(path), todo="name one with -f")
    return found


def _of_git(folder: Path) -> dict[str, str]:
    """``revision``, ``repo_url``, ``repo_owner`` and ``repo_name`` of the work tree; nothing outside of one."""
    from interlock.clients.git import binary
    from interlock.errors import InterlockError

    try:
        head = binary.run(["rev-parse", "HEAD"], folder=folder, accept=(0, 128)).stdout.decode().strip()
        url = binary.run(["config", "--get", "remote.origin.url"], folder=folder, accept=(0, 1, 128)).stdout.decode()
    except InterlockError:
        return {}
    url = re.sub(r"^git@([^:/]+):", r"https://\1/", url.strip()).removesuffix(".git")
    url = re.sub(r"^(https?://)[^/@]*@", r"\1", url)
    owner, _, name = url.partition("://")[2].partition("/")[2].rpartition("/")
    values = {"revision": head, "repo_url": url, "repo_owner": owner, "repo_name": name}
    return {key: value for key, value in values.items() if value and re.match(r"[0-9a-zA-Z]", value)}


def _fetcher(configured: Any, names: Mapping[str, str]) -> Any:
    from interlock.tekton.engine.resolvers.annotated import Annotated as References
    from interlock.tekton.engine.resolvers.mirrors import Mirrors
    from interlock.tekton.engine.resolvers.web import Web

    web = Web(Mirrors({**names, **configured.mirrors}), configured.ca_file)
    return References(web, Path.cwd(), lambda text: typer.echo(text, err=True))


def _report(found: Any) -> None:
    """Say what could not be read; Tekton's own documents only, as upstream."""
    for problem in found.problems:
        if problem.reported:
            where = f"{problem.where}: " if problem.where else ""
            typer.echo(f"{where}{problem.name}: {problem.message}", err=True)


def _matching(runs: list[dict[str, Any]], event: Any) -> list[dict[str, Any]]:
    from interlock.tekton.spec.pac import matching

    chosen = []
    for run in runs:
        match = matching.match(run, event)
        typer.echo(f"{match.run}: {'matched' if match.matched else 'not matched'}", err=True)
        for line in match.explain:
            typer.echo(f"  {line}", err=True)
        if match.matched:
            chosen.append(run)
    if not chosen:
        raise NotFoundError("pac-no-match", matching.explanation(runs, event))
    return chosen


def _note_placeholders(runs: list[dict[str, Any]]) -> None:
    from interlock.tekton.spec.pac import templates

    if left := templates.placeholders(json.dumps(runs)):
        typer.echo(f"left as they are (give them with -p): {', '.join(left)}", err=True)


def _print(runs: list[dict[str, Any]], output: str) -> None:
    from interlock.formats import yaml

    written = [_written(run) for run in runs]
    if output == "json":
        value = written[0] if len(written) == 1 else {"apiVersion": "v1", "kind": "List", "items": written}
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    for run in written:
        typer.echo("---\n" + yaml.dump(run), nl=False)


def _written(run: Mapping[str, Any]) -> dict[str, Any]:
    """Without the namespace and without lists that hold nothing."""
    metadata = {key: value for key, value in run["metadata"].items() if key != "namespace"}
    spec = dict(run["spec"])
    if isinstance(spec.get("pipelineSpec"), dict):
        spec["pipelineSpec"] = {key: value for key, value in spec["pipelineSpec"].items() if value not in ([], None)}
    return {"apiVersion": run["apiVersion"], "kind": run["kind"], "metadata": metadata, "spec": spec}
