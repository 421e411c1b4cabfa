"""The life of an operation: asked for, running, waiting to be retried, ended (appcontroller.go
processRequestedAppOperation, SyncAppState). Every state is written to the Application before anything else happens.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from interlock.errors import InterlockError
from interlock.formats.argocd import backoff, windows
from interlock.formats.argocd.application import Retry, Spec
from interlock.formats.argocd.automation import Decision
from interlock.local.argocd import status
from interlock.local.argocd.operation import Sync
from interlock.local.argocd.state import Compared
from interlock.local.argocd.validity import Subject

Object = dict[str, Any]
log = logging.getLogger(__name__)

_POLL = 1.0
_ENDED = ("Succeeded", "Failed", "Error")


class Operator:
    """``write`` patches an Application (see `reconciler.Reconciler`)."""

    def __init__(self, write: Callable[..., Object], *, now: Callable[[], datetime], wave_delay: timedelta) -> None:
        self._write = write
        self._now = now
        self._wave_delay = wave_delay

    @staticmethod
    def in_progress(app: Mapping[str, Any]) -> bool:
        state = (app.get("status") or {}).get("operationState") or {}
        return bool(state) and state.get("phase") not in _ENDED

    def request(self, app: Mapping[str, Any], spec: Spec, revision: str, decision: Decision) -> Object:
        """The patch that asks for an automated sync (SetAppOperation)."""
        automated = spec.sync_policy.automated
        sync: Object = {"revision": revision, "source": app["spec"]["source"]}
        if automated is not None and automated.prune:
            sync["prune"] = True
        if spec.sync_policy.sync_options:
            sync["syncOptions"] = list(spec.sync_policy.sync_options)
        if decision.self_heals:
            sync["autoHealAttemptsCount"] = decision.self_heals
        if decision.resources is not None:
            sync["resources"] = [
                {name: item[name] for name in ("group", "kind", "name") if item.get(name)}
                for item in decision.resources
            ]
        retry = (app["spec"].get("syncPolicy") or {}).get("retry") or {"limit": backoff.DEFAULT_LIMIT}
        operation = {"initiatedBy": {"automated": True}, "retry": retry, "sync": sync}
        return {"operation": operation, "status": {"operationState": None}}

    def run(self, name: str, app: Object, compare: Callable[[str], tuple[Subject, Compared]]) -> tuple[float, bool]:
        """Begin or resume the operation of ``app``. (Seconds until the next look, whether it ended.)"""
        state: Object = copy.deepcopy((app.get("status") or {}).get("operationState") or {})
        if not self.in_progress(app):
            state = {
                "operation": app["operation"],
                "phase": "Running",
                "startedAt": status.timestamp(self._now()),
            }
            self._record(app, state)
        elif (due := self._due(state)) is not None:
            wait = (due - self._now()).total_seconds()
            if wait > 0:
                return wait, False
            self._retry(app, state)
        started = status.read_time(state.get("startedAt"))
        waved = False
        if state["phase"] == "Terminating":
            state |= {"phase": "Failed", "message": "Operation terminated"}
        elif not (state["operation"] or {}).get("sync"):
            state |= {"phase": "Error", "message": "Invalid operation request: no operation specified"}
        else:
            try:
                waved = self._advance(name, app, state, compare, started)
            except InterlockError as error:
                log.warning("%s: %s", name, error)
                state |= {"phase": "Error", "message": error.message}
        if state["phase"] in ("Failed", "Error"):
            self._failed(state)
        ended = state["phase"] in _ENDED
        limit = (app["spec"].get("revisionHistoryLimit", 10)) if ended else 0
        self._record(app, state, history_limit=limit)
        if ended:
            log.info("%s: sync to %s: %s (%s)", name, _revision(state)[:12], state["phase"], state.get("message"))
            return 0.0, True
        if (due := self._due(state)) is not None:
            return max(0.0, (due - self._now()).total_seconds()), False
        return self._wave_delay.total_seconds() if waved else _POLL, False

    def _advance(
        self,
        name: str,
        app: Object,
        state: Object,
        compare: Callable[[str], tuple[Subject, Compared]],
        started: datetime | None,
    ) -> bool:
        request = state["operation"]["sync"]
        if "syncResult" not in state:
            source = request.get("source") or app["spec"].get("source") or {}
            state["syncResult"] = {"resources": [], "revision": request.get("revision") or "", "source": source}
        result = state["syncResult"]
        subject, compared = compare(result["revision"])
        manual = not (state["operation"].get("initiatedBy") or {}).get("automated")
        permission = windows.may_sync(subject.windows(), now=self._now(), manual=manual, started=started)
        if not permission.allowed:
            state["message"] = f"Sync operation blocked by sync window: {permission.reason}"
            return False
        # From here on the commit is certain: what resumes this operation syncs the same one.
        result["revision"] = compared.revision
        blocking = [*compared.blocking, *({"type": "InvalidSpecError", "message": m} for m in compared.unsupported)]
        if blocking:
            message = ";".join(f"{item['type']}: {item['message']}" for item in blocking)
            state |= {"phase": "Error", "message": message}
            return False
        if not result["resources"]:
            self._record(app, state)
        sync = Sync(subject, compared, request, result["resources"])
        progress = sync.advance()
        result["resources"] = list(progress.resources)
        state |= {"phase": progress.phase, "message": progress.message}
        return progress.waved

    def _due(self, state: Mapping[str, Any]) -> datetime | None:
        """When a failed operation is tried again; None when it is not waiting for that (Running with finishedAt)."""
        finished = status.read_time(state.get("finishedAt"))
        if state.get("phase") != "Running" or finished is None:
            return None
        return backoff.next_retry(_policy(state), finished, int(state.get("retryCount") or 0))

    def _retry(self, app: Object, state: Object) -> None:
        extra = ""
        if _policy(state).refresh:
            extra = " with latest revisions"
            state["operation"]["sync"].pop("revision", None)
        state["message"] = f"Retrying operation{extra}. Attempt #{state.get('retryCount', 0)}"
        state.pop("finishedAt", None)
        state.pop("syncResult", None)
        self._record(app, state)

    def _failed(self, state: Object) -> None:
        """Either wait for the next attempt, or say how often it was tried."""
        retries = int(state.get("retryCount") or 0)
        terminated = state.get("message") == "Operation terminated"
        if not terminated and backoff.may_retry(_policy(state), retries):
            now = self._now()
            again = backoff.next_retry(_policy(state), now, retries)
            state |= {
                "phase": "Running",
                "finishedAt": status.timestamp(now),
                "retryCount": retries + 1,
                "message": f"{state['message']}. Retrying attempt #{retries + 1} at {again:%-I:%M%p}.",
            }
        elif retries:
            state["message"] = f"{state['message']} (retried {retries} times)."

    def _record(self, app: Object, state: Object, *, history_limit: int = 0) -> None:
        """Write the state; with the end of an operation its history row and the removal of the request, in one."""
        new = copy.deepcopy(state)
        old = app.get("status") or {}
        patch: Object = {}
        fields: Object = {}
        if new["phase"] in _ENDED:
            new["finishedAt"] = status.timestamp(self._now())
            patch["operation"] = None
            request = new["operation"].get("sync") or {}
            if new["phase"] == "Succeeded" and not request.get("dryRun") and not request.get("resources"):
                rows = old.get("history") or []
                fields["history"] = status.history(rows, new, limit=history_limit, now=self._now())
        before = old.get("operationState") or {}
        if changes := status.merge_patch(before, new):
            fields["operationState"] = changes
        if fields:
            patch["status"] = fields
        if patch:
            self._write(app, patch)
            app["status"] = {**old, **fields, "operationState": new}


def _revision(state: Mapping[str, Any]) -> str:
    return str((state.get("syncResult") or {}).get("revision") or "")


def _policy(state: Mapping[str, Any]) -> Retry:
    try:
        return Retry.model_validate((state.get("operation") or {}).get("retry") or {})
    except ValidationError:
        return Retry()
