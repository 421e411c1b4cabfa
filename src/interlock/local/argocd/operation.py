"""Running a sync: one step at a time, each recorded in ``status.operationState`` before the next.

Rules: argo-cd gitops-engine/pkg/sync/sync_context.go Sync and runTasks. What has been done is read back from the
recorded results, so an operation goes on after a crash; applying twice is harmless, deleting twice too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from interlock.clients.kubernetes.objects import Propagation
from interlock.errors import ConflictError, InterlockError, NotFoundError
from interlock.formats.argocd import application, health, plan
from interlock.formats.argocd.plan import Task
from interlock.formats.argocd.tracking import Key
from interlock.formats.kubernetes import apply as server_side
from interlock.local.argocd.clusters import LiveCluster
from interlock.local.argocd.state import Compared, permits
from interlock.local.argocd.status import MANAGER, images
from interlock.local.argocd.validity import Subject

Object = dict[str, Any]
log = logging.getLogger(__name__)

_CLIENT = "kubectl-client-side-apply"
_PROPAGATION: dict[str | None, Propagation] = {
    "background": "Background",
    "orphan": "Orphan",
    "foreground": "Foreground",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync is. ``waved``: a wave ran and another one follows."""

    phase: Literal["Running", "Succeeded", "Failed"]
    message: str
    resources: tuple[Object, ...]
    waved: bool = False


