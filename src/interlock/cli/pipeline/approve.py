"""`interlock pipeline approve`: answer what a PipelineRun waits for."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from interlock.cli.options import ContextOption
from interlock.errors import ConflictError, NotFoundError


def approve(
    run: Annotated[str, typer.Argument(help="Name of the PipelineRun.")],
    task: Annotated[str, typer.Option("--task", help="PipelineTask that asks, if several do.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Say no: the task fails.")] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Reason, kept with the answer.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the run.")] = "ci",
    cluster: Annotated[str, typer.Option(help="Cluster of the context file.")] = "hub",
    identity: Annotated[str, typer.Option("--as", help="Identity of the context file that answers.")] = "interlock",
    context: ContextOption = None,
) -> None:
    """Approve (or reject) the ApprovalTask that a PipelineRun waits for, as one of its approvers."""
    from interlock.cli.session import Session
    from interlock.tekton.engine.pipeline_runs import approvals

    with contextlib.closing(Session(context).connections) as connections:
        client = connections.cluster(cluster, identity)
        waiting = [
            item
            for item in approvals.waiting(client, namespace, run)
            if task in ("", (item["metadata"].get("labels") or {}).get("tekton.dev/pipelineTask"))
        ]
        if not waiting:
            todo = f"`kubectl get approvaltasks -n {namespace}` lists them"
            raise NotFoundError("approval-unknown", f"{run} waits for no approval", where=namespace, todo=todo)
        if len(waiting) > 1:
            names = ", ".join((item["metadata"].get("labels") or {})["tekton.dev/pipelineTask"] for item in waiting)
            raise ConflictError(
                "approval-ambiguous", f"{run} waits for several approvals", got=names, todo="name --task"
            )
        user, groups = approvals.identity(client)
        approvals.answer(client, waiting[0], user, groups, "reject" if reject else "approve", message)
        name = waiting[0]["metadata"]["name"]
        typer.echo(f"ApprovalTask {name} is {'rejected' if reject else 'approved'} in {namespace} namespace")
