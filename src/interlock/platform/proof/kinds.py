"""The kinds of ledger entries that the proof reads back: one constructor a kind, so that writers agree on the words.

==============  ===========================  ==============================================  =======================
kind            subject                      body                                            evidence
==============  ===========================  ==============================================  =======================
run-read        image digest                 service, run, uid, image, source, commit        run, task/<task>
attested        image digest                 uid, statements by name
merged          <environment>/<service>      what was decided about which merge, see below   merge, reviews, record
sealed          <environment>/<service>      repository, seal, merge, decision
synced          <environment>/<service>      application, revision                           sync
approval-       <owner>/<repo>#<number>      the approval as bound when it was first seen    review
captured
record-answer-  record number                row, account, and the digest of the plan that
captured                                     was shown when the answer was first seen
==============  ===========================  ==============================================  =======================

Other kinds may be written freely (``refused``, ``record-opened`` ...); the proof does not read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, ObjectId, RecordNumber, ServiceName
from interlock.platform.proof.entries import Entry
from interlock.platform.proof.ledger import Ledger

RUN_READ = "run-read"
ATTESTED = "attested"
MERGED = "merged"
SEALED = "sealed"
SYNCED = "synced"
APPROVAL_CAPTURED = "approval-captured"
"""Written by delivery in the round in which a review is new: its body is a ``domain.approval.Approval``."""
RECORD_ANSWERED = "record-answer-captured"
"""Written by delivery in the round in which an approval of a record is new."""


def subject(environment: EnvironmentName, service: ServiceName) -> str:
    """The subject of every entry about a delivery."""
    return f"{environment}/{service}"


def merged(
    ledger: Ledger,
    *,
    environment: EnvironmentName,
    service: ServiceName,
    kind: str,
    repository: str,
    pull: int,
    base: CommitId,
    head: CommitId,
    merge: CommitId,
    result: Mapping[str, ObjectId],
    platform_commit: CommitId | None,
    evidence: Mapping[str, Digest],
    record: RecordNumber | None = None,
) -> Entry:
    """Write the decision about a merge commit, after it was proven and before its seal.

    ``kind`` is the delivery's kind; ``repository`` the stable URL; ``base`` the merge's first parent, ``head`` the
    head that the gate judged; ``result`` path -> object id, in the merge, of the service's own paths and its chart:
    what approvals hold for. ``platform_commit`` is the sealed platform commit that rules and people were read from.
    ``evidence`` has ``merge`` (capture_merge), ``reviews`` (capture_reviews) and, with a record, ``record``
    (capture_record). The entry's ``id`` goes into the seal's trailer.
    """
    return ledger.append(
        MERGED,
        subject(environment, service),
        key=f"merged/{repository}/{merge}",
        body={
            "environment": environment,
            "service": service,
            "kind": kind,
            "repository": repository,
            "pull": pull,
            "base": base,
            "head": head,
            "merge": merge,
            "result": dict(result),
            "platformCommit": platform_commit,
            "record": record,
        },
        evidence=evidence,
    )


def sealed(
    ledger: Ledger,
    *,
    environment: EnvironmentName,
    service: ServiceName,
    repository: str,
    seal: CommitId,
    merge: CommitId,
    decision: Digest,
) -> Entry:
    """Write that ``seal`` is on the branch ``sealed``; ``decision`` is the id of the merge's entry."""
    return ledger.append(
        SEALED,
        subject(environment, service),
        key=f"sealed/{repository}/{seal}",
        body={"repository": repository, "seal": seal, "merge": merge, "decision": decision},
    )


def synced(
    ledger: Ledger,
    *,
    environment: EnvironmentName,
    service: ServiceName,
    application: str,
    revision: CommitId,
    evidence: Mapping[str, Digest],
) -> Entry:
    """Write that the cluster runs ``revision``; ``evidence`` has ``sync`` (capture_sync)."""
    return ledger.append(
        SYNCED,
        subject(environment, service),
        key=f"synced/{application}/{revision}",
        body={"application": application, "revision": revision},
        evidence=evidence,
    )


def run_read(
    ledger: Ledger,
    *,
    image: str,
    digest: Digest,
    service: str,
    run: str,
    uid: str,
    source: str,
    commit: CommitId,
    evidence: Mapping[str, Digest],
) -> Entry:
    """Write that a finished pipeline run was read; ``evidence`` has ``run`` and ``task/<pipeline task>`` each."""
    return ledger.append(
        RUN_READ,
        digest,
        key=f"run-read/{uid}",
        body={"image": image, "service": service, "run": run, "uid": uid, "source": source, "commit": commit},
        evidence=evidence,
    )


def attested(
    ledger: Ledger,
    *,
    digest: Digest,
    uid: str,
    statements: Mapping[str, Mapping[str, Any]],
) -> Entry:
    """Write which statements about the image were signed and pushed.

    ``statements``: ``provenance``, ``sbom``, ``scan`` -> {predicateType, manifest, bundle, document}: digests in the
    registry; ``document`` is the digest of the pipeline's own document, None for provenance.
    """
    return ledger.append(
        ATTESTED,
        digest,
        key=f"attested/{digest}/{uid}",
        body={"uid": uid, "statements": {name: dict(item) for name, item in statements.items()}},
    )
