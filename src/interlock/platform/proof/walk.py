"""The way from a running object back: which commit, seal, merge, decision, build and source belong to it.

A walk only finds; links judge. Each step is a fact that is read once and may fail for itself. Nothing that a ledger
entry claims is believed here: entries say where to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from interlock.clients.git import Repository
from interlock.errors import InputError, IntegrityError, NotFoundError, RefusedError, UnreachableError
from interlock.formats.oci import reference
from interlock.formats.signatures import Commit, Verified, verify_commit
from interlock.formats.sigstore import PublicKey, keys
from interlock.platform.books import Recorded
from interlock.platform.books.vocabulary import (
    Attested,
    Body,
    Merged,
    RecordFact,
    RecordRead,
    ReviewsFact,
    ReviewsRead,
    RunRead,
    Synced,
    subject,
)
from interlock.platform.checks import reasons
from interlock.platform.domain.delivery import DeliveryKind
from interlock.platform.domain.ids import NO_COMMIT, CommitId, Digest, EnvironmentName, ServiceName
from interlock.platform.domain.image import ImageFacts, ImageReference
from interlock.platform.domain.result import service_paths
from interlock.platform.estate import Environment, Estate, Service, belongs, layout
from interlock.platform.estate import load as load_estate
from interlock.platform.estate.argocd import CI_NAMESPACE, NAMESPACE
from interlock.platform.proof import images, seals
from interlock.platform.proof.facts import fact
from interlock.platform.proof.sources import Sources

Object = Mapping[str, Any]
B = TypeVar("B", bound=Body)
MAIN = "refs/heads/main"


class Walk:
    """One service in one environment, as everything is now."""

    def __init__(
        self, sources: Sources, environment: EnvironmentName, service: ServiceName, *, now: Callable[[], datetime]
    ) -> None:
        self.sources = sources
        self.name = environment
        self.service_name = service
        self.now = now()
        self.books = sources.books
        self.subject = subject(environment, service)
        self._estates: dict[CommitId, Estate] = {}

    # The estate: as sealed now (to find things), and as it was when the delivery was decided (to judge them).

    @fact
    def platform(self) -> Repository:
        return self.sources.mirror(self.sources.platform)

    @fact
    def estate_now(self) -> Estate:
        """As the tip of the platform repo's ``sealed`` says."""
        return self._estate(CommitId(self.platform.resolve(seals.BRANCH)))

    @fact
    def environment(self) -> Environment:
        return self.estate_now.environment(self.name)

    @fact
    def estate(self) -> Estate:
        """The rules that were in force: the sealed platform commit that the decision names.

        Where the decision cannot be read the rules of now are used: links that rest on the decision say so, and
        those of the image need not fail with it.
        """
        decision = self._decision_or_none
        if decision is None:
            return self.estate_now
        named = decision.said.platform_commit
        if not named:
            raise InputError("rules-unknown", "the decision names no platform commit", where=decision.id)
        return self._estate(named)

    @fact
    def rules(self) -> Environment:
        """The environment with the rules that were in force."""
        return self.estate.environment(self.name)

    @fact
    def service(self) -> Service:
        return self.estate_now.service(self.service_name)

    # What runs.

    @fact
    def application(self) -> Object:
        """The Application, live."""
        hub = self.sources.cluster(self.estate_now.platform.platform.cluster)
        return hub.get("argoproj.io/v1alpha1", "Application", self.application_name, NAMESPACE)

    @property
    def application_name(self) -> str:
        return f"{self.service_name}-{self.name}"

    @fact
    def workload(self) -> Object:
        """The Deployment, live."""
        cluster = self.sources.cluster(self.environment.cluster)
        return cluster.get("apps/v1", "Deployment", self.service_name, self.service_name)

    @fact
    def pods(self) -> list[Object]:
        """Pods that the Deployment selects, live."""
        labels = (self.workload["spec"].get("selector") or {}).get("matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        cluster = self.sources.cluster(self.environment.cluster)
        return list(cluster.list("v1", "Pod", namespace=self.service_name, label_selector=selector).items)

    @fact
    def running(self) -> ImageReference:
        """The image of the service's container. Raises InputError ``workload-image``."""
        containers = self.workload["spec"]["template"]["spec"]["containers"]
        images = [str(item.get("image", "")) for item in containers]
        # Sidecars are another matter, and may be named in ways that only their registry understands.
        own = [item for item in images if re.match(rf"{re.escape(self.service.image)}(?![\w./-])", item)]
        found = [reference.parse(item) for item in own]
        if len(found) != 1 or not found[0].digest:
            raise InputError(
                "workload-image",
                "the Deployment does not run one image of the service, by digest",
                got=", ".join(images) or "none",
                expected=f"{self.service.image}:<tag>@sha256:…",
            )
        return ImageReference(found[0].name, found[0].tag or "", Digest(found[0].digest))

    @fact
    def synced(self) -> Recorded[Synced] | None:
        """The newest captured sync of the revision that is synced now, or of one with the same content."""
        try:
            revision = str(self.application.get("status", {}).get("sync", {}).get("revision", ""))
        except UnreachableError:
            return next(self.books.of_subject(Synced, self.subject), None)
        exact = (item for item in self.books.about(Synced, revision) if item.entry.subject == self.subject)
        return next(exact, None) or self._equivalent(revision)

    def _equivalent(self, revision: str) -> Recorded[Synced] | None:
        """A capture of another revision counts while this service's paths are the same in both."""
        for item in self.books.of_subject(Synced, self.subject):
            captured = item.said.revision
            try:
                if self.repository.is_ancestor(captured, revision) and self.ids(captured) == self.ids(revision):
                    return item
            except NotFoundError:
                continue
        return None

    # From the synced revision to the delivery that made it.

    @fact
    def repository(self) -> Repository:
        """The environment's repository."""
        return self.sources.mirror(self.environment.repository)

    @fact
    def revision(self) -> CommitId:
        """What is synced: live, or as captured where the hub does not answer."""
        try:
            revision = self.application.get("status", {}).get("sync", {}).get("revision")
        except UnreachableError:
            if self.synced is None:
                raise
            revision = self.synced.said.revision
        return CommitId(self.repository.resolve(str(revision or NO_COMMIT)))

    @fact
    def desired(self) -> ImageReference:
        """The image in the service's values at the synced revision. Raises NotFoundError ``values-missing``."""
        path = layout.values(self.service_name, self.name)
        data = self.repository.read(self.revision, path)
        if data is None:
            raise NotFoundError("values-missing", "the synced revision has no values of this service", where=path)
        return layout.image_in(data, file=path)

    @fact
    def delivering(self) -> Commit:
        """The commit of the tracked branch since which the service's paths are what is synced."""
        wanted = self.ids(self.revision)
        decided = next((item for item in self._history() if self._may_deliver(item)), None)
        if decided is not None and self.ids(decided.id) == wanted and self._changed(decided):
            return decided
        found = self.repository.commit(self.revision)
        for commit in self._history():
            if self.ids(commit.id) != wanted:
                break
            found = commit
        return found

    def _history(self) -> Iterator[Commit]:
        """The tracked branch from the synced revision back, by first parents, as far as it is asked for."""
        commit = self.repository.commit(self.revision)
        yield commit
        while commit.parents:
            commit = self.repository.commit(commit.parents[0])
            yield commit

    def _may_deliver(self, commit: Commit) -> bool:
        """By its decision: an answer that saves comparisons, never one that is relied on."""
        if not self.environment.sealed:
            return any(item.entry.subject == self.subject for item in self.books.about(Merged, commit.id))
        try:
            return self.books.ledger.get(Digest(seals.decision(commit) or "")).subject == self.subject
        except (IntegrityError, NotFoundError):
            return False

    def _changed(self, commit: Commit) -> bool:
        return not commit.parents or self.ids(commit.parents[0]) != self.ids(commit.id)

    @fact
    def merge(self) -> Commit:
        """The commit of ``main`` that the delivering commit stands for: itself where the environment has no seals."""
        commit = self.delivering
        return self.repository.commit(commit.parents[-1]) if self.environment.sealed and commit.parents else commit

    @fact
    def restores(self) -> bool:
        """Whether the merge gave exactly what had been sealed before: from git, not from what was captured."""
        commit = self.delivering
        if not self.environment.sealed or len(commit.parents) < 2:
            return False
        return self.repository.tree(commit.parents[0]) == self.merge.tree

    @fact
    def decision_name(self) -> Digest | None:
        """The id that the seal names; None without seals. Raises IntegrityError ``seal-trailer``."""
        if not self.environment.sealed:
            return None
        name = seals.decision(self.delivering)
        if name is None:
            raise IntegrityError("seal-trailer", "the seal names no decision", where=self.delivering.id)
        return Digest(name)

    @fact
    def decision(self) -> Recorded[Merged] | None:
        """The ledger's entry about the merge; None where there are no seals and nobody needed to decide.

        Raises NotFoundError ``ledger-entry-missing``, IntegrityError ``ledger-entry-altered``, ``seal-trailer`` or
        ``seal-other-decision``: any entry may be named, and only one about a merge has decided anything here.
        """
        if self.decision_name is None:
            found = self.books.about(Merged, self.merge.id)
            return next((item for item in found if item.entry.subject == self.subject), None)
        entry = self.books.ledger.get(self.decision_name)
        if entry.kind != Merged.KIND:
            raise IntegrityError(
                "seal-other-decision",
                "the seal names an entry that is no decision about a merge",
                got=entry.kind,
                expected=Merged.KIND,
                where=self.delivering.id,
                todo=reasons.REASONS["seal-other-decision"].remedy,
            )
        return self.books.read(Merged, entry)

    @fact
    def kind(self) -> DeliveryKind:
        """What was decided as; direct commits are judged by the rules of an image delivery."""
        decision = self._decision_or_none
        return decision.said.kind if decision else DeliveryKind.IMAGE

    @property
    def _decision_or_none(self) -> Recorded[Merged] | None:
        try:
            return self.decision
        except (IntegrityError, NotFoundError):
            return None

    @fact
    def reviews_read(self) -> ReviewsRead:
        """As read at the decision. Raises what `Books.fact` raises."""
        return self.books.fact(ReviewsFact, self.evidence("reviews")).read

    @fact
    def record_read(self) -> RecordRead:
        return self.books.fact(RecordFact, self.evidence("record")).read

    def evidence(self, name: str) -> Digest:
        """The digest that the decision cites under ``name``. Raises NotFoundError ``evidence-not-cited``."""
        decision = self.decision
        if decision is None or name not in decision.evidence:
            raise NotFoundError("evidence-not-cited", f"the decision cites no {name}", where=self.subject)
        return decision.evidence[name]

    # From the image to its build and source.

    @fact
    def image(self) -> ImageReference:
        """What runs, or what is desired where nothing runs or the cluster does not tell."""
        try:
            return self.running
        except (UnreachableError, RefusedError, NotFoundError):
            return self.desired

    @property
    def image_name(self) -> str:
        """The image's repository as the registry knows it, without host."""
        return reference.parse(self.image.repository).repository

    @fact
    def image_read(self) -> ImageFacts:
        """The image and what refers to it, live: the registry is content-addressed, so nothing of it is captured."""
        return images.read(
            self.sources.registry(), self.image_name, self.image, release=self.release_key, attest=self.attest_key
        )

    @fact
    def release_key(self) -> PublicKey:
        return keys.load_public(self.estate.keys.release.encode())

    @fact
    def attest_key(self) -> PublicKey:
        return keys.load_public(self.estate.keys.attest.encode())

    @fact
    def attested(self) -> Recorded[Attested]:
        """Raises NotFoundError ``ledger-entry-missing``."""
        return self._newest(self.books.of_subject(Attested, self.image.digest), Attested.KIND)

    @fact
    def run(self) -> Recorded[RunRead]:
        """The run that was attested, of several that built the same bytes. Raises NotFoundError."""
        found = list(self.books.of_subject(RunRead, self.image.digest))
        attested = {item.said.uid for item in self.books.of_subject(Attested, self.image.digest)}
        chosen = [item for item in found if item.said.uid in attested] or found
        return self._newest(iter(chosen), RunRead.KIND)

    def _newest(self, found: Iterator[Recorded[B]], kind: str) -> Recorded[B]:
        newest = next(found, None)
        if newest is None:
            raise NotFoundError(
                "ledger-entry-missing", f"the ledger has no entry {kind} of this image", got=self.image.digest
            )
        return newest

    @fact
    def pipeline_run(self) -> Object:
        """The PipelineRun, live; clusters delete finished runs. Raises NotFoundError."""
        hub = self.sources.cluster(self.estate_now.platform.platform.cluster)
        return hub.get("tekton.dev/v1", "PipelineRun", self.run.said.run, CI_NAMESPACE)

    @fact
    def app(self) -> Repository:
        return self.sources.mirror(self.service.repository)

    # Helpers.

    @property
    def url(self) -> str:
        """Stable URL of the environment's repository."""
        return self.estate_now.url(self.environment.repository)

    def ids(self, commit: str) -> Mapping[str, str | None]:
        """Object ids of everything in the env repo that decides what the service runs."""
        return self.repository.object_ids(commit, service_paths(self.service_name))

    def _estate(self, commit: CommitId) -> Estate:
        if commit not in self._estates:
            self._estates[commit] = self._read_estate(commit)
        return self._estates[commit]

    def _read_estate(self, commit: CommitId) -> Estate:
        repository = self.platform
        if not repository.is_ancestor(commit, seals.BRANCH):
            raise IntegrityError("rules-unsealed", "the rules are of a commit that was never sealed", got=commit)
        answer = verify_commit(repository.commit(commit), certificates=[self.sources.seal])
        if not isinstance(answer, Verified):
            raise IntegrityError(
                "rules-unsealed", "the commit that the rules are of is no seal", got=f"{commit}: {answer.reason}"
            )
        entries = [item for item in repository.ls_tree(commit) if belongs(item.path)]
        files = {item.path: repository.blob(item.id) for item in entries}
        return load_estate(files, commit=commit)
