"""Forwards: from a change record to the deliveries that carried it, and to what runs because of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.errors import NotFoundError
from interlock.formats.signatures import Commit
from interlock.platform.books import Recorded, Report, timestamp
from interlock.platform.books.vocabulary import NO_SERVICE, Merged, Sealed, Synced
from interlock.platform.checks.link import Link
from interlock.platform.domain.ids import CheckId, CommitId, EnvironmentName, ReasonCode, RecordNumber, ServiceName
from interlock.platform.domain.verdict import Basis, Evidence, Finding, Verdict, overall
from interlock.platform.facts import Facts, Reader, Sources, decision, ground, place, synced
from interlock.platform.proof import back
from interlock.platform.proof.chain import finding_as_dict, identify, in_whole, report_as_dict, verified
from interlock.platform.proof.links.approvals import Approvals
from interlock.platform.proof.links.change_record import ChangeRecordLink
from interlock.platform.proof.links.merge import Merge
from interlock.platform.proof.links.running_object import RunningObject
from interlock.platform.proof.links.seal import Seal
from interlock.platform.proof.links.sync import Sync

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
    decisions = [item for item in sources.books.about(Merged, number) if item.said.record == number]
    ledger = verified(sources.books.ledger)
    journeys = tuple(_journey(sources, item, ledger) for item in reversed(decisions))
    pending = "" if journeys else _pending(sources, number)
    return Forward(number, at, journeys, pending, ledger)


def _pending(sources: Sources, number: RecordNumber) -> str:
    try:
        return sources.tickets().get(number).correlation_id
    except NotFoundError as error:
        raise NotFoundError(
            "record-unknown", f"neither the ledger nor the ticket system knows {number}", todo="check the number"
        ) from error


def _journey(sources: Sources, decided: Recorded[Merged], ledger: Report) -> Journey:
    environment, _, service = decided.entry.subject.partition("/")
    name, place_ = EnvironmentName(environment), ServiceName(service)
    begin: dict[Reader[Any], Reader[Any]] = {decision.delivering: lambda facts: _delivering(facts, decided)}
    if place_ == NO_SERVICE:  # about the repository itself: it has no Application of its own, and nothing that runs
        begin[synced.revision] = lambda facts: CommitId(facts.get(decision.delivering).id)
    facts = back.facts(sources, name, place_, begin=begin)
    try:
        bases = facts.get(place.environment).bases
    except Exception:  # told by the links, each of which reads it too
        bases = ()
    findings = [link().examine(facts) for link in _DECIDED]
    if place_ != NO_SERVICE:
        superseded = _superseded(facts)
        findings += [superseded] if superseded else [link().examine(facts) for link in _NOW]
    return Journey(name, place_, tuple(findings), bases, ledger, identify(facts))


def _delivering(facts: Facts, decided: Recorded[Merged]) -> Commit:
    """The commit of the tracked branch that this decision led to: the walk begins there, and not at what runs.

    Raises NotFoundError ``not-sealed``.
    """
    git = facts.get(place.repository)
    if not facts.get(place.environment).sealed:
        return git.commit(decided.said.merge)
    for item in facts.get(ground.books).of_subject(Sealed, facts.get(place.subject)):
        if item.said.decision == decided.id:
            return git.commit(item.said.seal)
    raise NotFoundError(
        "not-sealed",
        "the ledger records no seal of this decision",
        got=decided.id,
        todo="the controller seals in its next round; `interlock status` says what holds it up",
    )


def _superseded(facts: Facts) -> Finding | None:
    """The finding that ends a journey whose content was replaced since; None while it is what is synced."""
    try:
        wanted, revision = synced.ids(facts, facts.get(decision.delivering).id), facts.get(synced.revision)
        if wanted == synced.ids(facts, revision):
            return None
        captured = facts.get(ground.books).of_subject(Synced, facts.get(place.subject))
        found = [item for item in captured if synced.ids(facts, item.said.revision) == wanted]
    except Exception:  # told by the links that are judged then
        return None
    evidence = tuple(Evidence("sync as recorded", "ledger", item.id) for item in reversed(found))
    return Finding(
        id=CheckId("sync"),
        claim="Argo CD synced it, and a later delivery has replaced it.",
        verdict=Verdict.VALID if found else Verdict.UNKNOWN,
        reason=ReasonCode("superseded" if found else "sync-not-captured"),
        detail=f"{revision[:12]} is synced now",
        evidence=evidence,
        remedy="" if found else "restore the ledger from its backup",
    )
