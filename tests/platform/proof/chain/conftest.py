"""A whole delivery: real git repositories and signatures; live systems are fakes with the clients' methods."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import TypeAdapter

from interlock.clients.forge import model as forge_model
from interlock.clients.git import Identity, Repository
from interlock.clients.git import keys as git_keys
from interlock.clients.kubernetes.objects import ObjectList
from interlock.clients.registry import Manifest
from interlock.clients.tickets import record as tickets_model
from interlock.errors import NotFoundError, UnreachableError
from interlock.formats.oci import Descriptor, check_digest, image, manifest, sha256
from interlock.formats.signatures import openpgp, sshsig
from interlock.formats.sigstore import PrivateKey, referrers, statement
from interlock.platform.checks import GateFacts, RecordFacts
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import Change, CommitFacts
from interlock.platform.domain.classification import Classification
from interlock.platform.domain.delivery import DeliveryKind
from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, ObjectId, PersonId, ServiceName
from interlock.platform.domain.pull import PullRequest, Review, ReviewState
from interlock.platform.domain.record import ChangeRecord, RecordApproval, RecordApprovalState, RecordState
from interlock.platform.domain.result import ResultIds, service_paths
from interlock.platform.estate import Keys, load, sample
from interlock.platform.proof import attest, capture, kinds
from interlock.platform.proof.evidence import EvidenceStore
from interlock.platform.proof.keys import AttestKey
from interlock.platform.proof.ledger import Ledger
from interlock.platform.proof.sources import Sources
from interlock.platform.proof.statements import provenance
from interlock.platform.proof.statements.run import FinishedRun

NAME = "integration/payments"
IMAGE = f"registry.acme.test/{NAME}"
SERVICE = ServiceName("payments")
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TOOLBOX = "registry.acme.test/platform/toolbox@sha256:" + "7" * 64
SERVICE_FILE = f"""\
apiVersion: interlock.dev/v1alpha1
kind: Service
name: payments
shape: ace-flow
team: payments
owner: sam
repository: payments
image: {IMAGE}
configurationItem: payments-prod
"""
PLAN = {name: f"the {name}" for name in tickets_model.PLANNED_FIELDS}


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


class Registry:
    """Blobs and manifests by digest, checked like the client checks them."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}

    def manifest(self, repo: str, reference: str) -> Manifest:
        digest = self.tags.get(reference, reference)
        data = check_digest(self._get(self.manifests, digest), digest)
        return Manifest(data, manifest.parse(data).media_type, digest)

    def blob(self, repo: str, digest: str, *, max_bytes: int = 0) -> bytes:
        return check_digest(self._get(self.blobs, digest), digest)

    def stream_blob(self, repo: str, digest: str) -> Iterator[bytes]:
        yield self.blob(repo, digest)

    def has_blob(self, repo: str, digest: str) -> bool:
        return digest in self.blobs

    def resolve(self, repo: str, tag: str) -> str:
        if tag not in self.tags:
            raise NotFoundError("registry-not-found", "no such tag", got=tag)
        return self.tags[tag]

    def referrers(self, repo: str, digest: str, artifact_type: str | None = None) -> list[Descriptor]:
        found = []
        for name, data in self.manifests.items():
            # A registry keeps the listing; altered bytes do not remove an entry from it.
            parsed = self._listed.get(name)
            if parsed is not None and parsed.subject and parsed.subject.digest == digest:
                found.append(Descriptor(parsed.media_type, name, len(data), artifact_type=parsed.type))
        return [item for item in found if artifact_type in (None, item.artifact_type)]

    def bundles(self, repo: str, digest: str) -> list[Any]:
        return referrers.find(
            self.referrers(repo, digest),
            subject=digest,
            read_manifest=lambda found: self.manifest(repo, found).bytes,
            read_blob=lambda found: self.blob(repo, found),
        )

    def push(self, repo: str, content: image.Content, *, tag: str | None = None) -> str:
        self.blobs.update(content.blobs)
        self.manifests[content.descriptor.digest] = content.manifest
        if tag:
            self.tags[tag] = content.descriptor.digest
        return content.descriptor.digest

    @property
    def _listed(self) -> dict[str, Any]:
        known = self.__dict__.setdefault("_parsed", {})
        for name, data in self.manifests.items():
            if name not in known:
                known[name] = manifest.parse(data)
        return known

    def _get(self, where: dict[str, bytes], digest: str) -> bytes:
        if digest not in where:
            raise NotFoundError("registry-not-found", "not there", got=digest)
        return where[digest]


