"""Checks: one small class a rule, over facts that somebody else read.

Public interface::

    findings = evaluate(facts)                 # every rule that holds for this delivery, in order
    overall(findings, facts.environment.bases) # domain.verdict: valid, invalid or unknown

``reasons.REASONS`` is every reason code with its meaning and remedy; ``tables.rules`` says which rules hold for which
kind of delivery in which environment; ``approvals.judge`` and ``record.number_in`` are used by the proof as well.
"""

from interlock.platform.checks.check import Check
from interlock.platform.checks.facts import GateFacts, QueueState, Rendering, RevertFacts
from interlock.platform.checks.tables import rules
from interlock.platform.domain.verdict import Finding

__all__ = [
    "Check",
    "GateFacts",
    "QueueState",
    "Rendering",
    "RevertFacts",
    "evaluate",
    "rules",
]


def evaluate(facts: GateFacts) -> tuple[Finding, ...]:
    """Every finding about a pull request, in the order of the table. Pure: the same facts give the same findings."""
    first = facts.estate.previous(facts.environment) is None
    table = rules(facts.kind, facts.environment, first=first, restores=facts.restores)
    return tuple(check.judge(facts) for check in table)
