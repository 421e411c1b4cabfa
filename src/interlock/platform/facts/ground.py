"""What every judgement stands on: sources, time, the estate with its rules, and where the delivery goes."""

from __future__ import annotations

from datetime import datetime

from interlock.clients.git import Repository
from interlock.platform.books import Books
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import Environment, Estate, Service, rules
from interlock.platform.facts import case
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.sources import Sources


def sources(facts: Facts) -> Sources:
    """Where facts are read."""
    raise missing("sources")


def books(facts: Facts) -> Books:
    """What was written down."""
    return facts.get(sources).books


def moment(facts: Facts) -> datetime:
    """When it is judged, and what the sources said was read. Of a proof, when it was decided."""
    raise missing("time")


def merging(facts: Facts) -> datetime:
    """When it is merged: approvers must be entitled and scans young enough then. Of an open pull request, now."""
    return facts.get(moment)


def estate(facts: Facts) -> Estate:
    """Rules, people and services in force, from one sealed commit."""
    raise missing("estate")


def environment(facts: Facts) -> Environment:
    """Where the delivery goes, with its rules in force."""
    raise missing("environment")


def service(facts: Facts) -> Service | None:
    """The delivery's service as registered; None where none is."""
    name = facts.get(case.read).service
    return facts.get(estate).services.get(name) if name else None


def registered(facts: Facts) -> Service:
    """The same where one is needed."""
    found = facts.get(service)
    if found is None:
        raise missing("registered service")
    return found


def configuration_item(facts: Facts) -> str:
    """The CI in the CMDB of what the delivery moves: its service's, or the repository's where it is of none."""
    if facts.get(case.read).service is not None:
        return facts.get(registered).configuration_item
    return facts.get(estate).platform.platform.configuration_item or facts.get(environment).repository


def named(facts: Facts) -> ServiceName:
    """The delivery's service by name, registered or not."""
    found = facts.get(case.read).service
    if found is None:
        raise missing("service")
    return found


def demand(facts: Facts) -> rules.Demand:
    """What the rules in force ask of the delivery's kind there."""
    found = facts.look(case.read)
    kind = None if isinstance(found, Unread) else found.kind
    return rules.of(facts.get(environment), kind or "")


def repository(facts: Facts) -> Repository:
    """The environment's repository, fetched."""
    return facts.get(sources).mirror(facts.get(environment).repository)
