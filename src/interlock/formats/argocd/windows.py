"""Sync windows: when a project lets its Applications sync (argo-cd pkg/apis/application/v1alpha1/types.go SyncWindows).

No window that concerns the Application: allowed. Any active deny: refused. Windows that allow, none of them active:
refused. A schedule that cannot be read refuses. Pure: the time is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field

from interlock.errors import InputError
from interlock.formats.argocd import cron, globs
from interlock.formats.argocd.backoff import duration


class SyncWindow(BaseModel):
    """One window. Applications, namespaces and clusters are globs."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    kind: str
    schedule: str
    duration: str
    applications: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    manual_sync: bool = Field(default=False, alias="manualSync")
    time_zone: str = Field(default="", alias="timeZone")
    and_operator: bool = Field(default=False, alias="andOperator")
    description: str = ""
    sync_overrun: bool = Field(default=False, alias="syncOverrun")

    def active(self, now: datetime) -> bool:
        """Raises InputError ``cron-invalid`` or ``duration-invalid``."""
        schedule, length = cron.parse(self.schedule), duration(self.duration)
        local = now.astimezone(UTC).replace(tzinfo=None) + self._offset(now)
        begins = schedule.next(local - length)
        return begins is not None and begins < local

    def _offset(self, now: datetime) -> timedelta:
        """An unknown time zone counts as UTC, as upstream."""
        try:
            return now.astimezone(ZoneInfo(self.time_zone or "UTC")).utcoffset() or timedelta()
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return timedelta()

    def concerns(self, application: str, namespace: str, server: str, name: str) -> bool:
        """SyncWindows.Matches: one of the given lists, or with ``andOperator`` each of them."""
        destinations = [text for text in (server, name) if text]
        tests = [
            any(globs.allow(pattern, text) for pattern in patterns for text in texts)
            for patterns, texts in (
                (self.applications, [application]),
                (self.clusters, destinations),
                (self.namespaces, [namespace]),
            )
            if patterns
        ]
        return bool(tests) and (all(tests) if self.and_operator else any(tests))


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a sync may run; ``reason`` says what forbids it."""

    allowed: bool
    reason: str = ""


def may_sync(
    windows: Sequence[SyncWindow], *, now: datetime, manual: bool = False, started: datetime | None = None
) -> Permission:
    """``windows`` are those that concern the Application; ``started`` is when the running operation began: one that
    began while it was allowed may go on if every window in its way has ``syncOverrun`` (CanSync)."""
    if not windows:
        return Permission(True)
    try:
        decision, blocking = _decide(windows, now, manual)
        if decision or started is None or not all(item.sync_overrun for item in blocking):
            return Permission(decision, "" if decision else _reason(blocking))
        earlier, _ = _decide(windows, started, manual)
        return Permission(earlier, "" if earlier else _reason(blocking))
    except InputError as error:
        return Permission(False, f"invalid sync windows: {error.message}")


def _decide(windows: Sequence[SyncWindow], now: datetime, manual: bool) -> tuple[bool, list[SyncWindow]]:
    active = [item for item in windows if item.active(now)]
    denying = [item for item in active if item.kind == "deny"]
    if denying:
        return manual and all(item.manual_sync for item in denying), denying
    if any(item.kind == "allow" for item in active):
        return True, []
    waiting = [item for item in windows if item.kind == "allow" and item not in active]
    if waiting:
        return manual and all(item.manual_sync for item in waiting), waiting
    return True, []


def _reason(blocking: Sequence[SyncWindow]) -> str:
    first = blocking[0]
    what = "deny window is open" if first.kind == "deny" else "allow window is not open"
    return f"{what}: {first.schedule} for {first.duration}" + (f" ({first.description})" if first.description else "")
