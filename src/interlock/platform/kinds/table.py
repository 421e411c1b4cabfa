"""Which checks a delivery must hold: those that every delivery has, those of its kind, those that the rules ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.platform import kinds
from interlock.platform.checks import Check, Misconfigured, Unknown, approvals, people, pull, record
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CheckId, DeliveryKind
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import CheckTable, Platform
from interlock.platform.estate import rules as demands
from interlock.platform.estate.model import API_VERSION
from interlock.platform.facts import Facts, case, ground
from interlock.platform.kinds.kind import Position


def demanded(facts: Facts) -> tuple[tuple[Check, ...], tuple[CheckId, ...]]:
    """The checks of the delivery that ``facts`` are of, in their order, and those of them that the software adds to the
    estate's own table (``checks.yaml``).

    The table may ask for more and be stricter; what the software demands of a kind holds whether it is named or not.
    A name that the software does not know is a check that nobody can say holds.
    """
    found, environment = facts.look(case.read), facts.get(ground.environment)
    known = case.Case(None, None) if isinstance(found, Unread) else found
    estate = facts.get(ground.estate)
    first = estate.previous(environment) is None
    position = Position(environment, first=first, restores=known.restores)
    wanted = facts.look(ground.demand)
    own, told = rules(known.kind, position, wanted), estate.check_table
    asked = told.of(known.kind, environment.name) if told and known.kind and not known.restores else None
    if asked is None:
        return own, ()
    there = {**_every(position), **{check.id: check for check in own}}
    named = {item.id: _configured(there.get(item.id) or Unknown(item.id), item.parameters) for item in asked}
    added = [check for check in own if check.id not in named]
    return (*named.values(), *added), tuple(CheckId(check.id) for check in added)


def as_data(platform: Platform) -> CheckTable:
    """What the software demands, as the table that a new estate begins with."""
    places = [*platform.environments, platform.itself]
    checks = {
        kind.name: {
            place.name: [
                {"id": check.id} for check in rules(kind.name, Position(place, first=place == platform.environments[0]))
            ]
            for place in places
        }
        for kind in kinds.KINDS
    }
    return CheckTable.model_validate({"apiVersion": API_VERSION, "kind": "CheckTable", "checks": checks})


def unknown(told: CheckTable, platform: Platform) -> Iterator[str]:
    """What a table names and this software does not have, as ``kind in environment: id``."""
    places = {item.name: item for item in (*platform.environments, platform.itself)}
    for kind, asked in told.checks.items():
        if kind not in demands.FLOOR:
            yield f"{kind}: no kind of delivery"
            continue
        for name, entries in asked.items():
            position = Position(places[name], first=name == platform.environments[0].name)
            there = {*_every(position), *(check.id for check in rules(DeliveryKind(kind), position))}
            yield from (f"{kind} in {name}: {item.id}" for item in entries if item.id not in there)


def _every(position: Position) -> Mapping[str, Check]:
    """Whatever any kind knows, by its id."""
    return {check.id: check for kind in kinds.KINDS for check in (*kind.checks(position), *record.every())}


def _configured(check: Check, parameters: Mapping[str, object]) -> Check:
    try:
        return check.configured(parameters)
    except ValueError:
        return Misconfigured(check.id, ", ".join(sorted(parameters)))


def rules(
    name: DeliveryKind | None, position: Position, wanted: demands.Demand | Unread | None = None
) -> tuple[Check, ...]:
    """The same as a table. What is of no kind gets the checks that refuse it. ``wanted``: what is asked of this very
    delivery; what the rules ask of every one of the kind where it is not given."""
    kind, least = kinds.find(name), demands.of(position.environment, name or "")
    asked = least if wanted is None or isinstance(wanted, Unread) else wanted
    found: list[Check] = [Unasked(wanted)] if isinstance(wanted, Unread) else []
    found += [
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


class Unasked(Check):
    """Stands where nobody can say what a delivery must have: it is judged by what every one of its kind must."""

    id = "delivery-demand"
    claim = "What the delivery must have is known."

    def __init__(self, fact: Unread) -> None:
        self._fact = fact

    def judge(self, facts: Facts) -> Finding:
        return self.unread(self._fact)


def _wanted(asked: demands.Demand, position: Position) -> list[str]:
    """Who must approve. What restores the sealed tree may touch no service: anybody, as many as are asked for."""
    wanted = ["anyone"] if position.restores else [item.who for item in asked.approvals]
    return list(dict.fromkeys(wanted))