class Sync:
    """One look at a running sync. `advance` does at most one wave."""

    def __init__(
        self,
        subject: Subject,
        compared: Compared,
        request: Mapping[str, Any],
        recorded: Sequence[Mapping[str, Any]],
    ) -> None:
        self._spec = subject.spec
        self._project = subject.project
        self._cluster = subject.cluster
        self._client = subject.cluster.client
        self._compared = compared
        self._options = tuple(request.get("syncOptions") or ())
        self._prune = bool(request.get("prune"))
        self._wanted = request.get("resources") or []
        self._dry_run = bool(request.get("dryRun"))
        self._results: dict[tuple[Key, str], Object] = {_result_key(item): dict(item) for item in recorded}

    def advance(self) -> Progress:
        """The next step. Raises InterlockError only for what is not the fault of one resource."""
        tasks = self._tasks()
        if (refusal := self._refusal(tasks)) is not None:
            return refusal
        if not self._results and (failure := self._rehearse(tasks)) is not None:
            return failure
        multi_step = len(plan.steps(tasks)) > 1
        self._update_health(tasks, judge=multi_step)
        running = [task for task in tasks if self._state(task) == "Running"]
        if multi_step and running:
            return self._waiting("healthy state of", running)
        if dying := [task for task in tasks if self._is_dying(task)]:
            return self._waiting("deletion of", dying)
        if any(self._state(task) in ("Failed", "Error") for task in tasks):
            failed = [task for task in tasks if self._result(task).get("status") == "SyncFailed"]
            return self._failed("one or more synchronization tasks completed unsuccessfully", failed)
        pending = self._filtered([task for task in tasks if not self._state(task)])
        if not pending:
            return self._progress("Succeeded", "successfully synced (no more tasks)")
        step, *later = plan.steps(pending)
        failed = self._run(step)
        if failed:
            return self._failed("one or more objects failed to apply", failed)
        if not later:
            return self._progress("Succeeded", "successfully synced (all tasks run)")
        return self._waiting("healthy state of", step, waved=True)

    # -- the plan

    def _tasks(self) -> list[Task]:
        pairs = [
            (pair.target, pair.live)
            for pair in self._compared.pairs
            if pair.concerned and (not self._wanted or any(_names(item, pair.key) for item in self._wanted))
        ]
        return plan.build(
            pairs,
            namespace_task=self._namespace_task(),
            prune_last=application.has_option(self._options, "PruneLast"),
        )

    def _namespace_task(self) -> Task | None:
        """CreateNamespace=true: unless the manifests bring it themselves."""
        name = self._spec.destination.namespace
        key = Key("", "Namespace", "", name)
        given = any(pair.key == key and pair.target is not None for pair in self._compared.pairs)
        if not name or given or not application.has_option(self._options, "CreateNamespace"):
            return None
        target: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        metadata = self._spec.sync_policy.managed_namespace_metadata
        if metadata is not None:
            target["metadata"] |= metadata.model_dump(exclude_defaults=True)
        try:
            live = self._client.get("v1", "Namespace", name)
        except NotFoundError:
            live = None
        if live is not None and metadata is None:
            return None
        return Task(key, target, live, phase="PreSync", untracked=True)

    def _refusal(self, tasks: Sequence[Task]) -> Progress | None:
        """What the project or the cluster does not know fails the sync before anything is done."""
        refused = []
        for task in tasks:
            message = self._fault(task)
            if message is not None:
                self._record(task, "SyncFailed", "", message)
                refused.append(message)
        if not refused:
            return None
        reasons = "; ".join(sorted(set(refused)))
        return self._progress("Failed", f"one or more synchronization tasks are not valid: {reasons}")

    def _fault(self, task: Task) -> str | None:
        key = task.key
        try:
            namespaced = self._client.resource(task.object["apiVersion"], key.kind).namespaced
        except NotFoundError:
            if self._may_be_unknown(task):
                return None
            return (
                f"The Kubernetes API could not find {key.group}/{key.kind} for requested resource "
                f'{key.namespace}/{key.name}. Make sure the "{key.kind}" CRD is installed on the destination cluster.'
            )
        if task.untracked or permits(self._project, key, self._cluster, namespaced=namespaced):
            return None
        if not self._project.permits_kind(key.group, key.kind, key.name, namespaced=namespaced):
            return f"resource {key.group}:{key.kind} is not permitted in project {self._project.name}"
        return f"namespace {key.namespace} is not permitted in project '{self._project.name}'"

    def _may_be_unknown(self, task: Task) -> bool:
        """Its definition comes with this sync, or the object says that it may be missing."""
        if "SkipDryRunOnMissingResource=true" in plan.options(task.target):
            return True
        for pair in self._compared.pairs:
            spec = (pair.target or {}).get("spec") or {}
            names = spec.get("names") if pair.key.kind == "CustomResourceDefinition" else None
            if names and (spec.get("group"), names.get("kind")) == (task.key.group, task.key.kind):
                return True
        return False

    def _rehearse(self, tasks: Sequence[Task]) -> Progress | None:
        """Create the namespace, then have the API server check everything before anything is applied."""
        for task in tasks:
            if task.untracked and task.phase == "PreSync" and (failed := self._run([task])):
                return self._failed("the namespace failed to apply", failed)
        new = {task.key.name for task in tasks if task.key.kind == "Namespace" and not task.key.group}
        failed = []
        for task in self._filtered(tasks):
            waits = task.live is None and task.key.namespace in new and not self._exists(task.key.namespace)
            if task.target is None or task.untracked or waits or self._unknown(task):
                continue
            try:
                self._client.apply(task.target, field_manager=MANAGER, force=True, dry_run=True)
            except InterlockError as error:
                self._record(task, "SyncFailed", "Failed", _message(error))
                failed.append(task)
        if failed:
            return self._failed("one or more objects failed to apply (dry run)", failed)
        return None

    def _exists(self, namespace: str) -> bool:
        try:
            self._client.get("v1", "Namespace", namespace)
        except NotFoundError:
            return False
        return True

    def _unknown(self, task: Task) -> bool:
        try:
            self._client.resource(task.object["apiVersion"], task.key.kind)
        except NotFoundError:
            return True
        return False

    def _filtered(self, tasks: Sequence[Task]) -> list[Task]:
        if not application.has_option(self._options, "ApplyOutOfSyncOnly"):
            return list(tasks)
        differing = {pair.key for pair in self._compared.pairs if pair.out_of_sync}
        return [task for task in tasks if task.untracked or task.key in differing]

    # -- doing

    def _run(self, step: Sequence[Task]) -> list[Task]:
        """Prune, then apply, in order. The tasks that failed; after a failed prune nothing is applied."""
        prunes = [task for task in step if task.prune]
        failed = [task for task in prunes if not self._attempt(task, self._prune_one)]
        if failed:
            return failed
        return [task for task in step if not task.prune and not self._attempt(task, self._apply)]

    def _attempt(self, task: Task, act: Callable[[Task], tuple[str, str]]) -> bool:
        try:
            status, message = act(task)
        except InterlockError as error:
            self._record(task, "SyncFailed", "Failed", _message(error))
            return False
        phase = {"Synced": "Running", "Pruned": "Succeeded", "PruneSkipped": "Succeeded"}[status]
        self._record(task, status, phase, message)
        return True

    def _apply(self, task: Task) -> tuple[str, str]:
        target = task.target
        assert target is not None  # noqa: S101 - prunes go elsewhere
        if self._dry_run:
            return "Synced", f"{_named(task.key)} serverside-applied (dry run)"
        if task.live is not None and application.option_value(self._options, "ClientSideApplyMigration") != "false":
            self._take_over(task.live)
        self._cluster.put(self._client.apply(target, field_manager=MANAGER, force=True))
        return "Synced", f"{_named(task.key)} serverside-applied"

    def _take_over(self, live: Object) -> None:
        """Fields that `kubectl apply` owned become ours, so that leaving one out removes it (csaupgrade)."""
        handed = server_side.adopt(live, _CLIENT, becomes=MANAGER, now="")
        if handed is live:
            return
        metadata = live["metadata"]
        owners = [
            {**item, "time": item.get("time") or metadata.get("creationTimestamp")}
            for item in handed["metadata"].get("managedFields") or []
        ]
        patch = {"metadata": {"resourceVersion": metadata.get("resourceVersion"), "managedFields": owners}}
        self._cluster.put(
            self._client.patch(
                live["apiVersion"], live["kind"], metadata["name"], patch, namespace=metadata.get("namespace")
            )
        )

    def _prune_one(self, task: Task) -> tuple[str, str]:
        live = task.live
        assert live is not None  # noqa: S101 - only what is live can be pruned
        if not self._prune:
            return "PruneSkipped", "ignored (requires pruning)"
        own = [item for item in plan.options(live) if item.startswith("Prune=")]
        if (own[-1] if own else f"Prune={application.option_value(self._options, 'Prune')}") == "Prune=false":
            return "PruneSkipped", "ignored (no prune)"
        if self._dry_run:
            return "Pruned", "pruned (dry run)"
        if not live["metadata"].get("deletionTimestamp"):
            wanted = application.option_value(self._options, "PrunePropagationPolicy")
            delete(self._cluster, live, _PROPAGATION.get(wanted, "Foreground"))
        return "Pruned", "pruned"

    # -- results

    def _result(self, task: Task) -> Object:
        return self._results.get((task.key, task.phase), {})

    def _state(self, task: Task) -> str:
        """ "" is pending."""
        return str(self._result(task).get("hookPhase") or "")

    def _record(self, task: Task, status: str, state: str, message: str) -> None:
        old = self._result(task)
        entry: Object = {
            "group": task.key.group,
            "version": str(task.object["apiVersion"]).rpartition("/")[2],
            "kind": task.key.kind,
            "namespace": task.key.namespace,
            "name": task.key.name,
            "status": status,
            "message": message or old.get("message", ""),
            "hookPhase": state,
            "syncPhase": task.phase,
        }
        if found := images([task.object]):
            entry["images"] = found
        self._results[task.key, task.phase] = entry

    def _update_health(self, tasks: Sequence[Task], *, judge: bool) -> None:
        """In a sync of several waves a wave ends when its objects are healthy, or fails when one is degraded."""
        for task in tasks:
            if not judge or self._state(task) != "Running":
                continue
            # Of a kind without a health check, what was applied says as much as what is live.
            live = self._cluster.get(task.key) or task.live
            found = health.of_resource(live or task.target)
            if live is None and found is not None:
                continue
            status = str(self._result(task).get("status"))
            if found is None or found.status == "Healthy":
                self._record(task, status, "Succeeded", found.message if found else "")
            elif found.status == "Degraded":
                self._record(task, status, "Failed", found.message)

    def _is_dying(self, task: Task) -> bool:
        live = self._cluster.get(task.key) if task.prune else None
        return self._result(task).get("status") == "Pruned" and bool(live and live["metadata"].get("deletionTimestamp"))

    def _waiting(self, reason: str, tasks: Sequence[Task], *, waved: bool = False) -> Progress:
        key = tasks[0].key
        more = f" and {len(tasks) - 1} more resources" if len(tasks) > 1 else ""
        message = f"waiting for {reason} {key.group}/{key.kind}/{key.name}{more}"
        return Progress("Running", message, tuple(self._results.values()), waved)

    def _failed(self, message: str, tasks: Sequence[Task]) -> Progress:
        reasons = list(dict.fromkeys(str(self._result(task).get("message", "")) for task in tasks))
        return self._progress("Failed", f"{message}, reason: {','.join(reasons)}" if reasons else message)

    def _progress(self, phase: Literal["Succeeded", "Failed"], message: str) -> Progress:
        return Progress(phase, message, tuple(self._results.values()))


