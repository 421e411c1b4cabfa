"""The delivery loop: prove and seal what is on an env repo's main, see which pull requests are open, merge one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from interlock.clients.forge import PullRequest as ForgePull
from interlock.clients.git import Repository
from interlock.errors import ConflictError, InterlockError
from interlock.platform import goldenpaths
from interlock.platform.books import FENCED, Recorded
from interlock.platform.books.vocabulary import NO_SERVICE, Judged, Merged, RecordClosed, subject
from interlock.platform.controller import bumps
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import (
    Act,
    ClosePull,
    CloseRecord,
    Merge,
    RecordMerge,
    RecordSeal,
    Seal,
    SealApplications,
)
from interlock.platform.controller.loops.desk import Desk
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done
from interlock.platform.controller.world import World
from interlock.platform.delivery import applications, history, queue
from interlock.platform.delivery.gate import Gate
from interlock.platform.delivery.history import Main, Proof
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import PLATFORM as REGISTRY
from interlock.platform.estate import Environment, Estate, layout, rules
from interlock.platform.facts import pull as pulls
from interlock.platform.facts.queue import QueueState
from interlock.platform.kinds.removal import NAME as REMOVAL

log = logging.getLogger(__name__)

_DIRECT = 50
"""In an environment without seals, how many of main's newest commits are looked at each round."""


def advance(environment: Environment, main: Main, proven: Sequence[Proof]) -> list[Act]:
    """Write the tip of ``sealed`` down, and seal the oldest commit that is proven: the next round sees the rest."""
    planned: list[Act] = [RecordSeal(environment, main.sealed)]
    if proven:
        planned.append(Seal(environment, proven[0], main.sealed.id))
    return planned


def advance_open(environment: Environment, main: Main, merges: Iterable[Proof], found: Proof | None) -> list[Act]:
    """The same where anybody may commit: the platform's own merges are written down, and Applications alone sealed.

    Not while a merge can neither be proven nor refused: behind the seal nobody would look at it again.
    """
    merges, planned = list(merges), list[Act]([RecordSeal(environment, main.sealed)])
    planned += [RecordMerge(environment, proof) for proof in merges if proof.verdict is Verdict.VALID]
    known = all(proof.verdict is not Verdict.UNKNOWN for proof in merges)
    if found is not None and found.verdict is Verdict.VALID and known:
        planned.append(SealApplications(environment, found, main.sealed.id))
    return planned


def closing(environment: Environment, sealed: CommitId, opened: Iterable[Recorded[Merged]]) -> tuple[Act, ...]:
    """Close the records of deliveries of no service, sealed at ``sealed``: nothing has to be healthy first."""
    found = []
    for item in opened:
        if (number := item.said.record) is not None:
            notes = f"Sealed in {environment.name} at {sealed[:12]}; decision {item.id}."
            found.append(CloseRecord(number, notes, RecordClosed(item.id, sealed)))
    return tuple(found)


