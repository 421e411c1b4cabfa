"""The chain of proof of one running object: thirteen links, each judged now from primary evidence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.clients.git import Repository
from interlock.platform import kinds
from interlock.platform.books import Ledger, Report, timestamp
from interlock.platform.books.ledger.entries import GENESIS
from interlock.platform.books.ledger.verification import Fault
from interlock.platform.checks.link import Link
from interlock.platform.domain.ids import EnvironmentName, ServiceName
from interlock.platform.domain.verdict import Basis, Finding, Verdict, overall
from interlock.platform.estate import Estate
from interlock.platform.facts import Facts, Sources, build, case, decision, ground, place, running, signers, synced
from interlock.platform.proof import back
from interlock.platform.proof.links import LINKS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trace:
    """The proof of one service in one environment, as of ``at``."""

    environment: EnvironmentName
    service: ServiceName
    at: datetime
    findings: tuple[Finding, ...]
    bases: tuple[Basis, ...]
    """What the environment accepts; empty when its rules could not be read: then nothing is accepted."""
    ledger: Report
    """Whether the ledger as a whole is unbroken. A fault elsewhere in it changes no link of this proof, but what was
    altered or left out there may be what speaks against it."""
    ids: dict[str, str] = field(default_factory=dict)
    """What was found on the way: image, revision, seal, merge, pull request, record, run, source."""

    @property
    def overall(self) -> Verdict:
        """Valid only when every link is, on an accepted basis, and the ledger is whole."""
        return in_whole(overall(self.findings, self.bases), self.ledger)

    @property
    def holds(self) -> bool:
        """Whether what runs may run: what the exit code says."""
        return self.overall is Verdict.VALID

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "environment": self.environment,
            "service": self.service,
            "at": timestamp(self.at),
            "overall": self.overall.value,
            "acceptedBases": [item.value for item in self.bases],
            "ids": self.ids,
            "links": [finding_as_dict(item, self.bases) for item in self.findings],
            "ledger": report_as_dict(self.ledger),
        }


def trace(
    sources: Sources, environment: EnvironmentName, service: ServiceName, *, now: Callable[[], datetime]
) -> Trace:
    """Judge every link. Never raises for evidence that is missing, altered or unreachable: links say so.

    Raises NotFoundError ``environment-unknown`` or ``service-unknown`` when the estate, which could be read, has no
    such environment or service.
    """
    facts, at = back.facts(sources, environment, service), now()
    try:
        estate = facts.get(place.estate)
    except Exception:  # told by the links, each of which reads it too
        bases: tuple[Basis, ...] = ()
    else:
        bases = estate.environment(environment).bases
        estate.service(service)
    findings = tuple(link().examine(facts) for link in links(facts))
    return Trace(environment, service, at, findings, bases, verified(sources.books.ledger), identify(facts))


def links(facts: Facts) -> tuple[type[Link], ...]:
    """Those that everything that runs has, and what the delivery's kind adds."""
    try:
        kind = kinds.find(facts.get(case.read).kind)
    except Exception:  # told by the links, each of which reads it too
        kind = None
    return LINKS + (kind.links if kind else ())


def verified(ledger: Ledger) -> Report:
    """`Ledger.verify`; a file that even this cannot read is not whole either."""
    try:
        return ledger.verify()
    except Exception as error:
        log.exception("ledger %s", ledger.path)
        return Report(0, GENESIS, Fault(0, "ledger-unreadable", type(error).__name__))


def in_whole(verdict: Verdict, ledger: Report) -> Verdict:
    """The verdict of links that rest on this ledger: at most ``unknown`` where it is not whole."""
    return verdict if ledger.whole or verdict is Verdict.INVALID else Verdict.UNKNOWN


def identify(facts: Facts) -> dict[str, str]:
    """The ids on the way, as far as they could be found."""
    get = facts.get
    wanted: dict[str, Callable[[], object]] = {
        "image": lambda: get(running.image),
        "revision": lambda: get(synced.revision),
        "seal": lambda: get(decision.delivering).id if get(place.environment).sealed else None,
        "merge": lambda: get(decision.merge).id,
        "pull": lambda: (found := get(decision.read)) and found.said.pull,
        "record": lambda: (found := get(decision.read)) and found.said.record,
        "run": lambda: get(build.run).said.run,
        "source": lambda: get(build.run).said.commit,
        "platformCommit": lambda: get(ground.estate).commit,
        "genesis": lambda: genesis(get(place.platform), get(place.estate)),
    }
    found = {}
    for name, read in wanted.items():
        try:
            value = read()
        except Exception:  # noqa: S112 - told by the links, each of which reads it too
            continue
        if value:
            found[name] = str(value)
    return found


def genesis(git: Repository, estate: Estate) -> str:
    """The commits of the platform repo that its genesis key signed: nobody approved them, and whatever was judged since
    rests on them. Empty where there are none."""
    key = estate.keys.genesis
    found = [item.id[:12] for item in git.log(estate.commit) if signers.by_genesis(item, key)] if key else []
    return f"rules that nobody approved, signed by the genesis key: {', '.join(found)}" if found else ""


def finding_as_dict(finding: Finding, bases: Iterable[Basis]) -> dict[str, Any]:
    return {
        "id": finding.id,
        "claim": finding.claim,
        "verdict": finding.verdict.value,
        "accepted": finding.accepted(bases),
        "basis": finding.basis.value,
        "reason": finding.reason,
        "detail": finding.detail,
        "remedy": finding.remedy,
        "evidence": [
            {"what": item.what, "source": item.source, **({"digest": item.digest} if item.digest else {})}
            for item in finding.evidence
        ],
    }


def report_as_dict(report: Report) -> dict[str, Any]:
    fault = report.fault
    return {
        "entries": report.size,
        "head": report.head,
        "whole": report.whole,
        "fault": fault and {"sequence": fault.sequence, "reason": fault.reason, "detail": fault.detail},
    }