class Cluster:
    """Objects by kind and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, item: dict[str, Any]) -> None:
        self.objects[item["kind"], item["metadata"]["name"]] = item

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        if (kind, name) not in self.objects:
            raise NotFoundError("kubernetes-not-found", f"no {kind} {name}")
        return self.objects[kind, name]

    def list(self, api_version: str, kind: str, *, namespace: str | None = None, **_: Any) -> ObjectList:
        return ObjectList([item for (found, _name), item in self.objects.items() if found == kind], "1")


@dataclass
class Forge:
    pulls: dict[int, forge_model.PullRequest] = field(default_factory=dict)
    given: dict[int, list[forge_model.Review]] = field(default_factory=dict)

    def pull(self, owner: str, repo: str, number: int) -> forge_model.PullRequest:
        return self.pulls[number]

    def reviews(self, owner: str, repo: str, number: int) -> list[forge_model.Review]:
        return self.given[number]


@dataclass
class Tickets:
    records: dict[str, tickets_model.ChangeRequest] = field(default_factory=dict)
    rows: dict[str, list[tickets_model.Approval]] = field(default_factory=dict)

    def get(self, number: str) -> tickets_model.ChangeRequest:
        if number not in self.records:
            raise NotFoundError("ticket-not-found", f"no change record {number}")
        return self.records[number]

    def approvals(self, sys_id: str) -> list[tickets_model.Approval]:
        return self.rows[sys_id]


class World:
    """Everything, with the acts of the platform as methods."""

    def __init__(self, folder: Path, bases: tuple[str, ...] = ("executed", "simulated", "static")) -> None:
        self.folder, self.bases = folder, bases
        self.clock = Clock()
        self.seal_secret, self.seal_cert = git_keys.generate_openpgp("Seal <seal@acme.test>")
        self.forge_secret, self.forge_cert = git_keys.generate_openpgp("Forge <forge@acme.test>")
        self.release = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        self.attest = AttestKey(secret.public, secret)
        self.people = {name: git_keys.generate_ssh(name) for name in ("dana", "sam", "rita", "pat")}
        self.registry, self.forge, self.tickets = Registry(), Forge(), Tickets()
        self.clusters = {f"https://{name}-cluster": Cluster() for name in ("hub", "dev", "test", "prod")}
        self.repositories = {
            name: Repository.init(folder / f"{name}.git") for name in ("platform", "env-dev", "env-prod", "payments")
        }
        self.store = EvidenceStore(folder / "evidence")
        self.ledger = Ledger(folder / "ledger.jsonl", self.attest, now=self.clock)
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
        made.store = EvidenceStore(folder / "evidence")
        made.ledger = Ledger(folder / "ledger.jsonl", self.attest, now=made.clock)
        return made

    # What the walk reads.

    def sources(self) -> Sources:
        def reach(what: str, value: Any) -> Any:
            if what in self.unreachable:
                raise UnreachableError(f"{what}-unreachable", f"{what} does not answer")
            return value

        return Sources(
            store=EvidenceStore(self.store.folder),
            ledger=Ledger(self.ledger.path, AttestKey(self.attest.public)),
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
            chart={"Chart.yaml": b"name: service\n"},
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
        self, text: str = "one", *, verdict: str = "pass", isolation: str = "bubblewrap", branch: str = "main"
    ) -> tuple[str, Digest]:
        """A commit of the app repo, its pipeline run, image, documents and signature: (tag, digest)."""
        repo = self.repositories["payments"]
        parents = [self.tip("payments", "main")] if repo.refs() else []
        tree = repo.write_tree({"flow.msgflow": text.encode()})
        commit = self.commit("payments", parents, tree, f"Flow {text}", by="dana", branch=branch)
        tag = f"main-{commit[:12]}"
        layer = image.layer([image.File("app/flow.bar", text.encode())])
        content = image.build([layer], created=START)
        digest = Digest(self.registry.push(NAME, content, tag=tag))
        documents = {}
        for kind, body in (("cyclonedx", _sbom(text)), ("vnd.interlock.scan", _scan(verdict))):
            data = json.dumps(body).encode()
            referrer = image.artifact(f"application/{kind}+json", data, subject=content.descriptor)
            self.registry.push(NAME, referrer)
            documents[kind] = sha256(data)
        signed = referrers.attach(
            statement.image_signature(digest), subject=content.descriptor, key=self.release, created=START
        )
        self.registry.push(NAME, signed)
        run = _run(commit, tag, digest, documents["cyclonedx"], documents["vnd.interlock.scan"], isolation)
        self.clusters["https://hub-cluster"].put(copy.deepcopy(run.run))
        attest.attest(
            run,
            registry=self.registry,  # type: ignore[arg-type]
            key=self.attest,
            store=self.store,
            ledger=self.ledger,
            source="https://hub-cluster",
            reader="interlock",
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
        facts = self._facts(environment, kind, pull, base, tree, service, reviewers, answer)
        if smuggled:
            tree = repo.write_tree({path: text.encode() for path, text in smuggled.items()}, base=tree)
        merge = self.commit(name, [base, head], tree, f"Merge #{number}", by=merged_by, branch="main")
        merged = forge_pull(pull, merge)
        self.forge.pulls[number] = merged
        result = {path: item for path, item in facts.result.items if item}  # type: ignore[union-attr]
        evidence = {
            "merge": capture.capture_merge(
                self.store,
                repository=f"https://git/acme/{name}",
                pull=merged,
                commit=repo.commit(merge),
                expected_tree=tree,
                result=result,
                reader="interlock",
                now=self.clock(),
            )
        }
        if where.sealed:
            evidence["reviews"] = capture.capture_reviews(
                self.store, facts, raw={"pull": merged, "reviews": self.forge.given[number]}, reader="interlock"
            )
        if facts.record.record:
            evidence["record"] = capture.capture_record(
                self.store, facts, raw={}, source="https://tickets", reader="interlock"
            )
        decision = kinds.merged(
            self.ledger,
            environment=EnvironmentName(environment),
            service=service,
            kind=kind.value,
            repository=f"https://git/acme/{name}",
            pull=number,
            base=CommitId(base),
            head=CommitId(head),
            merge=CommitId(merge),
            result=result,  # type: ignore[arg-type]
            platform_commit=CommitId(platform_commit or self.platform_commit),
            evidence=evidence,
            record=facts.record.number,
        )
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
        kinds.sealed(
            self.ledger,
            environment=EnvironmentName(environment),
            service=service,
            repository=f"https://git/acme/{name}",
            seal=CommitId(made),
            merge=CommitId(merge),
            decision=decision,
        )
        return made

    def _facts(
        self,
        environment: str,
        kind: DeliveryKind,
        pull: PullRequest,
        base: str,
        tree: str,
        service: ServiceName,
        reviewers: tuple[str, ...],
        answer: RecordApprovalState,
    ) -> GateFacts:
        repo, where = self.repositories[f"env-{environment}"], self.estate.environment(environment)
        result = ResultIds.of(repo.object_ids(tree, service_paths(service)))  # type: ignore[arg-type]
        reviewers = reviewers if where.rules.approvals else ()
        reviews, approvals = [], []
        self.forge.given[pull.number] = []
        for index, account in enumerate(reviewers):
            identity, time = pull.number * 10 + index, self.clock()
            reviews.append(
                Review(identity, account, ReviewState.APPROVED, pull.head, False, False, True, submitted_at=time)
            )
            raw = forge_model.Review(identity, account, index, "APPROVED", pull.head, False, True, False, time, "")
            self.forge.given[pull.number].append(raw)
            bound = Approval(identity, account, pull.repository, pull.number, "main", pull.head, result)
            approvals.append(self._first_seen(bound, raw))
        person = CommitFacts(pull.head, "Change", 1, PersonId("dana"))
        draft = GateFacts(
            now=self.clock(),
            estate=self.estate,
            environment=where,
            pull=pull,
            change=Change(CommitId(base), pull.head, CommitId(base), ObjectId(tree), (), (), commits=(person,)),
            classification=Classification(kind, service),
            result=result,
            reviews=tuple(reviews),
            approvals=tuple(approvals),
            source=(person,),
        )
        record = self._record(draft, answer) if where.rules.change_record else RecordFacts(None)
        return GateFacts(**{**draft.__dict__, "record": record})

    def _first_seen(self, approval: Approval, raw: forge_model.Review) -> Approval:
        """As delivery captures a review in the round in which it is new."""
        source = f"{approval.repository}/pulls/{approval.number}/reviews/{approval.review}"
        read = capture.capture(self.store, "review", source, raw, reader="interlock", now=self.clock())
        body = TypeAdapter(Approval).dump_python(approval, mode="json")
        self.ledger.append(
            kinds.APPROVAL_CAPTURED,
            f"{approval.repository}#{approval.number}",
            key=f"approval-captured/{source}",
            body=body,
            evidence={"review": read},
        )
        return replace(approval, evidence=read)

    def _record(self, facts: GateFacts, answer: RecordApprovalState) -> RecordFacts:
        number = facts.pull.title.split()[0]
        delivery = f"{facts.delivery.id}@{facts.pull.head}"
        raw = {
            **PLAN,
            "correlation_id": delivery,
            "number": number,
            "sys_id": f"id{number}",
            "state": "-1",
            "sys_mod_count": "3",
            "start_date": "2026-05-04 00:00:00",
            "end_date": "2026-05-05 00:00:00",
            "approval": answer.value,
        }
        live = tickets_model.change_request(raw)
        self.tickets.records[number] = live
        row = {
            "sys_id": f"row{number}",
            "sysapproval": live.sys_id,
            "approver.user_name": "carol",
            "state": answer.value,
        }
        self.tickets.rows[live.sys_id] = [tickets_model.approval(row)]
        plan = Digest(live.plan_digest())
        approval = RecordApproval("carol", answer, shown=plan)
        record = ChangeRecord(
            number=number,  # type: ignore[arg-type]
            type="normal",
            raw_state="-1",
            state=RecordState.IMPLEMENT,
            approval=answer.value,
            requested_by="interlock",
            opened_by="interlock",
            start=live.start,
            end=live.end,
            configuration_item="payments-prod",
            on_hold=False,
            conflict="",
            delivery=delivery,
            texts=PLAN,
            plan=plan,
            approvals=(approval,),
        )
        return RecordFacts(number, record, expected=PLAN)  # type: ignore[arg-type]

    # The cluster.

    def sync(self, environment: str, revision: str, tag: str, digest: str) -> None:
        """What Argo CD and the cluster show after a sync, and the controller's capture of it."""
        where = self.estate.environment(environment)
        application = _application(environment, where.branch, where.cluster, revision)
        workload = _workload(f"{IMAGE}:{tag}@{digest}")
        self.clusters["https://hub-cluster"].put(application)
        self.clusters[where.cluster].put(workload)
        evidence = capture.capture_sync(
            self.store,
            source=f"{where.cluster}/payments",
            application=application,
            workload=workload,
            reader="interlock",
            now=self.clock(),
        )
        kinds.synced(
            self.ledger,
            environment=EnvironmentName(environment),
            service=SERVICE,
            application=f"payments-{environment}",
            revision=CommitId(revision),
            evidence={"sync": evidence},
        )

    def onboard(self, environment: str) -> None:
        files = {"argocd/payments.yaml": "kind: Application\n", **values(environment, "", "")}
        self.deliver(environment, files, DeliveryKind.ONBOARDING)

    def ship(self, environment: str, tag: str, digest: str, **options: Any) -> str:
        revision = self.deliver(environment, values(environment, tag, digest), DeliveryKind.IMAGE, **options)
        self.sync(environment, revision, tag, digest)
        return revision


