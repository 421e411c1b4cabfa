"""Whether an estate can still be changed: somebody of the platform's team asks, and enough others may approve."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from interlock.platform.checks import approvals
from interlock.platform.checks.approvals import Standing
from interlock.platform.domain.ids import TeamId
from interlock.platform.domain.people import People, Role, System
from interlock.platform.estate import Estate, rules


def turns(people: People, now: datetime) -> Iterator[datetime]:
    """When an entry of people.yaml begins or ends after ``now``, in order."""
    moments = {moment for item in people.persons for moment in (item.valid_from, item.valid_until) if moment}
    return (moment for moment in sorted(moments) if moment > now)


def of(estate: Estate, at: datetime) -> str:
    """Why nobody could approve a change of the platform at ``at``; empty when somebody can."""
    own = estate.platform.platform
    places = (estate.platform.itself, *estate.platform.environments)
    wanted = rules.of(places[0], "platform").approvals
    valid = [item for item in estate.people.persons if item.valid(at)]
    able = [item for item in valid if System.FORGE in {system for system, _ in item.accounts}]
    team = [item for item in able if own.team in item.teams]
    if not team:
        return "nobody of the platform's team has an account on the forge"
    for author in team:
        others = [item for item in able if item is not author]
        standing = Standing(teams=author.teams, platform_team=TeamId(own.team) if own.team else None)
        if not approvals.possible(wanted, others, standing):
            names = ", ".join(item.id for item in team if item is not author) or "nobody"
            who = ", ".join(f"{item.count} {item.who}" for item in wanted)
            return f"asked for by {author.id}, {names} of the platform's team: {who} needed"
    managers = [item for item in valid if Role.CHANGE_MANAGER in item.roles]
    decides = any(system is System.TICKETS for item in managers for system, _ in item.accounts)
    if any(rules.records(item) for item in places) and not decides:
        return "no change manager with an account in the ticket system"
    return ""
