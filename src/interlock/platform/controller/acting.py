"""Acts are done here and nowhere else, one by one, each only while the lease is ours."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict

from interlock.clients.connect import PLATFORM
from interlock.clients.forge import PullRequest as ForgePull
from interlock.errors import ConflictError, InterlockError, NotFoundError
from interlock.formats.signatures import openpgp
from interlock.platform.books import FENCED
from interlock.platform.books.vocabulary import RecordClosed, RecordWithdrawn, subject
from interlock.platform.controller import acts
from interlock.platform.controller.acts import Act
from interlock.platform.controller.world import World
from interlock.platform.delivery import merge, records, report, seal
from interlock.platform.delivery.readmodel import changed
from interlock.platform.domain.ids import EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.workload import Object
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import ground, running
from interlock.platform.proof import capture
from interlock.platform.proof.attest import attest, keep_failed
from interlock.platform.statements import chains
from interlock.platform.statements.provenance import Options, provenance, task_provenance

log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
"""How long is believed that what was said still stands."""
_REMEMBERED = 10_000


class Acting:
    """The one hand of every loop. Thread-safe."""

    def __init__(self, world: World, *, held: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._world, self._held, self._clock = world, held, clock
        self._merged: dict[tuple[str, int], ForgePull] = {}
        self._told: dict[str, tuple[str, float]] = {}
        """What was said where, and when it was known to stand there. Not there while it is being said."""

    def all(self, planned: Iterable[Act]) -> bool:
        """Do them in order. Whether there were any. Raises what the first that fails raises."""
        done = False
        for act in planned:
            self.perform(act)
            done = True
        return done

    def perform(self, act: Act) -> RecordNumber | None:
        """The number of the record, for an act that opens or finds one.

        Raises ConflictError ``ledger-epoch`` where another controller has the lease, else what the clients raise.
        """
        if not self._held():
            raise ConflictError(FENCED, "the lease is not ours: nothing is done", got=type(act).__name__)
        log.debug("%s", act)
        match act:
            case acts.CreateRun(run):
                with suppress(ConflictError):  # created by a round that was killed before it wrote the ledger
                    self._world.connections.cluster("hub").create(dict(run))
            case acts.Write(about, body, key):
                self._world.books.write(about, body, key=key)
            case acts.SetStatus():
                self._set_status(act)
            case acts.Comment():
                self._comment(act)
            case acts.Note(outcome):
                self._world.model.finished(outcome)
            case acts.Attest() | acts.KeepFailed() | acts.Publish() | acts.CaptureSync():
                self._keep(act)
            case acts.CloseRecord() | acts.OpenRecord() | acts.CancelRecord():
                return self._record(act)
            case acts.ClosePull() | acts.Merge():
                self._deliver(act)
            case acts.RecordSeal() | acts.RecordMerge() | acts.Seal() | acts.SealApplications():
                self._seal(act)
            case acts.Prune():
                self._prune(act)
        return None

    def merged(self, repository: str, number: int) -> ForgePull:
        """The forge's answer for a pull request; that of a merged one does not change any more."""
        known = self._merged.get((repository, number))
        if known is None:
            owner, _, name = repository.partition("/")
            known = self._world.connections.forge().pull(owner, name, number)
            if known.merged:
                self._merged[repository, number] = known
        return known

    def forget(self) -> None:
        """Somebody else may have written where we did: the next time it is looked at."""
        self._told.clear()

    def _prune(self, act: acts.Prune) -> None:
        """A sync of these objects alone, with pruning: the Application's own policy stays what it is."""
        hub, place = self._world.connections.cluster("hub"), ("argoproj.io/v1alpha1", "Application", act.application)
        found = hub.get(*place, NAMESPACE)
        if found.get("operation") is not None:
            return
        sync = {"revision": act.revision, "prune": True, "resources": [asdict(item) for item in act.objects]}
        operation = {"initiatedBy": {"username": PLATFORM}, "sync": sync}
        # Made for the object as it was read: a sync that somebody asks for meanwhile is not taken over.
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        hub.patch(*place, {"metadata": version, "operation": operation}, namespace=NAMESPACE)

    # -- telling -----------------------------------------------------------------------------------------------------

    def _set_status(self, act: acts.SetStatus) -> None:
        forge, (owner, _, name) = self._world.connections.forge(), act.repository.partition("/")
        text = f"{act.state} {act.description}"

        def read() -> str | None:
            """Whoever may write can say the same of themselves: then ours is said again, and is the newest."""
            own = self._world.estate().platform.accounts.platform
            every = (item for item in forge.statuses(owner, name, act.commit) if item.context == act.context)
            newest = next(every, None)
            return f"{newest.state} {newest.description}" if newest is not None and newest.creator == own else None

        def say() -> None:
            forge.set_status(owner, name, act.commit, context=act.context, state=act.state, description=act.description)

        self._tell(f"{act.repository}@{act.commit} {act.context}", text, read, say)

    def _comment(self, act: acts.Comment) -> None:
        """Unless the last comment of ours says of this head that the same is missing."""
        forge, (owner, _, name) = self._world.connections.forge(), act.repository.partition("/")
        line = report.mark(act.head, act.missing)

        def read() -> str | None:
            own = self._world.estate().platform.accounts.platform
            said = [item.body for item in forge.comments(owner, name, act.number) if item.user == own]
            return report.marked(said)

        self._tell(
            f"{act.repository}#{act.number}",
            line,
            read,
            lambda: forge.comment(owner, name, act.number, f"{act.text}\n\n{line}"),
            same=lambda known: not changed(report.missing_at(known, act.head), act.missing),
        )

    def _tell(
        self,
        place: str,
        text: str,
        read: Callable[[], str | None],
        say: Callable[[], object],
        *,
        same: Callable[[str], bool] | None = None,
    ) -> None:
        """Say it once. Where this process does not know what stands at ``place``, the other system is asked."""
        known, at = self._told.pop(place, (None, 0.0))
        if known is None or self._clock() - at >= LOOK_SECONDS:
            known, at = read(), self._clock()
        if known is None or not (same(known) if same else known == text):
            say()
            known, at = text, self._clock()
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[place] = known, at

    # -- evidence ----------------------------------------------------------------------------------------------------

    def _keep(self, act: acts.Attest | acts.KeepFailed | acts.Publish | acts.CaptureSync) -> None:
        world = self._world
        match act:
            case acts.Attest(run):
                attest(
                    run,
                    registry=world.connections.registry(PLATFORM),
                    key=world.attest_key,
                    record_key=world.record_key,
                    books=world.books,
                    source=world.context.clusters["hub"].name,
                    now=world.now,
                )
            case acts.KeepFailed(run):
                keep_failed(run, books=world.books, source=world.context.clusters["hub"].name, now=world.now)
            case acts.Publish(run):
                options = Options(record_key=world.record_key)
                made = [("PipelineRun", run.run, provenance(run, options))]
                made += [("TaskRun", item, task_provenance(item, options)) for item in run.executed()]
                for kind, item, statement in made:
                    metadata = item["metadata"]
                    notes = chains.stored(kind, metadata["uid"], statement, world.attest_key)  # type: ignore[arg-type]
                    body = {"metadata": {"annotations": notes}}
                    hub, namespace = world.connections.cluster("hub"), metadata["namespace"]
                    try:
                        hub.patch("tekton.dev/v1", kind, metadata["name"], body, namespace=namespace)
                    except InterlockError as error:
                        log.warning("%s %s does not carry its provenance: %s", kind, metadata["name"], error)
            case acts.CaptureSync(environment, service, application, body):
                workload: Object | None = None
                with suppress(NotFoundError):  # onboarded, and nothing delivered yet
                    cluster = world.sources.cluster(environment.cluster)
                    workload = running.fetch(cluster, environment, service, service.workloads[0])
                digest = capture.capture_sync(
                    world.books,
                    source=f"{NAMESPACE}/applications/{body.application}",
                    application=application,
                    workload=workload,
                    now=world.now(),
                )
                about = subject(EnvironmentName(environment.name), ServiceName(service.name))
                world.books.write(about, body, key=body.key, evidence={"sync": digest})

    # -- change records ----------------------------------------------------------------------------------------------

    def _record(self, act: acts.CloseRecord | acts.OpenRecord | acts.CancelRecord) -> RecordNumber | None:
        world = self._world
        tickets = world.connections.tickets()
        match act:
            case acts.CloseRecord(number, notes, body):
                records.close(tickets, number, notes=notes)
                world.books.write(number, body, key=RecordClosed.key(number))
            case acts.OpenRecord(plan, title):
                forge = world.connections.forge()
                return records.ensure(tickets, forge, world.estate(), plan, title, now=world.now())
            case acts.CancelRecord(number, delivery):
                reason = "The pull request was closed without being merged."
                records.cancel(tickets, world.estate(), number, delivery, reason=reason)
                withdrawn = RecordWithdrawn(delivery)
                world.books.write(number, withdrawn, key=withdrawn.key(number))
        return None

    # -- pull requests, merges, seals --------------------------------------------------------------------------------

    def _deliver(self, act: acts.ClosePull | acts.Merge) -> None:
        forge = self._world.connections.forge()
        match act:
            case acts.ClosePull(repository, number, why):
                owner, _, name = repository.partition("/")

                def read() -> str | None:
                    return why if any(item.body == why for item in forge.comments(owner, name, number)) else None

                self._tell(f"{repository}#{number} why", why, read, lambda: forge.comment(owner, name, number, why))
                forge.edit_pull(owner, name, number, state="closed")
            case acts.Merge(gate):
                # Who approved must be entitled now, and not when the round began.
                judged, now = gate.facts.get(ground.estate).commit, self._world.estate_now().commit
                if judged != now:
                    raise ConflictError(
                        "rules-moved", "rules or people changed while it was judged", got=judged, expected=now
                    )
                merge.merge(forge, self._world.books, gate, tickets=self._world.context.tickets.name)

    def _seal(self, act: acts.RecordSeal | acts.RecordMerge | acts.Seal | acts.SealApplications) -> None:
        world, environment = self._world, act.environment
        estate, repository = world.estate(), environment.repository
        url = estate.url(repository)
        if isinstance(act, acts.RecordSeal):
            merge.record_seal(world.books, act.seal, url=url)
            return
        git, now = world.mirror(repository), world.now()
        if isinstance(act, acts.SealApplications):
            made = merge.seal_applications(
                world.books,
                git,
                act.proof,
                environment=environment.name,
                previous=act.previous,
                url=url,
                platform_commit=estate.commit,
                now=now,
                sign=self._sign,
                author=self._author(),
            )
        else:
            assert act.proof.judgement is not None  # noqa: S101 - a proof that is valid has one
            raw = self.merged(estate.repository(environment), act.proof.judgement.said.pull)
            decision = merge.record_merge(world.books, git, act.proof, url=url, raw_pull=raw, now=now)
            if isinstance(act, acts.RecordMerge):
                return
            made = merge.seal_merge(
                world.books,
                git,
                act.proof,
                decision,
                previous=act.previous,
                url=url,
                now=now,
                sign=self._sign,
                author=self._author(),
            )
        world.moved(repository)
        log.info("%s: sealed %s as %s", repository, act.proof.commit[:12], made.id[:12])

    def _author(self) -> tuple[str, str]:
        """Who makes seals: the platform, by the address that the forge knows it by."""
        return seal.AUTHOR[0], self._world.context.identity(PLATFORM).email

    def _sign(self, payload: bytes) -> str:
        return openpgp.sign(self._world.seal_secret, payload)
