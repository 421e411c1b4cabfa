"""The judge loop: the gate of one pull request, told where people and the forge see it; and what its record answers."""

from __future__ import annotations

import logging

from interlock.clients.forge import PullRequest as ForgePull
from interlock.errors import InterlockError, NotFoundError
from interlock.platform.books.vocabulary import RecordWithdrawn
from interlock.platform.checks.reasons import UNANSWERED
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act, CancelRecord
from interlock.platform.controller.loops.desk import Desk, fingerprint
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done
from interlock.platform.controller.world import World
from interlock.platform.domain.ids import RecordNumber
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import Environment, Estate, layout, rules
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.record import number_in

log = logging.getLogger(__name__)

RECORD_SECONDS = 10.0
"""How often a record is looked at while its answer is waited for: ticket systems send no webhooks."""


def closed(pull: ForgePull, repository: str, number: RecordNumber | None, *, withdrawn: bool) -> tuple[Act, ...]:
    """What is to be done about a pull request that is closed: the record of one that was not merged is cancelled."""
    if pull.merged or number is None or withdrawn:
        return ()
    return (CancelRecord(number, f"{repository}#{pull.number}"),)


class Judge:
    """Keys are pull requests (environment, number), which the delivery loop and webhooks find."""

    name = "judge"

    def __init__(self, world: World, acting: Acting, desk: Desk) -> None:
        self._world, self._acting, self._desk = world, acting, desk

    def keys(self) -> list[Key]:
        return []

    def run(self, key: Key) -> Done:
        with self._desk.turn(key[1]):
            return self._run(key)

    def _run(self, key: Key) -> Done:
        world, estate = self._world, self._world.estate()
        environment = estate.environment(key[1])
        if environment.name not in self._desk.states:
            return Done(wake=(("deliver", environment.name),))  # which finds this one again
        repository = estate.repository(environment)
        row = self._desk.row(key)
        if row is None:
            try:
                pull = self._acting.merged(repository, int(key[2]))
            except NotFoundError:
                world.model.gone(repository, int(key[2]))
                return Done()
            main = world.mirror(environment.repository).resolve(layout.MAIN)
            row = pull, fingerprint(pull, main, estate, self._desk.states.get(environment.name, QueueState()))
        pull, seen = row
        if pull.state != "open":
            self._closed(estate, environment, pull)
            return Done()
        if pull.head_sha not in world.mirror(environment.repository).refs("refs/").values():
            world.moved(environment.repository)
        judged = self._desk.judge(estate, environment, pull)
        news = self._desk.tell(estate, environment, pull, judged, seen)
        # One that was ready before and is not merged yet could not be: the resync tries again.
        wake: list[Key] = [("deliver", environment.name)] if news and judged.verdict is Verdict.VALID else []
        if rules.asking(estate.platform, environment) and number_in(judged.pull.title, estate.platform.tickets.number):
            wake.append(("record", *key[1:]))
        return Done(wake=tuple(wake), unanswered=any(item.reason in UNANSWERED for item in judged.findings))

    def _closed(self, estate: Estate, environment: Environment, pull: ForgePull) -> None:
        repository, books = estate.repository(environment), self._world.books
        number = (
            number_in(pull.title, estate.platform.tickets.number)
            if rules.asking(estate.platform, environment)
            else None
        )
        delivery = RecordWithdrawn(f"{repository}#{pull.number}")
        withdrawn = number is not None and books.has(delivery.key(number))
        try:
            self._acting.all(closed(pull, repository, number, withdrawn=withdrawn))
        except InterlockError as error:
            # The number is what somebody typed into a title; the next resync finds the pull request again.
            log.warning("record %s of %s cannot be cancelled: %s", number, delivery.delivery, error)
            raise
        self._world.model.gone(repository, pull.number)


class Records:
    """Wakes the judge when a record that a pull request waits for has changed. Keys are those pull requests."""

    name = "record"

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[Key, object] = {}

    def keys(self) -> list[Key]:
        waiting = [item for item in self._world.model.open_pulls() if item.record]
        return [(self.name, item.environment, str(item.number)) for item in waiting]

    def run(self, key: Key) -> Done:
        world, estate = self._world, self._world.estate()
        environment = estate.environment(key[1])
        pull = world.model.pull(estate.repository(environment), int(key[2]))
        if pull is None or not pull.open or pull.record is None or not rules.asking(estate.platform, environment):
            self._seen.pop(key, None)
            return Done()
        tickets = world.connections.tickets()
        try:
            record = tickets.get(pull.record)
            found: object = (dict(record.raw), [dict(row.raw) for row in tickets.approvals(record.sys_id)])
        except NotFoundError:
            found = None
        before = self._seen.get(key, found)
        self._seen[key] = found
        wake = (("judge", *key[1:]),) if found != before else ()
        return Done(wake=wake, again=RECORD_SECONDS)
