"""A whole estate: real git repositories and signatures; live systems are fakes."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from interlock.clients.git import Identity, Repository
from interlock.clients.git import keys as git_keys
from interlock.errors import UnreachableError
from interlock.formats.oci import image, sha256
from interlock.formats.signatures import openpgp, sshsig
from interlock.formats.sigstore import PrivateKey, referrers, statement
from interlock.platform.books import Books, Entry, EvidenceStore, Ledger
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.vocabulary import Body, Merged, Sealed, Synced, subject
from interlock.platform.domain.ids import CommitId, DeliveryKind, Digest, EnvironmentName, ServiceName
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.record import RecordApprovalState
from interlock.platform.estate import Keys, load
from interlock.platform.facts.sources import Sources
from interlock.platform.kinds.image import NAME as IMAGE_KIND
from interlock.platform.kinds.onboarding import NAME as ONBOARDING
from interlock.platform.proof import attest, capture
from interlock.platform.statements import provenance

from ....acme import sample
from . import judged
from .fakes import START, Clock, Cluster, Forge, Registry, Remembering, Tickets
from .objects import (
    IMAGE,
    NAME,
    SERVICE,
    SERVICE_FILE,
    application_of,
    deployment,
    finished_run,
    forge_pull,
    sbom_document,
    scan_document,
    values,
)


class World:
    """Everything, with the acts of the platform as methods."""

    def __init__(self, folder: Path, bases: tuple[str, ...] = ("executed", "simulated", "static")) -> None:
        self.folder, self.bases = folder, bases
        self.clock = Clock()
        self.seal_secret, self.seal_cert = git_keys.generate_openpgp("Seal <seal@acme.test>")
        self.forge_secret, self.forge_cert = git_keys.generate_openpgp("Forge <forge@acme.test>")
        self.release = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        self.engine = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        self.attest = AttestKey(secret.public, secret)
        self.people = {name: git_keys.generate_ssh(name) for name in ("dana", "sam", "rita", "pat")}
        self.registry, self.forge, self.tickets = Registry(), Forge(), Tickets()
        self.clusters = {f"https://{name}-cluster": Cluster() for name in ("hub", "dev", "test", "prod")}
        self.repositories = {
            name: Repository.init(folder / f"{name}.git") for name in ("platform", "env-dev", "env-prod", "payments")
        }
        self.books = self._books(folder, self.clock)
        self.unreachable: set[str] = set()
        self.pulls = 6
        self._platform()

    def copy(self, folder: Path) -> World:
        """Another world in the same state, on its own."""
        shutil.copytree(self.folder, folder)
        made = copy.copy(self)
        made.folder, made.clock, made.unreachable = folder, copy.copy(self.clock), set()
        made.registry, made.forge = copy.deepcopy(self.registry), copy.deepcopy(self.forge)
        made.tickets, made.clusters = copy.deepcopy(self.tickets), copy.deepcopy(self.clusters)
        made.repositories = {name: Repository(folder / f"{name}.git") for name in self.repositories}
        made.books = self._books(folder, made.clock)
        return made

    def _books(self, folder: Path, clock: Clock) -> Books:
        ledger = Ledger(folder / "ledger.jsonl", self.attest, now=clock)
        return Books(ledger, EvidenceStore(folder / "evidence"), "interlock")

    @property
    def ledger(self) -> Ledger:
        return self.books.ledger

    @property
    def store(self) -> EvidenceStore:
        return self.books.store

    def found(self, kind: type[Body], subject: str | None = None) -> list[Entry]:
        """Entries of that kind, oldest first."""
        every = [entry for entry in self.ledger.entries() if entry.kind == kind.KIND]
        return [entry for entry in every if subject in (None, entry.subject)]

    def freeze(self) -> None:
        """From now on git does not change: every question to it is asked once."""
        self.repositories = {name: Remembering(item) for name, item in self.repositories.items()}  # type: ignore[misc]

    # What the walk reads.

    def sources(self) -> Sources:
        def reach(what: str, value: Any) -> Any:
            if what in self.unreachable:
                raise UnreachableError(f"{what}-unreachable", f"{what} does not answer")
            return value

        return Sources(
            books=Books(Ledger(self.ledger.path, AttestKey(self.attest.public)), EvidenceStore(self.store.folder)),
            seal=self.seal_cert,
            cluster=lambda url: reach(url.removeprefix("https://"), self.clusters[url]),
            mirror=lambda name: reach(f"git-{name}", self.repositories[name]),
            forge=lambda: reach("forge", self.forge),
            registry=lambda: reach("registry", self.registry),
            tickets=lambda: reach("tickets", self.tickets),
        )

    # Git.

    def commit(
        self, repository: str, parents: list[str], tree: str, message: str, *, by: str, branch: str | None = None
    ) -> str:
        """``by``: a person, ``forge`` or ``seal``."""
        repo = self.repositories[repository]
        sign = {
            "forge": lambda data: openpgp.sign(self.forge_secret, data),
            "seal": lambda data: openpgp.sign(self.seal_secret, data),
        }.get(by) or (lambda data: sshsig.sign(self.people[by][0].encode(), data))
        identity = Identity(by, f"{by}@acme.test", self.clock())
        made = repo.commit_tree(tree, parents, message, author=identity, sign=sign)
        if branch:
            self.move(repository, branch, made)
        return made

    def move(self, repository: str, branch: str, commit: str) -> None:
        path = self.repositories[repository].path
        subprocess.run(["git", "-C", str(path), "update-ref", f"refs/heads/{branch}", commit], check=True)

    def tip(self, repository: str, branch: str) -> str:
        return self.repositories[repository].resolve(f"refs/heads/{branch}")

    def _platform(self) -> None:
        pem = [key.decode() for key in (self.release.public.pem, self.attest.public.pem)]
        files = sample(
            keys=Keys(self.seal_cert, self.forge_cert, *pem),
            seal_key_ids=[openpgp.fingerprint(self.seal_cert)[-16:]],
            ssh_keys={name: [public] for name, (_, public) in self.people.items()},
            chart={f"charts/service/{place}Chart.yaml": b"name: service\n" for place in ("", "1.1.0/")},
            catalog={},
            builder=provenance.BUILDER,
            bases=self.bases,
        )
        files["platform"]["services/payments.yaml"] = SERVICE_FILE.encode()
        for name in ("platform", "env-dev", "env-prod"):
            tree = self.repositories[name].write_tree(files[name])
            first = self.commit(name, [], tree, "Start", by="pat", branch="main")
            seal = f"Seal {name}\n\nThe start.\n\nArgocd-gpg-seal: sha256:{'0' * 64}\n"
            self.commit(name, [first], tree, seal, by="seal", branch="sealed")
        self.platform_commit = CommitId(self.tip("platform", "sealed"))
        repo = self.repositories["platform"]
        read = {item.path: repo.blob(item.id) for item in repo.ls_tree(self.platform_commit)}
        self.estate = load(read, commit=self.platform_commit)

    # The build.

    def build(
        self,
        text: str = "one",
        *,
        verdict: str = "pass",
        isolation: str = "bubblewrap",
        branch: str = "main",
        vouched: bool = True,
    ) -> tuple[str, Digest]:
        """A commit of the app repo, its pipeline run, image, documents and signature: (tag, digest).

        ``vouched``: whether the controller knows the engine's key, and so believes its records.
        """
        repo = self.repositories["payments"]
        parents = [self.tip("payments", "main")] if repo.refs() else []
        tree = repo.write_tree({"flow.msgflow": text.encode()})
        commit = self.commit("payments", parents, tree, f"Flow {text}", by="dana", branch=branch)
        tag = f"main-{commit[:12]}"
        layer = image.layer([image.File("app/flow.bar", text.encode())])
        content = image.build([layer], created=START)
        digest = Digest(self.registry.push(NAME, content, tag=tag))
        documents = {}
        for kind, body in (("cyclonedx", sbom_document(text)), ("vnd.interlock.scan", scan_document(verdict))):
            data = json.dumps(body).encode()
            referrer = image.artifact(f"application/{kind}+json", data, subject=content.descriptor)
            self.registry.push(NAME, referrer)
            documents[kind] = sha256(data)
        signed = referrers.attach(
            statement.image_signature(digest), subject=content.descriptor, key=self.release, created=START
        )
        self.registry.push(NAME, signed)
        sbom, scan = documents["cyclonedx"], documents["vnd.interlock.scan"]
        run = finished_run(commit, tag, digest, sbom, scan, isolation, self.engine)
        self.clusters["https://hub-cluster"].put(copy.deepcopy(dict(run.run)))
        attest.attest(
            run,
            registry=self.registry,  # type: ignore[arg-type]
            key=self.attest,
            record_key=self.engine.public if vouched else None,
            books=self.books,
            source="https://hub-cluster",
            now=self.clock,
        )
        self.run = run
        return tag, digest

    # The delivery.

    def deliver(
        self,
        environment: str,
        files: dict[str, str],
        kind: DeliveryKind,
        *,
        service: ServiceName = SERVICE,
        reviewers: tuple[str, ...] = ("sam", "rita"),
        answer: RecordApprovalState = RecordApprovalState.APPROVED,
        merged_by: str = "forge",
        smuggled: dict[str, str] | None = None,
        platform_commit: str | None = None,
    ) -> str:
        """Pull request, approvals, record, merge, decision and, where the environment has them, the seal.

        ``merged_by``: whose key signs the merge; ``smuggled``: what the merge adds that neither parent has.
        """
        name = f"env-{environment}"
        repo, where = self.repositories[name], self.estate.environment(environment)
        self.pulls += 1
        base, number = self.tip(name, "main"), self.pulls
        tree = repo.write_tree({path: text.encode() for path, text in files.items()}, base=base)
        head = self.commit(name, [base], tree, "Change", by="dana")
        pull = PullRequest(
            repository=f"acme/{name}",
            number=number,
            title=f"CHG00{number:05} payments: to {environment}",
            author="dana",
            head=CommitId(head),
            head_ref="promote/payments/x",
            base_ref="main",
            open=True,
        )
        facts = judged.facts(self, environment, kind, pull, base, tree, service, reviewers, answer)
        if smuggled:
            tree = repo.write_tree({path: text.encode() for path, text in smuggled.items()}, base=tree)
        merge = self.commit(name, [base, head], tree, f"Merge #{number}", by=merged_by, branch="main")
        merged = forge_pull(pull, merge)
        self.forge.pulls[number] = merged
        result = {path: item for path, item in facts.result.items if item}
        evidence = {
            "merge": capture.capture_merge(
                self.books,
                repository=f"https://git/acme/{name}",
                pull=merged,
                commit=repo.commit(merge),
                expected_tree=tree,
                result=result,
                now=self.clock(),
            )
        }
        if where.sealed:
            evidence["reviews"] = capture.capture_reviews(self.books, facts.facts)
        if facts.record.record:
            evidence["record"] = capture.capture_record(self.books, facts.facts, source="https://tickets")
        merged_as = Merged(
            environment=EnvironmentName(environment),
            service=service,
            kind=kind,
            repository=f"https://git/acme/{name}",
            pull=number,
            base=CommitId(base),
            head=CommitId(head),
            merge=CommitId(merge),
            result=result,
            platform_commit=CommitId(platform_commit or self.platform_commit),
            record=facts.record.number,
        )
        key = Merged.key(merged_as.repository, merge)
        decision = self.books.write(merged_as.subject, merged_as, key=key, evidence=evidence)
        if where.sealed:
            self.seal(environment, merge, decision.id, service=service)
        return self.tip(name, where.branch)

    def seal(
        self,
        environment: str,
        merge: str,
        decision: Digest,
        *,
        service: ServiceName = SERVICE,
        by: str = "seal",
        tree: str = "",
    ) -> str:
        name = f"env-{environment}"
        message = f"Seal {environment} {merge[:12]}\n\nProven.\n\nArgocd-gpg-seal: {decision}\n"
        tree = tree or self.repositories[name].tree(merge)
        made = self.commit(name, [self.tip(name, "sealed"), merge], tree, message, by=by, branch="sealed")
        body = Sealed(f"https://git/acme/{name}", CommitId(made), CommitId(merge), decision)
        self.books.write(subject(EnvironmentName(environment), service), body, key=body.key)
        return made

    # The cluster.

    def sync(self, environment: str, revision: str, tag: str, digest: str) -> None:
        """What Argo CD and the cluster show after a sync, and the controller's capture of it."""
        where = self.estate.environment(environment)
        application = application_of(environment, where.ref, where.cluster, revision)
        workload = deployment(f"{IMAGE}:{tag}@{digest}")
        self.clusters["https://hub-cluster"].put(application)
        self.clusters[where.cluster].put(workload)
        evidence = capture.capture_sync(
            self.books,
            source=f"{where.cluster}/payments",
            application=application,
            workload=workload,
            now=self.clock(),
        )
        body = Synced(f"payments-{environment}", CommitId(revision))
        where_to = subject(EnvironmentName(environment), SERVICE)
        self.books.write(where_to, body, key=body.key, evidence={"sync": evidence})

    def onboard(self, environment: str) -> None:
        files = {"argocd/payments.yaml": "kind: Application\n", **values(environment, "", "")}
        self.deliver(environment, files, ONBOARDING)

    def ship(self, environment: str, tag: str, digest: str, **options: Any) -> str:
        revision = self.deliver(environment, values(environment, tag, digest), IMAGE_KIND, **options)
        self.sync(environment, revision, tag, digest)
        return revision


def make_world(folder: Path, **options: Any) -> World:
    """payments built once, in dev by the pipeline's pull request, and delivered to prod with everything it takes."""
    world = World(folder, **options)
    tag, digest = world.build()
    world.ship("dev", tag, digest)
    world.onboard("prod")
    world.ship("prod", tag, digest)
    return world
