"""When an Application syncs by itself (argo-cd controller/appcontroller.go autoSync). Pure: times are handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from interlock.formats.argocd.application import Automated
from interlock.formats.argocd.backoff import self_heal_wait


@dataclass(frozen=True, slots=True)
class LastOperation:
    """The last attempt, from ``status.operationState``."""

    phase: str
    message: str
    revision: str | None
    """None when it ended before a revision was known."""
    source: Mapping[str, Any] | None
    finished: datetime | None
    self_heals: int

    @property
    def succeeded(self) -> bool:
        return self.phase == "Succeeded"


@dataclass(frozen=True, slots=True)
class Waits:
    """Self-heal backoff."""

    initial: timedelta
    factor: int
    cap: timedelta


@dataclass(frozen=True, slots=True)
class Decision:
    """``sync``: start an operation, partial when ``resources`` is not None. ``skip``: ``reason`` says why not.
    ``wait``: ask again after ``delay``. ``refuse``: ``reason`` belongs into a SyncError condition."""

    action: Literal["sync", "skip", "wait", "refuse"]
    reason: str = ""
    delay: timedelta = timedelta()
    resources: tuple[Mapping[str, Any], ...] | None = None
    self_heals: int = 0


def decide(
    automated: Automated | None,
    *,
    status: str,
    revision: str,
    source: Mapping[str, Any],
    resources: Sequence[Mapping[str, Any]],
    operating: bool,
    deleting: bool,
    last: LastOperation | None,
    waits: Waits,
    now: datetime,
) -> Decision:
    """``resources`` are those of ``status.resources`` as just compared; ``source`` is the spec's."""
    if automated is None:
        return Decision("skip", "automated sync is off")
    if operating or deleting:
        return Decision("skip", "another operation is in progress" if operating else "deletion in progress")
    if status != "OutOfSync":
        # Unknown never syncs: nothing is applied on the strength of what could not be read.
        return Decision("skip", f"application status is {status}")
    if not automated.prune and all(item.get("status") == "Synced" or item.get("requiresPruning") for item in resources):
        return Decision("skip", "need to prune extra resources only but automated prune is disabled")
    partial: tuple[Mapping[str, Any], ...] | None = None
    attempts = 0
    if last is not None and _attempted(last, revision, source):
        if not last.succeeded:
            return Decision("refuse", f"Failed last sync attempt to [{last.revision or ''}]: {last.message}")
        if not automated.self_heal:
            return Decision("skip", f"most recent sync already to {revision}")
        attempts = last.self_heals
        wait = self_heal_wait(attempts, initial=waits.initial, factor=waits.factor, cap=waits.cap)
        remaining = wait - (now - last.finished) if last.finished is not None else wait
        if remaining > timedelta():
            return Decision("wait", f"already attempted sync to {revision}", delay=remaining)
        attempts += 1
        partial = tuple(item for item in resources if item.get("status") != "Synced")
    if automated.prune and not automated.allow_empty and all(item.get("requiresPruning") for item in resources):
        return Decision("refuse", f"Skipping sync attempt to [{revision}]: auto-sync will wipe out all resources")
    return Decision("sync", resources=partial, self_heals=attempts)


def _attempted(last: LastOperation, revision: str, source: Mapping[str, Any]) -> bool:
    """alreadyAttemptedSync: the same revision of the same source. An attempt without a result counts once it ended."""
    if last.revision is None:
        return last.phase in ("Succeeded", "Failed", "Error")
    return last.revision == revision and last.source == source
