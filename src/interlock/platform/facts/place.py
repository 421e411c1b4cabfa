"""What is asked for when something runs: one service in one environment, by the estate as it is sealed now."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.clients.git import Repository
from interlock.platform.books.vocabulary import subject as subject_of
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName
from interlock.platform.estate import Environment, Estate, Service, layout
from interlock.platform.facts import estates, seals
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.ground import sources


@dataclass(frozen=True, slots=True)
class Place:
    environment: EnvironmentName
    service: ServiceName


def read(facts: Facts) -> Place:
    raise missing("place")


def subject(facts: Facts) -> str:
    """Of every entry about it."""
    found = facts.get(read)
    return subject_of(found.environment, found.service)


def platform(facts: Facts) -> Repository:
    """The platform repo."""
    return facts.get(sources).mirror(facts.get(sources).platform)


def estate(facts: Facts) -> Estate:
    """As the tip of the platform repo's ``sealed`` says: to find things, never to judge what was decided before."""
    git = facts.get(platform)
    return estates.at(git, CommitId(git.resolve(seals.BRANCH)), facts.get(sources).seal)


def environment(facts: Facts) -> Environment:
    return facts.get(estate).environment(facts.get(read).environment)


def service(facts: Facts) -> Service:
    return facts.get(estate).service(facts.get(read).service)


def repository(facts: Facts) -> Repository:
    """The environment's repository."""
    return facts.get(sources).mirror(facts.get(environment).repository)


def values_path(facts: Facts) -> str:
    """Where the repository has the service's values."""
    found = facts.get(read)
    return layout.values(found.service, found.environment)


def url(facts: Facts) -> str:
    """Its stable URL."""
    return facts.get(estate).url(facts.get(environment).repository)