def values(environment: str, tag: str, digest: str) -> dict[str, str]:
    text = f'image:\n  repository: {IMAGE}\n  tag: "{tag}"\n  digest: "{digest}"\n'
    return {f"apps/payments/values.{environment}.yaml": text, "apps/payments/Chart.yaml": "name: payments\n"}


def forge_pull(pull: PullRequest, merge: str) -> forge_model.PullRequest:
    return forge_model.PullRequest(
        number=pull.number,
        state="closed",
        merged=True,
        title=pull.title,
        body="",
        user=pull.author,
        user_id=1,
        head_sha=pull.head,
        head_ref=pull.head_ref,
        base_sha=pull.head,
        base_ref="main",
        merge_base=pull.head,
        mergeable=False,
        merge_commit_sha=merge,
        merged_by="interlock",
        merged_by_id=9,
        created_at=START,
        updated_at=START,
        merged_at=START,
        html_url="",
    )


def _sbom(text: str) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": text, "version": "1.0"}]}


def _scan(verdict: str) -> dict[str, Any]:
    return {
        "scanner": {"name": "interlock-toolbox", "version": "0.1.0"},
        "advisories": {"refreshed": "2026-05-04T00:00:00Z"},
        "startedAt": "2026-05-04T11:00:00Z",
        "finishedAt": "2026-05-04T11:00:01Z",
        "verdict": verdict,
    }


