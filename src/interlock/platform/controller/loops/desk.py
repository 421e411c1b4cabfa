"""What the loops over pull requests share: who is open, the state of each queue, and how one is judged and told."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from interlock.clients.forge import PullRequest as ForgePull
from interlock.errors import ConflictError, InterlockError
from interlock.platform.books import FENCED
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act, Comment, OpenRecord, SetStatus
from interlock.platform.controller.queue import Key
from interlock.platform.controller.world import World
from interlock.platform.delivery import gate, report
from interlock.platform.delivery.gate import Gate
from interlock.platform.delivery.readmodel import Pull
from interlock.platform.estate import Environment, Estate, rules
from interlock.platform.estate.protection import GATE_STATUS
from interlock.platform.facts import pull as pulls
from interlock.platform.facts import record
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.record import number_in
from interlock.platform.kinds import reading

log = logging.getLogger(__name__)

RELOOK = 0.9
"""How old a verdict may be, in resyncs: people, records, windows and what runs change without a word."""


def telling(judged: Gate) -> tuple[Act, ...]:
    """The verdict, where the forge and people see it."""
    pull = judged.pull
    return (
        SetStatus(pull.repository, pull.head, GATE_STATUS, judged.state, judged.description),
        Comment(
            pull.repository,
            pull.number,
            pull.head,
            frozenset((str(item.id), str(item.reason)) for item in judged.standing),
            report.text(pull.head, judged.verdict, judged.standing, judged.findings),
        ),
    )


def fingerprint(pull: ForgePull, main: str, estate: Estate, state: QueueState) -> str:
    """Of what tells, without reading more, that a verdict may have changed."""
    told = (pull.head_sha, pull.title, pull.base_ref, pull.updated_at, main, estate.commit, state)
    return hashlib.sha256(repr(told).encode()).hexdigest()


class Desk:
    """One of a controller."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world, self._acting = world, acting
        self.states: dict[str, QueueState] = {}
        """By environment, as its main was looked at last."""
        self._open: dict[str, list[ForgePull]] = {}
        self._rows: dict[Key, tuple[ForgePull, str]] = {}
        """Pull requests that were listed and not judged since, with their fingerprint."""
        self._turns: dict[str, threading.Lock] = {}

    def turn(self, environment: str) -> threading.Lock:
        """Held by whoever judges or merges there: what one loop merges is not judged by the other meanwhile."""
        return self._turns.setdefault(environment, threading.Lock())

    @staticmethod
    def key(environment: Environment, number: int) -> Key:
        return ("judge", environment.name, str(number))

    def look(self, estate: Estate, environment: Environment) -> list[ForgePull]:
        """The open pull requests of an environment's repository, asked now."""
        owner, _, name = estate.repository(environment).partition("/")
        found = self._open[environment.name] = self._world.connections.forge().pulls(owner, name)
        return found

    def due(
        self, estate: Estate, environment: Environment, listed: Sequence[ForgePull], main: str, *, now: datetime
    ) -> list[Key]:
        """Those to be judged: something about them changed, or it was too long ago."""
        found, old = [], timedelta(seconds=RELOOK * self._world.resync)
        for pull in listed:
            known = self._world.model.pull(estate.repository(environment), pull.number)
            now_is = fingerprint(pull, main, estate, self.states.get(environment.name, QueueState()))
            same = known is not None and known.open and known.world == now_is
            if not same or known is None or known.judged_at is None or now - known.judged_at >= old:
                key = self.key(environment, pull.number)
                self._rows[key] = (pull, now_is)
                found.append(key)
        return found

    def row(self, key: Key) -> tuple[ForgePull, str] | None:
        """The pull request as it was just listed; each listing is used once."""
        return self._rows.pop(key, None)

    def judge(self, estate: Estate, environment: Environment, pull: ForgePull, *, fresh: bool = False) -> Gate:
        """The verdict; a record that is wanted is opened first, and named in the title that is judged then.

        ``fresh``: on the other pull requests as they are now. Raises ConflictError ``ledger-epoch`` alone: what cannot
        be judged is told so.
        """
        state = self.states.get(environment.name, QueueState())
        repository, world = estate.repository(environment), self._world
        try:
            others = self._others(estate, environment, pull, fresh=fresh)
            facts = gate.facts_of(world.sources, estate, environment, pull, state, others=others, now=world.now())
            plan = facts.get(reading.plan)
            if plan and self._acting.perform(OpenRecord(plan, pull.title)) != facts.get(record.named):
                owner, _, name = repository.partition("/")
                titled, now = world.connections.forge().pull(owner, name, pull.number), world.now()
                facts = gate.facts_of(world.sources, estate, environment, titled, state, others=others, now=now)
            return gate.judge(facts)
        except Exception as error:
            if isinstance(error, ConflictError) and error.code == FENCED:
                raise  # another controller has taken over: this one has nothing more to say
            # Whoever opened it must not decide what becomes of the others.
            log.warning(
                "%s#%s cannot be judged: %s",
                repository,
                pull.number,
                error,
                exc_info=not isinstance(error, InterlockError),
            )
            return gate.failed(environment, pulls.of(repository, pull), error)

    def tell(
        self, estate: Estate, environment: Environment, pull: ForgePull, judged: Gate, world: str | None = None
    ) -> bool:
        """On the forge, and in the read model once it stands there. Whether the verdict is news.

        ``world``: the fingerprint that it was judged with; None for the one that is known.
        """
        self._acting.all(telling(judged))
        standing = judged.standing
        now, before = self._world.now(), self._world.model.pull(judged.pull.repository, pull.number)
        self._world.model.put(
            Pull(
                judged.pull.repository,
                pull.number,
                pull.head_sha,
                pull.base_ref,
                judged.pull.title,
                environment.name,
                now,
                kind=judged.case.kind and str(judged.case.kind),
                service=judged.case.service,
                record=number_in(judged.pull.title, estate.platform.tickets.number),
                restores=judged.case.restores,
                verdict=judged.verdict,
                findings=(*standing, *(item for item in judged.findings if item not in standing)),
                bases=tuple(environment.bases),
                judged_at=now,
                world=world if world is not None else before.world if before else "",
            )
        )
        known = before is not None and (before.verdict, before.head, before.open) == (
            judged.verdict,
            pull.head_sha,
            True,
        )
        return not known

    def _others(self, estate: Estate, environment: Environment, pull: ForgePull, *, fresh: bool) -> list[ForgePull]:
        """The other open pull requests of the estate: looked at for records that are used twice."""
        if not rules.records(environment):
            return []
        found: list[ForgePull] = []
        for other in estate.platform.environments:
            known = None if fresh else self._open.get(other.name)
            found += self.look(estate, other) if known is None else known
        return [item for item in found if item.html_url != pull.html_url]
