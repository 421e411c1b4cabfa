"""The gate: all checks of a delivery, one verdict, and the commit status that tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from interlock.clients.forge import ForgeClient
from interlock.errors import InterlockError
from interlock.platform.checks import GateFacts, evaluate, reasons
from interlock.platform.domain.classification import Classification
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.verdict import Finding, Verdict, overall
from interlock.platform.estate import Environment, Estate
from interlock.platform.estate.protection import GATE_STATUS

MAX_DESCRIPTION = 140
_DEPENDENT = ("record-not-read", "fact-missing")
"""Reasons that only follow from others: told last."""


@dataclass(frozen=True)
class Gate:
    """What the gate says of a pull request at one moment."""

    facts: GateFacts
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def standing(self) -> tuple[Finding, ...]:
        """What stands in the way, the causes first."""
        bases = self.facts.environment.bases
        found = [item for item in self.findings if not item.accepted(bases)]
        return tuple(sorted(found, key=lambda item: (item.reason in _DEPENDENT, item.verdict is Verdict.UNKNOWN)))

    @property
    def state(self) -> Literal["success", "failure", "pending"]:
        """Of the commit status: what is unknown is pending, and pending does not merge."""
        return {Verdict.VALID: "success", Verdict.INVALID: "failure", Verdict.UNKNOWN: "pending"}[self.verdict]  # type: ignore[return-value]

    @property
    def description(self) -> str:
        """One line of at most 140 characters."""
        if self.verdict is Verdict.VALID:
            return f"{len(self.findings)} checks hold"
        return shorten(f"{item.id}: {item.reason}" for item in self.standing)


def judge(facts: GateFacts) -> Gate:
    """Pure: the same facts give the same verdict."""
    findings = evaluate(facts)
    return Gate(facts, findings, overall(findings, facts.environment.bases))


def failed(environment: Environment, estate: Estate, pull: PullRequest, error: Exception, *, now: datetime) -> Gate:
    """The gate of a pull request that could not be judged. Of an error that is none of ours only the kind is told:
    nobody knows what its text holds."""
    detail = str(error) if isinstance(error, InterlockError) else type(error).__name__
    unread = Unread("pull request", "gate-error", detail)
    facts = GateFacts(now, estate, environment, pull, unread, Classification(None, None), unread)
    finding = Finding(
        CheckId("judged"),
        "The pull request can be judged.",
        Verdict.UNKNOWN,
        ReasonCode("gate-error"),
        detail=detail,
        remedy=reasons.REASONS["gate-error"].remedy,
    )
    return Gate(facts, (finding,), Verdict.UNKNOWN)


def publish(forge: ForgeClient, gate: Gate, *, target_url: str = "") -> bool:
    """Set the commit status of the judged head unless it says so already. Returns whether it was set."""
    owner, _, name = gate.facts.pull.repository.partition("/")
    head = gate.facts.pull.head
    latest = next((item for item in forge.statuses(owner, name, head) if item.context == GATE_STATUS), None)
    if latest is not None and (latest.state, latest.description) == (gate.state, gate.description):
        return False
    forge.set_status(
        owner,
        name,
        head,
        context=GATE_STATUS,
        state=gate.state,
        description=gate.description,
        target_url=target_url,
    )
    return True


def shorten(parts: Iterable[str]) -> str:
    """As many whole parts as fit, and how many more there are."""
    every = list(parts)
    for count in range(len(every), 0, -1):
        more = len(every) - count
        text = "; ".join(every[:count]) + (f"; {more} more" if more else "")
        if len(text) <= MAX_DESCRIPTION:
            return text
    return (every[0] if every else "")[: MAX_DESCRIPTION - 1] + "…"