class Deliveries:
    """Keys are environments (and ``platform``): one queue a repository."""

    name = "deliver"

    def __init__(self, world: World, acting: Acting, desk: Desk) -> None:
        self._world, self._acting, self._desk = world, acting, desk
        self._stumbled: dict[str, set[int]] = {}
        self._proven: dict[str, tuple[CommitId, CommitId]] = {}
        """Where main and sealed were when everything on main was dealt with."""

    def keys(self) -> list[Key]:
        return [(self.name, name) for name in (REGISTRY, *(e.name for e in self._world.estate().platform.environments))]

    def run(self, key: Key) -> Done:
        with self._desk.turn(key[1]):
            return self._run(key)

    def _run(self, key: Key) -> Done:
        world, estate = self._world, self._world.estate()
        environment = estate.environment(key[1])
        sealed, state = self._advance(estate, environment)
        self._desk.states[environment.name] = state
        listed: Sequence[ForgePull] = self._desk.look(estate, environment)
        judged = self._vanished(estate, environment, listed)
        listed = self._overtaken(estate, environment, listed)
        ready = queue.ready(world.model.open_pulls(estate.repository(environment)), listed)
        merged, failed = self._merge(estate, environment, ready)
        # It may have been merged all the same: it is asked for, and not judged as it was listed.
        judged += [self._desk.key(environment, number) for number in failed]
        if merged is not None:
            # The merge is sealed at once, not a round later: until then what runs is not what main says.
            _, self._desk.states[environment.name] = self._advance(estate, environment)
            sealed, service = True, merged.case.service
            judged += [("build", service)] if environment == estate.platform.environments[0] and service else []
            judged += [("remove", environment.name, service)] if service else []
            if len(ready) > 1 or environment.name == REGISTRY:
                return Done(wake=(*judged, *self._after(environment)), again=0.0)
            listed = [item for item in listed if item.number != merged.pull.number]
        self._close(estate, environment)
        tip = world.mirror(environment.repository).resolve(layout.MAIN)
        rest = [item for item in listed if item.number not in failed]
        judged += self._desk.due(estate, environment, rest, tip, now=world.now())
        return Done(wake=(*judged, *(self._after(environment) if sealed else ())))

    def _after(self, environment: Environment) -> list[Key]:
        """What looks at the estate that was sealed just now."""
        return [("build",), *self.keys()] if environment.name == REGISTRY else []

    # -- main: proof and seal ----------------------------------------------------------------------------------------

    def _advance(self, estate: Estate, environment: Environment) -> tuple[bool, QueueState]:
        """Seal what is proven. Returns whether anything was, and the state of the queue."""
        moved = False
        while True:
            git = self._world.mirror(environment.repository)
            main = history.read_main(git, self._world.seal_certificate)
            if isinstance(main, Proof):
                log.error("%s: %s: %s", environment.repository, main.reason, main.detail)
                return moved, QueueState(main.commit, main.reason)
            place = (main.tip, main.sealed.id)
            if self._proven.get(environment.name) == place:
                return moved, QueueState()
            planned, state, settled = self._plan(estate, environment, git, main)
            self._acting.all(planned)
            if not any(isinstance(act, Seal | SealApplications) for act in planned):
                if settled:
                    self._proven[environment.name] = place
                return moved, state
            moved = True

    def _plan(
        self, estate: Estate, environment: Environment, git: Repository, main: Main
    ) -> tuple[list[Act], QueueState, bool]:
        """What is to be done, the state of the queue, and whether nothing is left to be asked again."""
        judged = self._judged(estate, environment)
        merged = self._merged(estate, environment)
        platform = estate.platform.accounts.platform
        if environment.sealed:
            found = history.progress(git, main, judged, merged, platform=platform)
            if (stopped := found.stopped) is not None:
                name = environment.repository
                log.warning("%s: %s is not proven: %s %s", name, stopped.commit, stopped.reason, stopped.detail)
            return advance(environment, main, found.proven), found.queue, found.stopped is None
        url = estate.url(environment.repository)
        merges = [
            history.prove(git, commit, CommitId(commit.parents[0]), judged, merged, platform=platform)
            for commit in main.pending[-_DIRECT:]
            if len(commit.parents) == 2
            and (said := judged(CommitId(commit.parents[1]))) is not None
            and not isinstance(said.body, Unread)  # of a newer release: it is that one's to write down
            and not self._world.books.has(Merged.key(url, commit.id))
        ]

        def expected(name: ServiceName) -> bytes | None:
            service = estate.services.get(name)
            if service is None:
                return None
            return goldenpaths.path(service.shape).application(service, environment, estate.platform)

        def removed(name: ServiceName) -> bool:
            found = next(self._world.books.of_subject(Merged, subject(EnvironmentName(environment.name), name)), None)
            decided = found is not None and not isinstance(found.body, Unread) and found.said.kind == REMOVAL
            return decided and found is not None and git.is_ancestor(found.said.merge, main.tip)

        proof = applications.prove_applications(git, main, expected, removed)
        if proof is not None and proof.verdict is not Verdict.VALID:
            log.warning("%s: %s: %s", environment.repository, proof.reason, proof.detail)
        unknown = any(item.verdict is Verdict.UNKNOWN for item in [*merges, *([proof] if proof else [])])
        return advance_open(environment, main, merges, proof), QueueState(), not unknown

    def _judged(self, estate: Estate, environment: Environment) -> Callable[[CommitId], Recorded[Judged] | None]:
        repository = estate.repository(environment)
        return lambda head: history.judgement_of(self._world.books, repository, head)

    def _merged(self, estate: Estate, environment: Environment) -> Callable[[int], PullRequest | Unread]:
        repository = estate.repository(environment)

        def read(number: int) -> PullRequest:
            return pulls.of(repository, self._acting.merged(repository, number))

        return lambda number: history.read_merged(read, number)

    def _close(self, estate: Estate, environment: Environment) -> None:
        """The records of what is about the repository itself; a ticket system that is away holds nothing else up."""
        if not environment.sealed or not rules.asking(estate.platform, environment):
            return
        books, opened = self._world.books, list[Recorded[Merged]]()
        for item in books.of_subject(Merged, subject(EnvironmentName(environment.name), NO_SERVICE)):
            number = None if isinstance(item.body, Unread) else item.body.record
            if number and books.has(RecordClosed.key(number)):
                break  # the oldest is closed first
            opened += [item] if number else []
        if not opened:
            return
        git = self._world.mirror(environment.repository)
        sealed = CommitId(git.resolve(layout.SEALED))
        there = [item for item in reversed(opened) if git.is_ancestor(item.said.merge, sealed)]
        try:
            self._acting.all(closing(environment, sealed, there))
        except InterlockError as error:
            _unless_fenced(error)
            log.warning("%s: a record cannot be closed: %s", environment.repository, error)

    # -- pull requests -----------------------------------------------------------------------------------------------

    def _vanished(self, estate: Estate, environment: Environment, listed: Sequence[ForgePull]) -> list[Key]:
        """Pull requests that were open and are not any more: each is looked at by its number, once."""
        there = {item.number for item in listed}
        known = self._world.model.open_pulls(estate.repository(environment))
        return [self._desk.key(environment, item.number) for item in known if item.number not in there]

    def _overtaken(self, estate: Estate, environment: Environment, listed: Sequence[ForgePull]) -> Sequence[ForgePull]:
        """Close them with a word why; returns the pull requests that stay."""
        gone = set()
        for pull, newer in bumps.find_overtaken(self._world, estate, environment, listed):
            repository, number = estate.repository(environment), pull.number
            try:
                self._acting.perform(
                    ClosePull(repository, number, f"Overtaken: {newer} is newer. The platform closes this.")
                )
            except InterlockError as error:
                _unless_fenced(error)
                log.warning("%s#%s cannot be closed: %s", repository, number, error)
                continue
            log.info("%s#%s closed: overtaken by %s", repository, number, newer)
            gone.add(number)
        return [item for item in listed if item.number not in gone]

    def _merge(
        self, estate: Estate, environment: Environment, ready: Sequence[ForgePull]
    ) -> tuple[Gate | None, set[int]]:
        """Merge the first that can be: each is judged anew, on what is there now. What was merged, and the numbers of
        those that could not be."""
        stumbled, failed = self._stumbled.setdefault(environment.name, set()), set[int]()
        if ready:
            # The newest main and rules there are: what is merged is judged on them.
            self._world.snapshot.fresh(environment.repository)
            estate = self._world.estate_now()
            environment = estate.environment(environment.name)
        for pull in sorted(ready, key=lambda item: item.number in stumbled):
            name = f"{environment.repository}#{pull.number}"
            try:
                judged = self._desk.judge(estate, environment, pull, fresh=True)
                self._desk.tell(estate, environment, pull, judged)
                if judged.verdict is not Verdict.VALID:
                    continue
                self._acting.perform(Merge(judged))
            except Exception as error:
                # Overtaken by a push or a review, refused by the forge, or not to be captured as evidence.
                _unless_fenced(error)
                log.warning("%s was not merged: %s", name, error, exc_info=not isinstance(error, InterlockError))
                stumbled.add(pull.number)
                failed.add(pull.number)
                self._world.moved(environment.repository)
            else:
                log.info("%s merged: %s", name, pull.title)
                stumbled.discard(pull.number)
                self._world.moved(environment.repository)
                self._world.model.gone(estate.repository(environment), pull.number)
                self._desk.row(self._desk.key(environment, pull.number))
                return judged, failed
        return None, failed


def _unless_fenced(error: Exception) -> None:
    """Another controller has taken over: this one has nothing more to say."""
    if isinstance(error, ConflictError) and error.code == FENCED:
        raise error