def delete(cluster: LiveCluster, live: Object, propagation: Propagation) -> None:
    """Delete this very object; one that is gone, or was replaced meanwhile, is none of ours any more."""
    metadata = live["metadata"]
    try:
        cluster.client.delete(
            live["apiVersion"],
            live["kind"],
            metadata["name"],
            namespace=metadata.get("namespace"),
            propagation=propagation,
            uid=metadata.get("uid"),
        )
    except NotFoundError:
        pass
    except ConflictError as error:
        log.info("%s/%s was replaced before it could be deleted: %s", live["kind"], metadata["name"], error)
    cluster.reread(live)


def _result_key(item: Mapping[str, Any]) -> tuple[Key, str]:
    key = Key(item.get("group", ""), item["kind"], item.get("namespace", ""), item["name"])
    return key, str(item.get("syncPhase", "Sync"))


def _names(item: Mapping[str, Any], key: Key) -> bool:
    """argo.ContainsSyncResource."""
    same = (item.get("group", ""), item.get("kind"), item.get("name")) == (key.group, key.kind, key.name)
    return same and item.get("namespace") in (None, "", key.namespace)


def _named(key: Key) -> str:
    """As kubectl names an object: ``deployment.apps/payments``."""
    return f"{key.kind.lower()}{'.' + key.group if key.group else ''}/{key.name}"


def _message(error: InterlockError) -> str:
    return f"{error.message}: {error.got}" if error.got else error.message
