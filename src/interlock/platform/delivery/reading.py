"""Reading everything that the gate needs to know of one pull request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.clients.forge import PullRequest as ForgePull
from interlock.clients.git import Repository
from interlock.errors import InterlockError, UnsupportedError
from interlock.formats.oci import reference
from interlock.formats.sigstore import keys
from interlock.platform.books.vocabulary import Merged, PullSighted
from interlock.platform.checks import GateFacts, QueueState, Rendering, RevertFacts
from interlock.platform.checks.record import number_in
from interlock.platform.delivery import changes, health, records, rendering, results, reverts, reviews, seal, source
from interlock.platform.delivery.signers import Signers
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import Change, CommitFacts
from interlock.platform.domain.classification import Classification
from interlock.platform.domain.delivery import Delivery, DeliveryKind
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import Digest, EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.image import ImageFacts, ImageReference, Provenance
from interlock.platform.domain.pull import PullRequest, Review
from interlock.platform.domain.record import RecordFacts
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Basis
from interlock.platform.estate import PLATFORM, Environment, Estate, Service, layout
from interlock.platform.proof import images
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
    """Reads for one estate."""

    sources: Sources
    estate: Estate
    generate: Generate
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
        """Facts of one open pull request of the environment's repository.

        ``others``: the other open pull requests of the estate, for records that are used twice. Captures new reviews
        and new answers on the record on the way.
        """
        case = self._case(environment, found, now)
        result = self._result(case)
        raw_reviews, given, approvals = self._reviews(case, result, now)
        before, after = self._images(case)
        image = self._image_facts(after)
        revert = self._revert(case, queue)
        record, raw_record, plan = RecordFacts(None), None, None
        if environment.rules.change_record and not (isinstance(revert, RevertFacts) and revert.restores):
            record, raw_record, plan = self._record(case, image, before, others)
        previous, application = self._previous(case)
        facts = GateFacts(
            now=now,
            estate=self.estate,
            environment=environment,
            pull=case.pull,
            change=case.change,
            classification=case.classification,
            result=result,
            reviews=given,
            approvals=approvals,
            rendering=self._rendering(case),
            onboarding=case.expected,
            image=image,
            previous=previous,
            health=application,
            source=self._source(case, before, image),
            record=record,
            queue=queue,
            revert=revert,
        )
        return Read(facts, raw_reviews, raw_record, plan)

    # Each of these reads one thing; a source that does not answer becomes an Unread fact.

    def _case(self, environment: Environment, found: ForgePull, now: datetime) -> _Case:
        pull = reviews.pull_request(self.estate.repository(environment), found)
        git = self.sources.mirror(environment.repository)
        change = changes.read_change(git, pull, Signers(self.estate), now=now)
        classification = changes.classify_change(change, environment, pull)
        service = self.estate.services.get(classification.service or "")
        expected: Mapping[str, bytes] | Unread | None = None
        if classification.kind is DeliveryKind.ONBOARDING and service is not None and environment.name != PLATFORM:
            try:
                expected = self.generate(service, environment)
                if isinstance(change, Change):
                    change = changes.with_unchanged(git, change, expected)
            except InterlockError as error:
                expected = unread("golden path", error)
        return _Case(environment, found, pull, git, change, classification, service, expected)

    def _result(self, case: _Case) -> ResultIds | Unread:
        if isinstance(case.change, Unread):
            return case.change
        try:
            return results.ids(case.git, case.change.tree, case.name, case.environment.name)
        except InterlockError as error:
            return unread("git", error)

    def _reviews(
        self, case: _Case, result: ResultIds | Unread, now: datetime
    ) -> tuple[object, tuple[Review, ...] | Unread, tuple[Approval, ...]]:
        owner, _, name = case.pull.repository.partition("/")
        try:
            raw = self.sources.forge().reviews(owner, name, case.pull.number)
        except InterlockError as error:
            return None, unread("forge", error), ()
        answer = {"pull": case.found, "reviews": raw}
        if isinstance(case.change, Unread) or isinstance(result, Unread):
            return answer, reviews.reviews(raw), ()
        sighted = PullSighted(case.change.base, case.pull.base_ref, case.change.head, result)
        try:
            approvals = reviews.capture(
                self.sources.books, case.git, case.pull, raw, sighted, case.name, case.environment.name, at=now
            )
        except UnsupportedError as error:
            return answer, unread("books", error), ()
        return answer, reviews.reviews(raw), approvals

    def _images(self, case: _Case) -> tuple[ImageReference | None, ImageReference | Unread | None]:
        """What the service's values name before and after the merge; None where they name nothing that runs."""
        if case.service is None or case.kind not in (DeliveryKind.IMAGE, DeliveryKind.REVERT):
            return None, None
        if isinstance(case.change, Unread):
            return None, case.change
        path = layout.values(case.service.name, case.environment.name)
        try:
            return _image(case.git, case.change.base, path), _image(case.git, case.change.tree, path)
        except InterlockError as error:
            return None, unread(path, error)

    def _image_facts(self, found: ImageReference | Unread | None) -> ImageFacts | Unread | None:
        if found is None or isinstance(found, Unread):
            return found
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

    def _previous(self, case: _Case) -> tuple[ImageReference | Unread | None, ApplicationFacts | Unread | None]:
        """Tag, digest and health in the environment before."""
        before = self.estate.previous(case.environment)
        if before is None or case.name is None or case.kind is not DeliveryKind.IMAGE:
            return None, None
        try:
            git = self.sources.mirror(before.repository)
            image = _image(git, before.ref, layout.values(case.name, before.name))
            hub = self.sources.cluster(self.estate.platform.platform.cluster)
        except InterlockError as error:
            return unread(before.repository, error), unread(before.repository, error)
        found = health.read_health(
            hub, git, case.name, before, seal_certificate=self.sources.seal, basis=self.basis(before)
        )
        return image or ImageReference("", "", Digest("")), found

    def _rendering(self, case: _Case) -> Rendering | Unread | None:
        if case.kind is not DeliveryKind.IMAGE or case.name is None:
            return None
        if isinstance(case.change, Unread):
            return case.change
        return rendering.read_rendering(case.git, case.change.base, case.change.tree, case.name, case.environment.name)

    def _source(
        self, case: _Case, before: ImageReference | None, image: ImageFacts | Unread | None
    ) -> tuple[CommitFacts, ...] | Unread:
        """What is new in the source, by the verified provenance of both images."""
        if case.kind is not DeliveryKind.IMAGE:
            return ()
        provenance = image.provenance if isinstance(image, ImageFacts) else image
        if case.service is None or not isinstance(provenance, Provenance):
            return provenance if isinstance(provenance, Unread) else _NO_PROVENANCE
        held = self._image_facts(before)
        old = held.provenance if isinstance(held, ImageFacts) else None
        # Without provenance of what runs now everything is new: more authors are excluded, never fewer.
        since = old.commit if isinstance(old, Provenance) else None
        try:
            app = self.sources.mirror(case.service.repository)
            return source.read_source(app, since, provenance.commit, Signers(self.estate))
        except InterlockError as error:
            return unread("git app repo", error)

    def _revert(self, case: _Case, queue: QueueState) -> RevertFacts | Unread | None:
        if isinstance(case.change, Unread):
            return case.change
        blocked = queue.blocked_by is not None and not queue.waiting and case.environment.sealed
        sealed = seal.BRANCH if blocked and seal.is_seal(case.git, seal.BRANCH, self.sources.seal) else None
        return reverts.read_revert(
            case.git, case.pull.head_ref, base=case.change.base, tree=case.change.tree, sealed=sealed
        )

    def _record(
        self,
        case: _Case,
        image: ImageFacts | Unread | None,
        before: ImageReference | None,
        others: Sequence[ForgePull],
    ) -> tuple[RecordFacts, object, records.Plan | None]:
        plan = self._plan(case, image, before)
        number = number_in(case.pull.title, self.estate.platform.tickets.number)
        if number is None:
            return RecordFacts(None), None, plan
        try:
            record, raw = records.read(self.sources.tickets(), self.sources.books, self.estate, number)
        except InterlockError as error:
            record, raw = unread("tickets", error), None
        texts = records.texts(plan) if plan else {}
        return RecordFacts(number, record, texts, self._used_by(case.pull, number, others)), raw, plan

    def _plan(
        self, case: _Case, image: ImageFacts | Unread | None, before: ImageReference | None
    ) -> records.Plan | None:
        """A record is written once: not before everything that it tells has been read."""
        told = isinstance(image, ImageFacts) or case.kind is DeliveryKind.ONBOARDING
        if case.service is None or case.kind is None or isinstance(case.change, Unread) or not told:
            return None
        delivery = Delivery(
            case.kind,
            ServiceName(case.service.name),
            EnvironmentName(case.environment.name),
            case.pull.repository,
            case.pull.number,
            case.pull.head,
        )
        return records.plan(delivery, case.service, case.found.html_url, before, image, case.change, self.estate)

    def _used_by(self, pull: PullRequest, number: RecordNumber, others: Sequence[ForgePull]) -> tuple[str, ...]:
        """Merged deliveries and other open pull requests with the same number."""
        prefix = self.estate.platform.tickets.number
        found = {item.html_url for item in others if number_in(item.title, prefix) == number}
        for item in self.sources.books.about(Merged, number):
            if isinstance(item.body, Unread):
                found.add(f"decision {item.id}")
            elif item.body.record == number:
                mine = item.body.repository.endswith(f"/{pull.repository}") and item.body.pull == pull.number
                found |= set() if mine else {f"{item.body.repository}#{item.body.pull}"}
        return tuple(sorted(found))


@dataclass(frozen=True)
class _Case:
    """One pull request, while its facts are read."""

    environment: Environment
    found: ForgePull
    pull: PullRequest
    git: Repository
    change: Change | Unread
    classification: Classification
    service: Service | None
    expected: Mapping[str, bytes] | Unread | None

    @property
    def kind(self) -> DeliveryKind | None:
        return self.classification.kind

    @property
    def name(self) -> ServiceName | None:
        return self.classification.service


_NO_PROVENANCE = Unread("provenance", "provenance-missing", "the image has no verified provenance")


def _image(git: Repository, revision: str, path: str) -> ImageReference | None:
    """The image that a values file names; None without the file, or while it names no digest."""
    data = git.read(revision, path)
    found = None if data is None else layout.image_in(data, file=path)
    return found if found and found.digest else None
