"""One Application at a time: delete, operate, compare, decide (argo-cd controller/appcontroller.go).

What upstream does with a revision that fails source integrity is done here too: it is compared as any other, with a
ComparisonError that says why, and no operation on it does anything (SyncAppState). So while the *tracked* branch ends
in such a commit, nothing of the Application syncs or heals; commits on branches that are not tracked change nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, InputError, InterlockError, NotFoundError, UnreachableError
from interlock.formats.argocd import application, automation, windows
from interlock.formats.argocd.application import API_VERSION
from interlock.local.argocd import deletion, state, status
from interlock.local.argocd.clusters import Destinations
from interlock.local.argocd.config import Config
from interlock.local.argocd.keyring import Keyring
from interlock.local.argocd.operating import Operator
from interlock.local.argocd.repositories import Repositories
from interlock.local.argocd.validity import INVALID, UNKNOWN, Subject, Validator

Object = dict[str, Any]
log = logging.getLogger(__name__)

SYNC_ERROR = "SyncError"
_DELETION_POLL = 0.3
_REPOSITORY_RETRY = 2.0


class Reconciler:
    """Thread-safe for different Applications; one Application must be processed by one thread at a time."""

    def __init__(
        self,
        config: Config,
        hub: KubernetesClient,
        destinations: Destinations,
        repositories: Repositories,
        keyring: Keyring,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._hub = hub
        self._destinations = destinations
        self._repositories = repositories
        self._keyring = keyring
        self._now = now
        self._resync = config.resync_ms / 1000
        self._validator = Validator(hub, destinations, config.namespace)
        self._operator = Operator(self._write, now=now, wave_delay=timedelta(milliseconds=config.wave_delay_ms))
        self._lock = threading.Lock()
        self._asked: dict[str, tuple[bool, float]] = {}
        self._compared: dict[str, float] = {}

    def ask(self, name: str, *, latest: bool) -> None:
        """Have the next `process` compare; ``latest``: with what the branch is then, not with the known commit."""
        with self._lock:
            before, since = self._asked.get(name, (False, 0.0))
            self._asked[name] = (before or latest, time.monotonic() if latest else since)

    def process(self, name: str) -> float | None:
        """Do what is due. The seconds after which to look again; None: the Application is gone."""
        try:
            app = self._read(name)
        except NotFoundError:
            with self._lock:
                self._asked.pop(name, None)
                self._compared.pop(name, None)
            return None
        if app["metadata"].get("deletionTimestamp"):
            return self._delete(name, app)
        wait = self._resync
        if app.get("operation") is not None or self._operator.in_progress(app):
            wait, ended = self._operator.run(name, app, lambda revision: self._compare_to(app, revision))
            if ended:
                self.ask(name, latest=True)
            app = self._read(name)
        return min(wait, self._refresh(name, app))

    def _read(self, name: str) -> Object:
        return self._hub.get(API_VERSION, "Application", name, self._config.namespace)

    # -- comparing

    def _compare(self, app: Object, subject: Subject, revision: str, since: float | None) -> state.Compared:
        mirror = self._repositories.mirror(subject.source.repo_url)
        keys = self._keyring.certificates()
        return state.compare(subject, mirror, revision, known=_kinds(app), keyring=keys, since=since)

    def _compare_to(self, app: Object, revision: str) -> tuple[Subject, state.Compared]:
        """For an operation: with the commit that it named, or with the newest if it named none."""
        subject, faults = self._validator.check(app)
        if subject is None:
            text = ";".join(f"{item['type']}: {item['message']}" for item in faults)
            raise InputError("application-invalid", text)
        since = None if _is_commit(revision) else time.monotonic()
        return subject, self._compare(app, subject, revision or subject.source.target_revision, since)

    def _refresh(self, name: str, app: Object) -> float:
        """Compare if something asks for it, sync if the spec says so, write the status. Seconds until the next look."""
        with self._lock:
            asked, since = self._asked.pop(name, (None, 0.0))
            last = self._compared.get(name)
        moment = time.monotonic()
        requested = (app["metadata"].get("annotations") or {}).get(application.REFRESH)
        expired = last is None or moment - last >= self._resync
        latest = bool(requested or expired or asked or _differs(app))
        if not latest and asked is None:
            return max(0.01, self._resync - (moment - (last or moment)))
        old: Object = app.get("status") or {}
        new: Object = {**old, "controllerNamespace": self._config.namespace}
        subject, faults = self._validator.check(app)
        new["conditions"] = self._conditions(old, faults, INVALID, UNKNOWN)
        wait = self._resync
        if subject is None:
            new["sync"] = {**(old.get("sync") or {}), **_compared_to(app), "status": "Unknown"}
            new["health"] = {"status": "Unknown"}
        else:
            try:
                compared, newest = self._look(app, subject, since if asked else moment, latest=latest)
                wait = min(wait, self._assess(app, subject, compared, old, new))
                if latest and not newest:
                    wait = min(wait, _REPOSITORY_RETRY)
                latest = newest
            except UnreachableError as error:
                # As in upstream's grace period, what cannot be read for the moment changes nothing that is known.
                log.warning("%s: %s", name, error)
                self.ask(name, latest=latest)
                return min(wait, _REPOSITORY_RETRY)
        if latest:
            new["reconciledAt"] = status.timestamp(self._now())
            with self._lock:
                self._compared[name] = moment
        self._transition(old, new)
        self._save(app, old, new, refreshed=bool(requested))
        return wait

    def _look(self, app: Object, subject: Subject, since: float, *, latest: bool) -> tuple[state.Compared, bool]:
        """Compare with the newest commit, or with the known one when that is asked for or the forge is away: what is
        known goes on being healed. (The outcome, whether it is about the newest commit.)"""
        known = str(((app.get("status") or {}).get("sync") or {}).get("revision") or "")
        if latest or not known:
            try:
                return self._compare(app, subject, subject.source.target_revision, since), True
            except UnreachableError as error:
                if not known or _differs(app):
                    raise
                log.warning("%s: going on with what is known: %s", subject.name, error)
                self.ask(subject.name, latest=True)
        return self._compare(app, subject, known, None), False

    def _assess(self, app: Object, subject: Subject, compared: state.Compared, old: Object, new: Object) -> float:
        found = [*compared.conditions, *(status.condition(INVALID, message) for message in compared.unsupported)]
        evaluated = [*state.EVALUATED, *([INVALID] if compared.unsupported else [])]
        images = status.images(pair.live for pair in compared.pairs if pair.live is not None)
        new["sync"] = {**_compared_to(app), "status": compared.status, "revision": compared.revision}
        new["health"] = dict(compared.health)
        new["resources"] = list(compared.resources)
        new["summary"] = {"images": images} if images else {}
        if compared.source_type:
            new["sourceType"] = compared.source_type
        new["conditions"] = self._conditions(new, found, *evaluated)
        return self._automate(app, subject, compared, old, new)

    def _automate(self, app: Object, subject: Subject, compared: state.Compared, old: Object, new: Object) -> float:
        permission = windows.may_sync(subject.windows(), now=self._now())
        if not permission.allowed:
            log.info("%s: sync prevented by sync window: %s", subject.name, permission.reason)
            return self._resync
        heal = self._config.self_heal
        decision = automation.decide(
            subject.spec.sync_policy.automatic,
            status="Unknown" if compared.unsupported else compared.status,
            revision=compared.revision,
            source=app["spec"]["source"],
            resources=compared.resources,
            operating=app.get("operation") is not None or self._operator.in_progress(app),
            deleting=False,
            last=status.last_operation(old),
            waits=automation.Waits(
                timedelta(milliseconds=heal.initial_ms), heal.factor, timedelta(milliseconds=heal.cap_ms)
            ),
            now=self._now(),
        )
        refused = [status.condition(SYNC_ERROR, decision.reason)] if decision.action == "refuse" else []
        new["conditions"] = self._conditions(new, refused, SYNC_ERROR)
        match decision.action:
            case "wait":
                self.ask(subject.name, latest=False)
                return min(self._resync, decision.delay.total_seconds())
            case "sync":
                self._request(app, subject, compared.revision, decision, old, new)
                return 0.0
            case _:
                return self._resync

    def _request(
        self, app: Object, subject: Subject, revision: str, decision: automation.Decision, old: Object, new: Object
    ) -> None:
        """Ask for an operation; its state takes the place of the last one's."""
        try:
            self._write(app, self._operator.request(app, subject.spec, revision, decision), guard=True)
        except ConflictError:
            log.info("%s: changed while it was compared; comparing again", subject.name)
            self.ask(subject.name, latest=False)
            return
        log.info("%s: initiated automated sync to %s", subject.name, revision)
        old.pop("operationState", None)
        new.pop("operationState", None)

    # -- deleting

    def _delete(self, name: str, app: Object) -> float | None:
        finalizers = list(app["metadata"].get("finalizers") or [])
        if application.cascade(finalizers) is None:
            return None
        try:
            if not self._delete_resources(name, app):
                return _DELETION_POLL
        except InterlockError as error:
            log.warning("%s: %s", name, error)
            old: Object = app.get("status") or {}
            found = self._conditions(old, [status.condition("DeletionError", str(error))], "DeletionError")
            self._save(app, old, {**old, "conditions": found})
            return self._resync
        self._write(app, {"metadata": {"finalizers": application.without_cascade(finalizers)}}, guard=True)
        log.info("%s: deleted", name)
        return None

    def _delete_resources(self, name: str, app: Object) -> bool:
        spec = application.parse(app)
        try:
            cluster = self._destinations.find(spec.destination.server, spec.destination.name)
        except NotFoundError:
            log.warning("%s: its cluster is unknown, its resources stay", name)
            return True
        cluster.observe(_kinds(app))
        return deletion.run(name, app, self._validator.project(spec.project), cluster)

    # -- writing

    def _conditions(self, old: Mapping[str, Any], found: list[Object], *evaluated: str) -> list[Object]:
        return status.with_conditions(old.get("conditions") or [], found, evaluated, self._now())

    def _transition(self, old: Mapping[str, Any], new: Object) -> None:
        """``lastTransitionTime`` of the health."""
        before = old.get("health") or {}
        same = before.get("status") == new["health"]["status"]
        since = (before.get("lastTransitionTime") if same else None) or status.timestamp(self._now())
        new["health"] = {**new["health"], "lastTransitionTime": since}

    def _save(self, app: Object, old: Object, new: Object, *, refreshed: bool = False) -> None:
        patch: Object = {}
        if changes := status.merge_patch(old, {name: value for name, value in new.items() if value != []}):
            patch["status"] = changes
        if refreshed:
            patch["metadata"] = {"annotations": {application.REFRESH: None}}
        if patch:
            self._write(app, patch)

    def _write(self, app: Mapping[str, Any], patch: Object, *, guard: bool = False) -> Object:
        """Patch the Application; ``guard``: only if it is still as it was read. A deleted one needs no status."""
        metadata = app["metadata"]
        if guard:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": metadata["resourceVersion"]}}
        try:
            return self._hub.patch(
                API_VERSION,
                "Application",
                metadata["name"],
                patch,
                namespace=metadata["namespace"],
                field_manager=status.STATUS_MANAGER,
            )
        except NotFoundError:
            return {}


def _kinds(app: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(apiVersion, kind) of what the Application had at its last comparison or sync."""
    recorded = (app.get("status") or {}).get("resources") or []
    result = ((app.get("status") or {}).get("operationState") or {}).get("syncResult") or {}
    entries = [*recorded, *(result.get("resources") or [])]
    return sorted(
        {("/".join(filter(None, [item.get("group"), item.get("version", "v1")])), item["kind"]) for item in entries}
    )


def _compared_to(app: Mapping[str, Any]) -> Object:
    spec = app.get("spec") or {}
    compared: Object = {"destination": spec.get("destination") or {}, "source": spec.get("source") or {}}
    if spec.get("ignoreDifferences"):
        compared["ignoreDifferences"] = spec["ignoreDifferences"]
    return {"comparedTo": compared}


def _differs(app: Mapping[str, Any]) -> bool:
    """Whether the spec asks for another comparison than the last one."""
    return bool(((app.get("status") or {}).get("sync") or {}).get("comparedTo") != _compared_to(app)["comparedTo"])


def _is_commit(revision: str) -> bool:
    return len(revision) in (40, 64) and all(sign in "0123456789abcdef" for sign in revision)
