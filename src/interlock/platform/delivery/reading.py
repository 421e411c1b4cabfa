"""Reading everything that the gate needs to know of one pull request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.clients.forge import PullRequest as ForgePull
from interlock.clients.git import Repository
from interlock.errors import InterlockError
from interlock.formats.oci import reference
from interlock.formats.sigstore import keys
from interlock.platform.checks import GateFacts, QueueState, RecordFacts, Rendering, RevertFacts
from interlock.platform.checks.record import number_in
from interlock.platform.delivery import changes, health, records, rendering, results, reverts, reviews, source
from interlock.platform.delivery.signers import Signers
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import Change, CommitFacts
from interlock.platform.domain.classification import Classification
from interlock.platform.domain.delivery import Delivery, DeliveryKind
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.image import ImageFacts, ImageReference, Provenance
from interlock.platform.domain.pull import PullRequest, Review
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Basis
from interlock.platform.estate import PLATFORM, Environment, Estate, Service, layout
from interlock.platform.proof import images, kinds
from interlock.platform.proof.sources import Sources

Generate = Callable[[Service, Environment], Mapping[str, bytes]]
"""The golden path: what an onboarding of this service must bring, path -> bytes."""


@dataclass(frozen=True)
class Read:
    """Facts, and the raw answers behind those that become evidence."""

    facts: GateFacts
    raw_reviews: object
    raw_record: object
    plan: records.Plan | None
    """What the record of this delivery says; None where it has none."""


@dataclass(frozen=True)
class Reader:
    """Reads for one estate. ``reader`` is the account in whose name facts are captured."""

    sources: Sources
    estate: Estate
    generate: Generate
    reader: str
    basis: Callable[[Environment], Basis] = lambda _: Basis.EXECUTED
    """How far an environment's health is really executed: ``simulated`` for the stand-in's clusters."""

    def read(
        self,
        environment: Environment,
        found: ForgePull,
        queue: QueueState,
        *,
        others: Sequence[ForgePull],
        now: datetime,
    ) -> Read:
        """Facts of one open pull request of the environment's repository, whose mirror is fetched.

        ``others``: the other open pull requests of the estate, for records that are used twice. Captures new reviews
        and new answers on the record on the way.
        """
        estate, repository = self.estate, self.estate.repository(environment)
        pull = reviews.pull_request(repository, found)
        git = self.sources.mirror(environment.repository)
        signers = Signers(estate)
        change = changes.read_change(git, pull, signers, now=now)
        classification = changes.classify_change(change, environment, pull)
        service = estate.services.get(classification.service or "")
        expected = self._expected(environment, classification, service)
        if isinstance(expected, Mapping) and isinstance(change, Change):
            change = changes.read_change(git, pull, signers, now=now, wanted=expected)
        result = self._result(git, change, classification, environment)
        raw_reviews, given, approvals = self._reviews(environment, found, git, change, result, classification, now)
        reference_after = self._image(change, classification, service, environment)
        image = self._image_facts(reference_after)
        before = self._before(git, change, classification, environment)
        record, raw_record, plan = self._record(
            environment, pull, found, change, classification, service, image, before, others
        )
        previous, application = self._previous(environment, classification)
        facts = GateFacts(
            now=now,
            estate=estate,
            environment=environment,
            pull=pull,
            change=change,
            classification=classification,
            result=result,
            reviews=given,
            approvals=approvals,
            rendering=self._rendering(git, change, classification, environment),
            onboarding=expected,
            image=image,
            previous=previous,
            health=application,
            source=self._source(service, before, image, signers) if classification.kind is DeliveryKind.IMAGE else (),
            record=record,
            queue=queue,
            revert=self._revert(git, pull, change, environment, queue),
        )
        return Read(facts, raw_reviews, raw_record, plan)

    # Each of these reads one thing; a source that does not answer becomes an Unread fact.

    def _expected(
        self, environment: Environment, classification: Classification, service: Service | None
    ) -> Mapping[str, bytes] | Unread | None:
        if classification.kind is not DeliveryKind.ONBOARDING or service is None or environment.name == PLATFORM:
            return None
        try:
            return self.generate(service, environment)
        except InterlockError as error:
            return unread("golden path", error)

    def _result(
        self, git: Repository, change: Change | Unread, classification: Classification, environment: Environment
    ) -> ResultIds | Unread:
        if isinstance(change, Unread):
            return change
        try:
            return results.ids(git, change.tree, classification.service, environment.name)
        except InterlockError as error:
            return unread("git", error)

    def _reviews(
        self,
        environment: Environment,
        found: ForgePull,
        git: Repository,
        change: Change | Unread,
        result: ResultIds | Unread,
        classification: Classification,
        now: datetime,
    ) -> tuple[object, tuple[Review, ...] | Unread, tuple[Approval, ...]]:
        repository = self.estate.repository(environment)
        owner, _, name = repository.partition("/")
        try:
            raw = self.sources.forge().reviews(owner, name, found.number)
        except InterlockError as error:
            return None, unread("forge", error), ()
        raw_body = {"pull": found, "reviews": raw}
        if isinstance(change, Unread) or isinstance(result, Unread):
            return raw_body, reviews.reviews(raw), ()
        approvals = reviews.capture(
            self.sources.ledger,
            self.sources.store,
            git,
            reviews.pull_request(repository, found),
            raw,
            reviews.Sighting(change.base, found.base_ref, change.head, result),
            classification.service,
            environment.name,
            reader=self.reader,
            at=now,
        )
        return raw_body, reviews.reviews(raw), approvals

    def _image(
        self, change: Change | Unread, classification: Classification, service: Service | None, environment: Environment
    ) -> ImageReference | Unread | None:
        """What the values file names after the merge; None when it names none."""
        if service is None or classification.kind not in (DeliveryKind.IMAGE, DeliveryKind.REVERT):
            return None
        if isinstance(change, Unread):
            return change
        path = layout.values(service.name, environment.name)
        try:
            git = self.sources.mirror(environment.repository)
            return _image(git, change.tree, path)
        except InterlockError as error:
            return unread(path, error)

    def _image_facts(self, found: ImageReference | Unread | None) -> ImageFacts | Unread | None:
        if found is None or isinstance(found, Unread) or not found.digest:
            return found if isinstance(found, Unread) else None
        try:
            return images.read(
                self.sources.registry(),
                reference.parse(str(found)).repository,
                found,
                release=keys.load_public(self.estate.keys.release.encode()),
                attest=keys.load_public(self.estate.keys.attest.encode()),
            )
        except InterlockError as error:
            return unread("registry", error)

    def _before(
        self, git: Repository, change: Change | Unread, classification: Classification, environment: Environment
    ) -> ImageReference | None:
        if isinstance(change, Unread) or classification.service is None:
            return None
        try:
            return _image(git, change.base, layout.values(classification.service, environment.name))
        except InterlockError:
            return None

    def _previous(
        self, environment: Environment, classification: Classification
    ) -> tuple[ImageReference | Unread | None, ApplicationFacts | Unread | None]:
        """Tag, digest and health in the environment before."""
        before, service = self.estate.previous(environment), classification.service
        if before is None or service is None or classification.kind is not DeliveryKind.IMAGE:
            return None, None
        try:
            git = self.sources.mirror(before.repository)
            tracked = f"refs/heads/{before.branch}"
            image = _image(git, tracked, layout.values(service, before.name))
            hub = self.sources.cluster(self.estate.platform.platform.cluster)
        except InterlockError as error:
            return unread(before.repository, error), unread(before.repository, error)
        nothing = ImageReference("", "", Digest(""))
        found = health.read_health(
            hub, git, service, before, seal_certificate=self.estate.keys.seal, basis=self.basis(before)
        )
        return image or nothing, found

    def _rendering(
        self, git: Repository, change: Change | Unread, classification: Classification, environment: Environment
    ) -> Rendering | Unread | None:
        if classification.kind is not DeliveryKind.IMAGE or classification.service is None:
            return None
        if isinstance(change, Unread):
            return change
        return rendering.read_rendering(git, change.base, change.tree, classification.service, environment.name)

    def _source(
        self,
        service: Service | None,
        before: ImageReference | None,
        image: ImageFacts | Unread | None,
        signers: Signers,
    ) -> tuple[CommitFacts, ...] | Unread:
        """What is new in the source, by the verified provenance of both images."""
        if service is None or image is None:
            return Unread("provenance", "provenance-missing", "no image")
        provenance = image if isinstance(image, Unread) else image.provenance
        if not isinstance(provenance, Provenance):
            return provenance or Unread("provenance", "provenance-missing", "the image has no provenance")
        old: CommitId | None = None
        if before is not None and before.pinned:
            held = self._image_facts(before)
            found = None if held is None or isinstance(held, Unread) else held.provenance
            # Without provenance of what runs now everything is new: more authors are excluded, never fewer.
            old = found.commit if isinstance(found, Provenance) else None
        try:
            return source.read_source(self.sources.mirror(service.repository), old, provenance.commit, signers)
        except InterlockError as error:
            return unread("git app repo", error)

    def _revert(
        self, git: Repository, pull: PullRequest, change: Change | Unread, environment: Environment, queue: QueueState
    ) -> RevertFacts | Unread | None:
        if isinstance(change, Unread):
            return change
        blocked = queue.blocked_by is not None and environment.sealed
        sealed = "refs/heads/sealed" if blocked else None
        return reverts.read_revert(git, pull.head_ref, base=change.base, tree=change.tree, sealed=sealed)

    def _record(
        self,
        environment: Environment,
        pull: PullRequest,
        found: ForgePull,
        change: Change | Unread,
        classification: Classification,
        service: Service | None,
        image: ImageFacts | Unread | None,
        before: ImageReference | None,
        others: Sequence[ForgePull],
    ) -> tuple[RecordFacts, object, records.Plan | None]:
        if not environment.rules.change_record:
            return RecordFacts(None), None, None
        plan = None
        # A record is written once: not before everything that it tells has been read.
        told = isinstance(image, ImageFacts) or classification.kind is DeliveryKind.ONBOARDING
        if service is not None and classification.kind is not None and isinstance(change, Change) and told:
            delivery = Delivery(
                classification.kind,
                ServiceName(service.name),
                EnvironmentName(environment.name),
                pull.repository,
                pull.number,
                pull.head,
            )
            plan = records.plan(delivery, service, found.html_url, before, image, change, self.estate)
        number = number_in(pull.title, self.estate.platform.tickets.number)
        if number is None:
            return RecordFacts(None), None, plan
        try:
            record, raw = records.read(self.sources.tickets(), self.sources.ledger, self.estate, number)
        except InterlockError as error:
            record, raw = unread("tickets", error), None
        expected = records.texts(plan) if plan else {}
        return RecordFacts(number, record, expected, self._used_by(pull, number, others)), raw, plan

    def _used_by(self, pull: PullRequest, number: RecordNumber, others: Sequence[ForgePull]) -> tuple[str, ...]:
        """Merged deliveries and other open pull requests with the same number."""
        prefix = self.estate.platform.tickets.number
        found = {item.html_url for item in others if number_in(item.title, prefix) == number}
        for entry in self.sources.ledger.find(kinds.MERGED):
            mine = str(entry.body.get("repository", "")).endswith(f"/{pull.repository}")
            if entry.body.get("record") == number and not (mine and entry.body.get("pull") == pull.number):
                found.add(f"{entry.body.get('repository')}#{entry.body.get('pull')}")
        return tuple(sorted(found))


def _image(git: Repository, revision: str, path: str) -> ImageReference | None:
    data = git.read(revision, path)
    return None if data is None else layout.image_in(data, file=path)