def _run(commit: str, tag: str, digest: str, sbom: str, scan: str, isolation: str) -> FinishedRun:
    results = {
        "IMAGE_URL": f"{IMAGE}:{tag}",
        "IMAGE_DIGEST": digest,
        "SBOM_DIGEST": sbom,
        "SCAN_DIGEST": scan,
        "CHAINS-GIT_URL": "https://git/acme/payments",
        "CHAINS-GIT_COMMIT": commit,
        "TESTS": "static: 12 of 12",
    }
    done = {"completionTime": "2026-05-04T11:00:00Z", "conditions": [{"type": "Succeeded", "status": "True"}]}
    tasks = ("git-clone", "build-bar")
    run = {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": f"payments-{commit[:12]}",
            "namespace": "ci",
            "uid": f"uid-{commit[:12]}",
            "labels": {"interlock.dev/service": "payments"},
        },
        "spec": {"pipelineRef": {"name": "build-ace-flow"}, "params": [{"name": "git-revision", "value": commit}]},
        "status": {
            **done,
            "startTime": "2026-05-04T10:59:00Z",
            "results": [{"name": name, "value": value} for name, value in results.items()],
            "pipelineSpec": {"tasks": [{"name": name} for name in tasks]},
        },
    }
    record = {
        "isolation": isolation,
        "network": [],
        "tools": [{"name": "python", "version": "3.11"}],
        "executed-by": "installed-toolbox",
    }
    task_runs = [
        {
            "metadata": {
                "name": f"payments-{commit[:12]}-{name}",
                "namespace": "ci",
                "labels": {"tekton.dev/pipelineTask": name},
                "annotations": {"interlock.dev/capabilities": json.dumps(record)},
            },
            "status": {**done, "steps": [{"name": "run", "imageID": TOOLBOX}]},
        }
        for name in tasks
    ]
    return FinishedRun(run, task_runs)


