"""The delivery loop of one repository: prove and seal what is on main, judge every open pull request, merge one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from interlock.clients.connect import PLATFORM
from interlock.clients.forge import ForgeClient
from interlock.clients.forge import PullRequest as ForgePull
from interlock.clients.git import Repository
from interlock.errors import ConflictError, InterlockError
from interlock.formats.signatures import openpgp
from interlock.platform import goldenpaths
from interlock.platform.books import FENCED, Entry, Recorded
from interlock.platform.books.vocabulary import Judged, Merged, RecordWithdrawn
from interlock.platform.controller import bumps, report
from interlock.platform.controller.world import World
from interlock.platform.delivery import applications, gate, history, merge, queue, records
from interlock.platform.delivery.history import Main, Proof
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, ServiceName
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import PLATFORM as REGISTRY
from interlock.platform.estate import Environment, Estate
from interlock.platform.facts import pull as pulls
from interlock.platform.facts import record
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.record import number_in
from interlock.platform.kinds import reading

log = logging.getLogger(__name__)

_DIRECT = 50
"""In an environment without seals, how many of main's newest commits are looked at each round."""


class Deliveries:
    """One environment's queue, or the platform repo's (environment ``platform``)."""

    def __init__(self, world: World, environment: str) -> None:
        self._world = world
        self._name = environment
        self._stumbled: set[int] = set()

    def run(self) -> bool:
        estate = self._world.estate()
        environment = estate.environment(self._name)
        git = self._world.mirror(environment.repository)
        sealed, state = self._advance(estate, environment, git)
        merged = self._judge(estate, environment, state)
        if merged:
            # The merge is sealed at once, not a round later: until then what runs is not what main says.
            self._advance(estate, environment, self._world.mirror(environment.repository))
        return sealed or merged

    # -- main: proof and seal ----------------------------------------------------------------------------------------

    def _advance(self, estate: Estate, environment: Environment, git: Repository) -> tuple[bool, QueueState]:
        """Seal what is proven. Returns whether anything was, and the state of the queue."""
        url = estate.url(environment.repository)
        main = history.read_main(git, self._world.seal_certificate)
        if isinstance(main, Proof):
            log.error("%s: %s: %s", environment.repository, main.reason, main.detail)
            return False, QueueState(main.commit, main.reason)
        merge.record_seal(self._world.books, main.sealed, url=url)
        if not environment.sealed:
            self._record_open(estate, environment, git, main)
            return self._seal_applications(estate, environment, git, main), QueueState()
        found = history.progress(
            git,
            main,
            self._judged(estate, environment),
            lambda number: self._merged(estate, environment, number),
            platform=estate.platform.accounts.platform,
        )
        previous = main.sealed.id
        for proof in found.proven:
            previous = self._seal(estate, environment, git, proof, previous)
        if found.stopped is not None:
            stopped = found.stopped
            log.warning(
                "%s: %s is not proven: %s %s", environment.repository, stopped.commit, stopped.reason, stopped.detail
            )
        return bool(found.proven), found.queue

    def _seal(
        self, estate: Estate, environment: Environment, git: Repository, proof: Proof, previous: CommitId
    ) -> CommitId:
        url = estate.url(environment.repository)
        decision = self._record(estate, environment, git, proof)
        made = merge.seal_merge(
            self._world.books,
            git,
            proof,
            decision,
            previous=previous,
            url=url,
            now=self._world.now(),
            sign=self._sign,
            author=self._author(),
        )
        log.info("%s: sealed %s as %s", environment.repository, proof.commit[:12], made.id[:12])
        return made.id

    def _record(self, estate: Estate, environment: Environment, git: Repository, proof: Proof) -> Entry:
        assert proof.judgement is not None  # noqa: S101 - a proof that is valid has one
        owner, _, name = estate.repository(environment).partition("/")
        raw = self._world.connections.forge().pull(owner, name, proof.judgement.said.pull)
        return merge.record_merge(
            self._world.books, git, proof, url=estate.url(environment.repository), raw_pull=raw, now=self._world.now()
        )

    def _record_open(self, estate: Estate, environment: Environment, git: Repository, main: Main) -> None:
        """Write down the platform's own merges between the direct commits that are welcome here."""
        judged = self._judged(estate, environment)
        for commit in main.pending[-_DIRECT:]:
            if len(commit.parents) != 2 or judged(CommitId(commit.parents[1])) is None:
                continue
            if self._world.books.has(Merged.key(estate.url(environment.repository), commit.id)):
                continue
            proof = history.prove(
                git,
                commit,
                CommitId(commit.parents[0]),
                judged,
                lambda number: self._merged(estate, environment, number),
                platform=estate.platform.accounts.platform,
            )
            if proof.verdict is Verdict.VALID:
                self._record(estate, environment, git, proof)

    def _seal_applications(self, estate: Estate, environment: Environment, git: Repository, main: Main) -> bool:
        def expected(name: ServiceName) -> bytes | None:
            service = estate.services.get(name)
            if service is None:
                return None
            return goldenpaths.path(service.shape).application(service, environment, estate.platform)

        proof = applications.prove_applications(git, main, expected)
        if proof is None or proof.verdict is not Verdict.VALID:
            if proof is not None:
                log.warning("%s: %s: %s", environment.repository, proof.reason, proof.detail)
            return False
        merge.seal_applications(
            self._world.books,
            git,
            proof,
            environment=environment.name,
            previous=main.sealed.id,
            url=estate.url(environment.repository),
            platform_commit=estate.commit,
            now=self._world.now(),
            sign=self._sign,
            author=self._author(),
        )
        return True

    def _merged(self, estate: Estate, environment: Environment, number: int) -> PullRequest | Unread:
        repository = estate.repository(environment)
        owner, _, name = repository.partition("/")
        forge = self._world.connections.forge()
        return history.read_merged(lambda n: pulls.of(repository, forge.pull(owner, name, n)), number)

    # -- open pull requests: gate and merge --------------------------------------------------------------------------

    def _judge(self, estate: Estate, environment: Environment, state: QueueState) -> bool:
        """Judge every open pull request, tell the verdicts, and merge the next one. Returns whether one was merged."""
        world = self._world
        owner, _, name = estate.repository(environment).partition("/")
        forge = world.connections.forge()
        self._withdrawn(estate, environment)
        found = bumps.close_overtaken(world, estate, environment, forge.pulls(owner, name))
        if not found:
            return False
        everywhere = self._elsewhere(estate, environment)
        gates = []
        for pull in found:
            others = [*everywhere, *(item for item in found if item.number != pull.number)]
            try:
                judged = self._gate(estate, environment, pull, state, others)
            except Exception as error:
                if isinstance(error, ConflictError) and error.code == FENCED:
                    raise  # another controller has taken over: this one has nothing more to say
                # Whoever opened it must not decide what becomes of the others.
                log.exception("%s#%s cannot be judged", name, pull.number)
                judged = gate.failed(environment, pulls.of(estate.repository(environment), pull), error)
            try:
                gate.publish(forge, judged)
                report.publish(forge, judged, own=estate.platform.accounts.platform)
            except Exception as error:
                log.warning("%s#%s: the verdict cannot be told: %s", name, pull.number, error)
                continue
            gates.append(judged)
        chosen = queue.next_merge(gates, stumbled=self._stumbled)
        return chosen is not None and self._merge(forge, chosen)

    def _merge(self, forge: ForgeClient, chosen: gate.Gate) -> bool:
        """Whether it was merged. If not, the next round judges what is there then, and lets others go first."""
        pull = chosen.pull
        if pull.number in self._stumbled:
            self._stumbled.clear()  # all that are ready have had their turn
        try:
            merge.merge(forge, self._world.books, chosen, tickets=self._world.context.tickets.name)
        except InterlockError as error:
            # Overtaken by a push or a review, refused by the forge, or not to be captured as evidence.
            log.warning("%s#%s was not merged: %s", pull.repository, pull.number, error)
        except Exception:
            log.exception("%s#%s was not merged", pull.repository, pull.number)
        else:
            log.info("%s#%s merged: %s", pull.repository, pull.number, pull.title)
            return True
        self._stumbled.add(pull.number)
        return False

    def _gate(
        self,
        estate: Estate,
        environment: Environment,
        pull: ForgePull,
        state: QueueState,
        others: Sequence[ForgePull],
    ) -> gate.Gate:
        """The verdict; a record that is wanted is opened first, and named in the title that is judged then."""
        world = self._world
        facts = gate.facts_of(world.sources, estate, environment, pull, state, others=others, now=world.now())
        plan = facts.get(reading.plan)
        if plan is not None:
            forge = world.connections.forge()
            number = records.ensure(world.connections.tickets(), forge, estate, plan, pull.title, now=world.now())
            if number != facts.get(record.named):
                owner, _, name = estate.repository(environment).partition("/")
                titled = forge.pull(owner, name, pull.number)
                facts = gate.facts_of(world.sources, estate, environment, titled, state, others=others, now=world.now())
        return gate.judge(facts)

    def _withdrawn(self, estate: Estate, environment: Environment) -> None:
        """Cancel the record of a pull request that was closed without being merged, once."""
        if not environment.rules.change_record:
            return
        world = self._world
        repository = estate.repository(environment)
        owner, _, name = repository.partition("/")
        for pull in world.connections.forge().pulls(owner, name, state="closed"):
            number = number_in(pull.title, estate.platform.tickets.number)
            if pull.merged or number is None:
                continue
            delivery = f"{repository}#{pull.number}"
            body = RecordWithdrawn(delivery)
            if world.books.has(body.key(number)):
                continue
            reason = "The pull request was closed without being merged."
            try:
                records.cancel(world.connections.tickets(), estate, number, delivery, reason=reason)
            except Exception as error:
                # The number is what somebody typed into a title.
                log.warning("record %s of %s cannot be cancelled: %s", number, delivery, error)
                continue
            world.books.write(number, body, key=body.key(number))

    def _elsewhere(self, estate: Estate, environment: Environment) -> list[ForgePull]:
        """Open pull requests of the other environments' repositories."""
        found: list[ForgePull] = []
        for other in estate.platform.environments:
            if other.name != environment.name:
                owner, _, name = estate.repository(other).partition("/")
                found += self._world.connections.forge().pulls(owner, name)
        return found

    def _judged(self, estate: Estate, environment: Environment) -> Callable[[CommitId], Recorded[Judged] | None]:
        repository = estate.repository(environment)
        return lambda head: history.judgement_of(self._world.books, repository, head)

    def _author(self) -> tuple[str, str]:
        """Who makes seals: the platform, by the address that the forge knows it by."""
        return "Interlock", self._world.context.identity(PLATFORM).email

    def _sign(self, payload: bytes) -> str:
        return openpgp.sign(self._world.seal_secret, payload)


def environments(estate: Estate) -> tuple[str, ...]:
    """Every queue there is."""
    return (REGISTRY, *(item.name for item in estate.platform.environments))
