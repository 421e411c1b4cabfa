"""The controller of ApprovalTasks: each CustomRun that asks for an approval gets one, and ends as people answer it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats.tekton import conditions
from interlock.tekton.engine.pipeline_runs.child_object import CUSTOM_API_VERSION
from interlock.tekton.engine.services import Services
from interlock.tekton.spec import approval_answers, approvals
from interlock.tekton.spec.approvals import API_VERSION, KIND, Answer

_SOON = timedelta(milliseconds=1)


class Approvals:
    """Acts on CustomRuns that ask for an approval, one call at a time; what it decided is on the server only."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def reconcile(self, custom_run: Object) -> datetime | None:
        """Bring the CustomRun one step on; when to look again if nobody answers before.

        Raises UnreachableError when the API does not answer: call again.
        """
        status = custom_run.get("status") or {}
        current = conditions.of(status)
        if not approvals.concerns(custom_run) or (current is not None and current.done):
            return None
        now = self._services.now()
        started: dict[str, Any] = {"startTime": conditions.timestamp(now), **status}
        try:
            asked = approvals.request(custom_run)
        except InputError as error:
            self._write(custom_run, started, conditions.failed(approvals.VALIDATION_FAILED, error.message), now)
            return None
        task = self._task(custom_run, asked)
        step = approvals.step(custom_run, task, asked, now)
        if step.task_status != (task.get("status") or {}):
            name, namespace = task["metadata"]["name"], task["metadata"]["namespace"]
            change = {"status": step.task_status}
            self._services.client.patch(API_VERSION, KIND, name, change, namespace=namespace, subresource="status")
        started.setdefault("extraFields", {"taskLoopSpec": task["spec"]})
        condition = step.condition or conditions.Condition("Unknown", "Started", "")
        self._write(custom_run, started, condition, now)
        # The limit itself is not over it yet.
        return step.deadline + _SOON if step.deadline is not None else None

    def _task(self, custom_run: Object, asked: approvals.Request) -> Object:
        name, namespace = custom_run["metadata"]["name"], custom_run["metadata"]["namespace"]
        client = self._services.client
        try:
            return client.get(API_VERSION, KIND, name, namespace)
        except NotFoundError:
            pass
        try:
            return client.create(approvals.task(custom_run, asked))
        except ConflictError:
            return client.get(API_VERSION, KIND, name, namespace)

    def _write(
        self, custom_run: Object, status: dict[str, Any], condition: conditions.Condition, now: datetime
    ) -> None:
        if condition.done:
            status["completionTime"] = conditions.timestamp(now)
        wanted = conditions.written(status, condition, now)
        if wanted == (custom_run.get("status") or {}):
            return
        metadata = custom_run["metadata"]
        patched = self._services.client.patch(
            CUSTOM_API_VERSION,
            "CustomRun",
            metadata["name"],
            {"status": wanted},
            namespace=metadata["namespace"],
            subresource="status",
        )
        self._services.published(patched)


def waiting(client: KubernetesClient, namespace: str, run: str) -> list[Object]:
    """The ApprovalTasks of a PipelineRun that still wait for an answer, by name."""
    found = client.list(API_VERSION, KIND, namespace=namespace, label_selector=f"tekton.dev/pipelineRun={run}").items
    states = [(item, (item.get("status") or {}).get("state", approvals.PENDING)) for item in found]
    return sorted((item for item, state in states if state == approvals.PENDING), key=_name)


def _name(value: Mapping[str, Any]) -> str:
    return str(value["metadata"]["name"])


def answer(
    client: KubernetesClient, task: Object, user: str, groups: tuple[str, ...], said: Answer, message: str = ""
) -> Object:
    """Give the answer of ``user`` to an ApprovalTask, as upstream's command line does; the task as it is then.

    Raises RefusedError ``approval-refused`` where the user may not, which the API's admission checks again.
    """
    approvers = approval_answers.answered(task, user, groups, said, message)
    metadata = task["metadata"]
    return client.patch(
        API_VERSION, KIND, metadata["name"], {"spec": {"approvers": approvers}}, namespace=metadata["namespace"]
    )


def identity(client: KubernetesClient) -> tuple[str, tuple[str, ...]]:
    """Name and groups of whoever the client is, as the API knows them (SelfSubjectReview)."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
    found = client.create(asked)["status"]["userInfo"]
    return str(found["username"]), tuple(found.get("groups") or ())
