"""Forwards: from a change record to the deliveries that carried it, and to what runs because of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.errors import NotFoundError
from interlock.formats.signatures import Commit
from interlock.platform.domain.ids import CheckId, EnvironmentName, ReasonCode, RecordNumber, ServiceName
from interlock.platform.domain.verdict import Basis, Evidence, Finding, Verdict, overall
from interlock.platform.proof import kinds
from interlock.platform.proof.chain import finding_as_dict, identify, in_whole, report_as_dict, verified
from interlock.platform.proof.entries import Entry
from interlock.platform.proof.evidence import timestamp
from interlock.platform.proof.facts import fact
from interlock.platform.proof.ledger import Report
from interlock.platform.proof.link import Link
from interlock.platform.proof.links.approvals import Approvals
from interlock.platform.proof.links.change_record import ChangeRecordLink
from interlock.platform.proof.links.merge import Merge
from interlock.platform.proof.links.running_object import RunningObject
from interlock.platform.proof.links.seal import Seal
from interlock.platform.proof.links.sync import Sync
from interlock.platform.proof.sources import Sources
from interlock.platform.proof.walk import Walk

_DECIDED: tuple[type[Link], ...] = (ChangeRecordLink, Approvals, Merge, Seal)
_NOW: tuple[type[Link], ...] = (Sync, RunningObject)


@dataclass(frozen=True)
class Journey:
    """One delivery: record, approvals, merge, seal, sync, running object."""

    environment: EnvironmentName
    service: ServiceName
    findings: tuple[Finding, ...]
    bases: tuple[Basis, ...]
    ledger: Report
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def overall(self) -> Verdict:
        return in_whole(overall(self.findings, self.bases), self.ledger)


@dataclass(frozen=True)
class Forward:
    """Everything that a change record led to, as of ``at``."""

    record: RecordNumber
    at: datetime
    journeys: tuple[Journey, ...]
    pending: str
    """The delivery that the record was opened for, when it has not been merged; else empty."""
    ledger: Report

    @property
    def holds(self) -> bool:
        """Whether every journey is proven, in a ledger that is whole; false while nothing was merged."""
        return bool(self.journeys) and all(item.overall is Verdict.VALID for item in self.journeys)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "record": self.record,
            "at": timestamp(self.at),
            "pending": self.pending,
            "journeys": [
                {
                    "environment": item.environment,
                    "service": item.service,
                    "overall": item.overall.value,
                    "ids": item.ids,
                    "links": [finding_as_dict(finding, item.bases) for finding in item.findings],
                }
                for item in self.journeys
            ],
            "ledger": report_as_dict(self.ledger),
        }


def forward(sources: Sources, number: RecordNumber, *, now: Callable[[], datetime]) -> Forward:
    """Raises NotFoundError ``record-unknown`` when neither ledger nor ticket system know the record."""
    at = now()
    decisions = [entry for entry in sources.ledger.find(kinds.MERGED) if entry.body.get("record") == number]
    ledger = verified(sources.ledger)
    journeys = tuple(_journey(sources, entry, ledger, at) for entry in decisions)
    pending = "" if journeys else _pending(sources, number)
    return Forward(number, at, journeys, pending, ledger)


def _pending(sources: Sources, number: RecordNumber) -> str:
    try:
        return sources.tickets().get(number).correlation_id
    except NotFoundError as error:
        raise NotFoundError(
            "record-unknown", f"neither the ledger nor the ticket system knows {number}", todo="check the number"
        ) from error


def _journey(sources: Sources, decision: Entry, ledger: Report, at: datetime) -> Journey:
    environment, _, service = decision.subject.partition("/")
    walk = _Delivered(sources, EnvironmentName(environment), ServiceName(service), decision, now=lambda: at)
    try:
        bases = walk.environment.bases
    except Exception:  # told by the links, each of which reads it too
        bases = ()
    findings = [link().examine(walk) for link in _DECIDED]
    superseded = _superseded(walk)
    findings += [superseded] if superseded else [link().examine(walk) for link in _NOW]
    return Journey(walk.name, walk.service_name, tuple(findings), bases, ledger, identify(walk))


class _Delivered(Walk):
    """A walk that begins at a decision and not at what runs."""

    def __init__(
        self,
        sources: Sources,
        environment: EnvironmentName,
        service: ServiceName,
        entry: Entry,
        *,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(sources, environment, service, now=now)
        self._entry = entry

    @fact
    def delivering(self) -> Commit:
        """The commit of the tracked branch that this decision led to. Raises NotFoundError ``not-sealed``."""
        if not self.environment.sealed:
            return self.repository.commit(str(self._entry.body["merge"]))
        for entry in self.sources.ledger.find(kinds.SEALED, self.subject):
            if entry.body.get("decision") == self._entry.id:
                return self.repository.commit(str(entry.body["seal"]))
        raise NotFoundError(
            "not-sealed",
            "the ledger records no seal of this decision",
            got=self._entry.id,
            todo="the controller seals in its next round; `interlock status` says what holds it up",
        )


def _superseded(walk: _Delivered) -> Finding | None:
    """The finding that ends a journey whose content was replaced since; None while it is what is synced."""
    try:
        if walk.ids(walk.delivering.id) == walk.ids(walk.revision):
            return None
        found = [
            entry
            for entry in walk.sources.ledger.find(kinds.SYNCED, walk.subject)
            if walk.ids(str(entry.body["revision"])) == walk.ids(walk.delivering.id)
        ]
    except Exception:  # told by the links that are judged then
        return None
    evidence = tuple(Evidence("sync as recorded", "ledger", entry.id) for entry in found)
    return Finding(
        id=CheckId("sync"),
        claim="Argo CD synced it, and a later delivery has replaced it.",
        verdict=Verdict.VALID if found else Verdict.UNKNOWN,
        reason=ReasonCode("superseded" if found else "sync-not-captured"),
        detail=f"{walk.revision[:12]} is synced now",
        evidence=evidence,
        remedy="" if found else "restore the ledger from its backup",
    )
