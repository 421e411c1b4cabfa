"""Facts that only the kinds can tell: which kind a pull request is, and what its change record says."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.errors import InterlockError
from interlock.platform import kinds
from interlock.platform.domain.change import Change
from interlock.platform.domain.delivery import Delivery
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import EnvironmentName
from interlock.platform.estate import rules
from interlock.platform.facts import Facts, case, change, edit, ground, pull, result, revert, stakes
from interlock.platform.facts.stakes import Stakes
from interlock.platform.kinds import table
from interlock.platform.kinds.classify import classify
from interlock.platform.kinds.record import Plan, Subject, diff
from interlock.platform.kinds.revert import NAME as REVERT


def read(facts: Facts) -> case.Case:
    """Kind and service of an open pull request.

    A revert is judged as one where it goes the way back, or restores what is sealed; any other as what it delivers.
    """
    moved, where, undone = facts.get(change.read), facts.get(ground.environment).name, facts.get(revert.read)
    found = classify(kinds.KINDS, moved, where)
    if undone is None or not moved.effect:
        return found
    if not undone.restores:
        made = change.made(facts.get(ground.repository), undone.commit) if undone.commit else None
        if made is None or obstacle(undone, made, where):
            return found
    return case.Case(REVERT, found.service, restores=undone.restores)


def obstacle(found: revert.RevertFacts, made: Change, environment: str) -> str:
    """Why the revert of a commit that ``made`` a change is judged as what it delivers; empty when it is one."""
    if found.obstacle:
        return found.obstacle
    undone = kinds.find(classify(kinds.KINDS, made, environment).kind)
    if undone is None or not undone.undone_anytime:
        return f"what it takes back is of {f'kind {undone.name}' if undone else 'no kind'}"
    return ""


def bound(facts: Facts) -> tuple[str, ...] | None:
    """The paths that an approval of it is bound to."""
    found = facts.get(case.read)
    where, git, moved = facts.get(ground.environment).name, facts.get(ground.repository), facts.get(change.read)
    chart = result.library(git, moved.tree, found.service)
    return kinds.bound(found.kind, found.service, where, chart, (item.path for item in moved.effect))


def demand(facts: Facts) -> rules.Demand:
    """What the rules ask of the delivery's kind, and its kind of this very delivery."""
    found, where = facts.look(case.read), facts.get(ground.environment)
    if isinstance(found, Unread):
        return rules.of(where, "")
    own, kind = rules.of(where, found.kind or ""), kinds.find(found.kind)
    return kind.asks(facts, own) if kind and not found.restores else own


def who(facts: Facts) -> Stakes:
    """Who has a stake in it, by its kind."""
    found = facts.get(case.read)
    kind = kinds.find(found.kind)
    return kind.stakes(facts) if kind and not found.restores else stakes.of_service(facts)


def unknown_checks(facts: Facts) -> tuple[str, ...]:
    """What the edited ``checks.yaml`` names and no kind knows."""
    after = facts.get(edit.read).after
    return tuple(table.unknown(after.check_table, after.platform)) if after and after.check_table else ()


def plan(facts: Facts) -> Plan | None:
    """What the record of this delivery says; None where it has none, or not all of it is known yet.

    A record is written once: not before everything that it tells has been read.
    """
    found = facts.look(case.read)
    if isinstance(found, Unread) or found.restores or not facts.get(ground.demand).change_record:
        return None
    kind = kinds.find(found.kind)
    try:
        about = _subject(facts)
        told = kind.record(facts) if kind and about else None
    except InterlockError:
        return None
    if kind is None or about is None or told is None:
        return None
    asked = facts.get(pull.read)
    delivery = Delivery(
        kind.name,
        found.service,
        EnvironmentName(facts.get(ground.environment).name),
        asked.repository,
        asked.number,
        asked.head,
    )
    return Plan(delivery, about, facts.get(pull.answer).html_url, told, diff(facts.get(change.read)))


def _subject(facts: Facts) -> Subject | None:
    """None for a service that is not registered."""
    if facts.get(case.read).service is not None:
        service = facts.get(ground.service)
        return Subject(service.name, service.team, facts.get(ground.configuration_item)) if service else None
    where, own = facts.get(ground.environment), facts.get(ground.estate).platform.platform
    return Subject(where.repository, own.team or where.repository, facts.get(ground.configuration_item))


def expected(facts: Facts) -> Mapping[str, str]:
    """The texts of that plan."""
    found = facts.get(plan)
    return found.texts() if found else {}
