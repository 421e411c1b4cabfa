"""Attesting a finished run: read it, keep it as evidence, sign what it shows, and push the statements.

Only the controller does this, after the run has ended: no task can attest the run that it is a part of. The act may
be killed and repeated at any point: the same run gives the same statements, and each is pushed once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from interlock.clients.registry import RegistryClient
from interlock.errors import IntegrityError, RefusedError
from interlock.formats.oci import Descriptor, reference
from interlock.formats.sigstore import PublicKey, Statement, referrers, statement, verify
from interlock.formats.sigstore.verify import Signed
from interlock.platform.books import Books, Entry, canonical, moment
from interlock.platform.books import vocabulary as recorded
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.vocabulary import Attested, RunFailed, RunRead
from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.image import StatementKind
from interlock.platform.proof import capture
from interlock.platform.statements import documents, provenance
from interlock.platform.statements.run import FinishedRun, condition


def attest(
    run: FinishedRun,
    *,
    registry: RegistryClient,
    key: AttestKey,
    books: Books,
    source: str,
    now: Callable[[], datetime],
    builder: str = provenance.BUILDER,
    record_key: PublicKey | None = None,
) -> Entry:
    """Sign provenance, SBOM and scan of the run's image; the ledger's entry ``attested``.

    ``source`` is the stable address of the cluster. With ``record_key``, the
    engine's, every TaskRun must carry the engine's valid record. Raises RefusedError ``run-unfinished`` or
    ``run-failed``; NotFoundError ``run-result-missing`` or the registry's; IntegrityError ``digest-mismatch`` when a
    document is not what the run's result names, ``attest-subject`` when the run's results do not name its image, and
    ``record-missing``, ``record-malformed``, ``record-signature``, ``record-mismatch``; UnreachableError.
    """
    if not run.finished:
        raise RefusedError("run-unfinished", "a run that has not ended cannot be attested", where=run.name)
    if not run.succeeded:
        raise RefusedError("run-failed", "a run that failed is not attested", where=run.name)
    image, digest = run.image, run.digest("IMAGE_DIGEST")
    key_of_act = Attested.key(digest, run.uid)
    done = books.by_key(Attested, key_of_act)
    if done is not None:
        return done.entry
    repository = reference.parse(image).repository
    manifest = registry.manifest(repository, digest)
    subject = Descriptor(manifest.image.media_type, manifest.digest, len(manifest.bytes))
    texts = {name: run.digest(result) for name, result in _RESULTS.items()}
    bodies = {name: registry.blob(repository, text) for name, text in texts.items()}
    statements = {
        StatementKind.PROVENANCE: _provenance(run, digest, provenance.Options(builder=builder, record_key=record_key)),
        StatementKind.SBOM: documents.sbom(image, digest, bodies[StatementKind.SBOM]),
        StatementKind.SCAN: documents.scan(image, digest, bodies[StatementKind.SCAN], run, builder=builder),
    }
    evidence = capture.capture_run(books, source=source, run=run.run, task_runs=run.task_runs, now=now())
    read = RunRead(
        image=image,
        service=str((run.run["metadata"].get("labels") or {}).get("interlock.dev/service", "")),
        run=run.name,
        uid=run.uid,
        source=run.result("CHAINS-GIT_URL"),
        commit=run.commit,
    )
    books.write(digest, read, key=read.key, evidence=evidence)
    created = moment(str(run.status["completionTime"]))
    pushed = {
        str(name): _push(registry, repository, made, subject, key, created, document=texts.get(name))
        for name, made in statements.items()
    }
    return books.write(digest, Attested(run.uid, pushed), key=key_of_act)


def keep_failed(run: FinishedRun, *, books: Books, source: str, now: Callable[[], datetime]) -> Entry | None:
    """Keep a run that ended without success: clusters delete runs, and why it failed with them. The ledger's entry
    ``run-failed``; None for a run that has not ended, or that succeeded."""
    if not run.finished or run.succeeded:
        return None
    metadata, ended = run.run["metadata"], condition(run.run)
    labels = metadata.get("labels") or {}
    body = RunFailed(
        run=run.name,
        uid=run.uid,
        commit=CommitId(str(labels.get("interlock.dev/commit", ""))),
        reason=str(ended.get("reason", "")),
        message=str(ended.get("message", "")),
    )
    known = books.by_key(RunFailed, body.key)
    if known is not None:
        return known.entry
    evidence = capture.capture_run(books, source=source, run=run.run, task_runs=run.task_runs, now=now())
    return books.write(str(labels.get("interlock.dev/service", "")), body, key=body.key, evidence=evidence)


_RESULTS = {StatementKind.SBOM: "SBOM_DIGEST", StatementKind.SCAN: "SCAN_DIGEST"}


def _provenance(run: FinishedRun, digest: Digest, options: provenance.Options) -> Statement:
    value = provenance.provenance(run, options)
    subjects = tuple(statement.Subject(item["digest"], item["name"]) for item in value["subject"])
    made = Statement(value["predicateType"], subjects, value["predicate"])
    if not made.about(digest):
        raise IntegrityError(
            "attest-subject",
            "the run's type hints do not name its image",
            got=", ".join(item["name"] for item in value["subject"]),
            expected=f"{run.image}@{digest}",
            where=f"PipelineRun {run.name}",
        )
    return made


def _push(
    registry: RegistryClient,
    repository: str,
    made: Statement,
    subject: Descriptor,
    key: AttestKey,
    created: datetime,
    *,
    document: Digest | None,
) -> recorded.Statement:
    """Push ``made`` unless an equal statement by our key is there (signatures need not be deterministic)."""
    found = registry.bundles(repository, subject.digest)
    outcome = verify.verify(found, key=key.ring, subject=subject.digest, predicate_type=made.predicate_type)
    existing = [item.source for item in outcome.verified if item.payload == made.to_bytes()]
    if existing:
        bundle = next(item for item in found if item.source == existing[0])
        return _named(made, bundle.source, bundle, document)
    content = referrers.attach(made, subject=subject, key=key.private, created=created)
    name = registry.push(repository, content)
    data = next(data for data in content.blobs.values() if data != b"{}")
    return _named(made, name, Signed(data, source=name), document)


def _named(made: Statement, manifest: str, bundle: Signed, document: Digest | None) -> recorded.Statement:
    return recorded.Statement(made.predicate_type, Digest(manifest), canonical.digest(bundle.data), document)