def _application(environment: str, branch: str, cluster: str, revision: str) -> dict[str, Any]:
    return {
        "kind": "Application",
        "metadata": {"name": f"payments-{environment}", "namespace": "argocd"},
        "spec": {
            "source": {
                "repoURL": f"https://git/acme/env-{environment}",
                "targetRevision": branch,
                "path": "apps/payments",
            },
            "destination": {"server": cluster, "namespace": "payments"},
        },
        "status": {"sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"}},
    }


def _workload(reference: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "payments", "namespace": "payments", "generation": 2},
        "spec": {
            "selector": {"matchLabels": {"app": "payments"}},
            "template": {"spec": {"containers": [{"name": "ace", "image": reference}]}},
        },
        "status": {
            "observedGeneration": 2,
            "conditions": [{"type": "Available", "status": "True", "reason": "SimulatedNoContainerRuns"}],
        },
    }


def make_world(folder: Path, **options: Any) -> World:
    """payments built once, in dev by the pipeline's pull request, and delivered to prod with everything it takes."""
    world = World(folder, **options)
    tag, digest = world.build()
    world.ship("dev", tag, digest)
    world.onboard("prod")
    world.ship("prod", tag, digest)
    return world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def shared(template: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A delivered world for tests that leave it as it was."""
    return template.copy(tmp_path_factory.mktemp("shared") / "world")


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    """A delivered world of one's own."""
    return template.copy(tmp_path / "world")


@pytest.fixture
def strict_world(tmp_path: Path) -> World:
    """One whose environments accept only what was executed."""
    return make_world(tmp_path, bases=("executed",))
