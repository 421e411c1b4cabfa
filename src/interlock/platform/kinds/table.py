"""Which checks a delivery must hold: those that every delivery has, those of its kind, those that the rules ask for."""

from __future__ import annotations

from interlock.platform import kinds
from interlock.platform.checks import Check, approvals, people, pull, record
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CheckId, DeliveryKind
from interlock.platform.estate import rules as demands
from interlock.platform.facts import Facts, case, ground
from interlock.platform.kinds.kind import Position


def demanded(facts: Facts) -> tuple[tuple[Check, ...], tuple[CheckId, ...]]:
    """The checks of the delivery that ``facts`` are of, in their order, and those of them that the software adds to the
    estate's own table."""
    found, environment = facts.look(case.read), facts.get(ground.environment)
    known = case.Case(None, None) if isinstance(found, Unread) else found
    first = facts.get(ground.estate).previous(environment) is None
    return rules(known.kind, Position(environment, first=first, restores=known.restores)), ()


def rules(name: DeliveryKind | None, position: Position) -> tuple[Check, ...]:
    """The same as a table. What is of no kind gets the checks that refuse it."""
    kind, asked = kinds.find(name), demands.of(position.environment, name or "")
    found: list[Check] = [
        pull.KindRecognised(),
        pull.PullBase(),
        pull.MergesCleanly(),
        pull.QueueOpen(),
        pull.WindowOpen(),
    ]
    if asked.freezes:
        found.append(pull.NoFreeze())
    if kind is not None:
        found += kind.checks(position)
    if position.environment.rules.signed_commits:
        found.append(people.SignedCommits())
    if asked.approvals:
        found += [people.InitiatorKnown(), approvals.NobodyAgainst()]
        found += [approvals.ApprovalBy(who) for who in _wanted(asked, position)]
    if asked.change_record and not position.restores:
        found += record.every()
    return tuple(found)


def _wanted(asked: demands.Demand, position: Position) -> list[str]:
    """Who must approve. What restores the sealed tree may touch no service: anybody, as many as are asked for."""
    wanted = ["anyone"] if position.restores else [item.who for item in asked.approvals]
    return list(dict.fromkeys(wanted))
