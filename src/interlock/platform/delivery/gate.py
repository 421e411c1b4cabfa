"""The gate: all checks of a delivery, one verdict, and the words of the commit status that tells it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from interlock.clients.forge import PullRequest as ForgePull
from interlock.errors import InterlockError, NotFoundError, UnreachableError, UnsupportedError
from interlock.platform.checks import reasons
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.verdict import Finding, Verdict, overall
from interlock.platform.estate import Environment, Estate
from interlock.platform.facts import (
    Facts,
    Reader,
    Sources,
    case,
    edit,
    ground,
    pull,
    queue,
    record,
    result,
    reviews,
    stakes,
)
from interlock.platform.facts.case import Case
from interlock.platform.facts.queue import QueueState
from interlock.platform.kinds import reading as kinds_reading
from interlock.platform.kinds import table

MAX_DESCRIPTION = 140
_DEPENDENT = ("record-not-read", "fact-missing")
"""Reasons that only follow from others: told last."""


@dataclass(frozen=True)
class Gate:
    """What the gate says of a pull request at one moment."""

    pull: PullRequest
    environment: Environment
    case: Case
    findings: tuple[Finding, ...]
    facts: Facts = field(default_factory=Facts)
    """What it was judged on."""
    versions: Mapping[CheckId, int] = field(default_factory=dict)
    """Of the rule behind each finding."""
    added: tuple[CheckId, ...] = ()
    """Checks that the software demanded and the estate's own table did not name."""

    @property
    def verdict(self) -> Verdict:
        return overall(self.findings, self.environment.bases)

    @property
    def standing(self) -> tuple[Finding, ...]:
        """What stands in the way, the causes first."""
        bases = self.environment.bases
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


def facts_of(
    sources: Sources,
    estate: Estate,
    environment: Environment,
    found: ForgePull,
    state: QueueState,
    *,
    others: Sequence[ForgePull],
    now: datetime,
) -> Facts:
    """Facts of one open pull request of the environment's repository, none of them read yet.

    ``others``: the other open pull requests of the estate, for records that are used twice.
    """
    given: dict[Reader[Any], object] = {
        ground.sources: sources,
        ground.moment: now,
        ground.estate: estate,
        ground.environment: environment,
        pull.answer: found,
        pull.others: others,
        queue.read: state,
    }
    return Facts(
        given,
        {
            case.read: kinds_reading.read,
            ground.demand: kinds_reading.demand,
            result.bound: kinds_reading.bound,
            record.expected: kinds_reading.expected,
            stakes.read: kinds_reading.who,
            edit.unknown_checks: kinds_reading.unknown_checks,
        },
    )


def judge(facts: Facts) -> Gate:
    """Every check of the delivery, in the order of the table. The same facts give the same verdict.

    Raises RefusedError for reviews that cannot be written down, ConflictError ``ledger-epoch``.
    """
    with contextlib.suppress(UnreachableError, NotFoundError, UnsupportedError):
        # Also where nobody must approve: what is merged is written down with what people said, or is not merged.
        facts.get(reviews.read)
    found = facts.look(case.read)
    known = Case(None, None) if isinstance(found, Unread) else found
    checks, added = table.demanded(facts)
    findings = tuple(check.examine(facts) for check in checks)
    versions = {CheckId(check.id): check.version for check in checks}
    return Gate(facts.get(pull.read), facts.get(ground.environment), known, findings, facts, versions, added)


def failed(environment: Environment, asked: PullRequest, error: Exception) -> Gate:
    """The gate of a pull request that could not be judged. Of an error that is none of ours only the kind is told:
    nobody knows what its text holds."""
    finding = Finding(
        CheckId("judged"),
        "The pull request can be judged.",
        Verdict.UNKNOWN,
        ReasonCode("gate-error"),
        detail=str(error) if isinstance(error, InterlockError) else type(error).__name__,
        remedy=reasons.REASONS["gate-error"].remedy,
    )
    return Gate(asked, environment, Case(None, None), (finding,))


def shorten(parts: Iterable[str]) -> str:
    """As many whole parts as fit, and how many more there are."""
    every = list(parts)
    for count in range(len(every), 0, -1):
        more = len(every) - count
        text = "; ".join(every[:count]) + (f"; {more} more" if more else "")
        if len(text) <= MAX_DESCRIPTION:
            return text
    return (every[0] if every else "")[: MAX_DESCRIPTION - 1] + "…"
