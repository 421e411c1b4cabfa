"""The gate: all checks of a delivery, one verdict, and the commit status that tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from interlock.clients.forge import ForgeClient
from interlock.platform.checks import GateFacts, evaluate
from interlock.platform.domain.verdict import Finding, Verdict, overall
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
