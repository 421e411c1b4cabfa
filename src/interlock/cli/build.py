"""`interlock build`: how the build of a service went."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from interlock.cli.options import ContextOption, JsonOption, print_json
from interlock.errors import NotFoundError

_POLL_SECONDS = 0.25


def build(
    service: Annotated[str, typer.Argument(help="Name of the service.")],
    commit: Annotated[str, typer.Option(help="Commit of the app repo. Default: the newest of main.")] = "main",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.")] = 120.0,
    identity: Annotated[str, typer.Option("--as", help="Identity of the context file that looks.")] = "interlock",
    json: JsonOption = False,
    context: ContextOption = None,
) -> None:
    """Wait for the build of a commit and show its tasks; exit code 1 when it failed."""
    from interlock.cli import tables
    from interlock.cli.session import Session
    from interlock.platform.estate.argocd import CI_NAMESPACE
    from interlock.platform.statements.run import condition

    session = Session(context)
    registered = session.estate(identity).service(service)
    source = session.connections.mirror(registered.repository, identity).resolve(commit)
    hub = session.connections.cluster("hub", identity)
    deadline = time.monotonic() + timeout
    run: dict[str, Any] | None = None
    while time.monotonic() < deadline:
        # An interrupted run is repeated under another name: the newest counts.
        found = hub.list(
            "tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, label_selector=_labels(service, source)
        )
        run = max(found.items, key=lambda item: str(item["metadata"]["creationTimestamp"]), default=None)
        if run is not None and condition(run).get("status") in ("True", "False"):
            break
        time.sleep(_POLL_SECONDS)
    if run is None:
        raise NotFoundError(
            "build-missing",
            f"no run of {service} {source[:12]}",
            todo="the controller starts it; see the commit's status",
        )
    name = str(run["metadata"]["name"])
    tasks = hub.list(
        "tekton.dev/v1", "TaskRun", namespace=CI_NAMESPACE, label_selector=f"tekton.dev/pipelineRun={name}"
    )
    told = condition(run)
    rows = [_row(task) for task in sorted(tasks.items, key=lambda item: str(item["status"].get("startTime", "")))]
    if json:
        listed = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        results = {item["name"]: item["value"] for task in tasks.items for item in task["status"].get("results") or []}
        print_json({"run": name, "condition": told, "tasks": listed, "results": results})
    else:
        typer.echo(f"{CI_NAMESPACE}/{name}: {told.get('reason', 'Running')}: {told.get('message', '')}")
        tables.print_table(_COLUMNS, rows)
    if told.get("status") != "True":
        raise typer.Exit(1)


def _labels(service: str, commit: str) -> str:
    return f"interlock.dev/service={service},interlock.dev/commit={commit}"


_COLUMNS = ("task", "reason", "what")


def _row(task: dict[str, Any]) -> tuple[str, str, str]:
    from interlock.platform.statements.run import condition

    labels, ended = task["metadata"].get("labels") or {}, condition(task)
    results = {item["name"]: item["value"] for item in task.get("status", {}).get("results") or []}
    told = ended.get("message", "") if ended.get("status") == "False" else results.get("TOOL", "")
    return str(labels.get("tekton.dev/pipelineTask", "")), str(ended.get("reason", "")), str(told).strip()
