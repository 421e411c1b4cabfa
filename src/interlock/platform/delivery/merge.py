"""Merging and sealing: the acts. Each can be repeated after a crash at any point, and does nothing twice.

judge -> capture evidence -> ledger `judged` -> forge merges exactly that head
      -> next round proves the merge -> ledger `merged` -> seal pushed -> ledger `sealed`
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.errors import NotFoundError, RefusedError
from interlock.platform import kinds
from interlock.platform.books import Books, Entry
from interlock.platform.books.vocabulary import (
    NO_SERVICE,
    ApplicationsProven,
    Checked,
    Judged,
    Merged,
    Sealed,
    subject,
)
from interlock.platform.delivery import seal
from interlock.platform.delivery.gate import Gate
from interlock.platform.delivery.history import Proof
from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, ObjectId
from interlock.platform.domain.verdict import Verdict
from interlock.platform.facts import change, ground, record, result, seals
from interlock.platform.proof import capture


def merge(forge: ForgeClient, books: Books, gate: Gate, *, tickets: str) -> None:
    """Write the judgement down, then have the forge merge exactly the judged head.

    ``tickets``: the ticket system's stable address. Raises RefusedError ``gate-not-valid``; the forge's ConflictError
    when the head moved, RefusedError when its own rules say no: then the next round judges again.
    """
    judgement = judgement_of(gate)
    facts, kind = gate.facts, kinds.find(judgement.kind)
    where = f"{gate.pull.repository}/pulls/{gate.pull.number}"
    evidence = {"reviews": capture.capture_reviews(books, facts)}
    if judgement.record is not None:
        evidence["record"] = capture.capture_record(books, facts, source=tickets)
    needs = kind.needs if kind is not None and not judgement.restores else ()
    if kept := capture.capture_facts(books, facts, needs, source=where):
        evidence["facts"] = kept
    books.write(judgement.subject, judgement, key=judgement.key, evidence=evidence)
    owner, _, name = gate.pull.repository.partition("/")
    forge.merge(
        owner,
        name,
        gate.pull.number,
        head_commit_id=gate.pull.head,
        message_title=f"{gate.pull.title} (#{gate.pull.number})",
        message=f"Judged by the gate with the rules of {judgement.platform_commit[:12]}.",
    )


def judgement_of(gate: Gate) -> Judged:
    """What is about to be merged. Raises RefusedError ``gate-not-valid``."""
    if gate.verdict is not Verdict.VALID or gate.case.kind is None:
        raise RefusedError(
            "gate-not-valid",
            f"the gate of {gate.pull.repository}#{gate.pull.number} is {gate.verdict.value}",
            got=gate.description,
            todo="see the commit status interlock/gate",
        )
    facts, restores = gate.facts, gate.case.restores
    found = facts.get(change.read)
    asked = facts.get(ground.demand).change_record and not restores
    return Judged(
        environment=EnvironmentName(gate.environment.name),
        service=gate.case.service,
        kind=gate.case.kind,
        restores=restores,
        repository=gate.pull.repository,
        pull=gate.pull.number,
        title=gate.pull.title,
        base=found.base,
        head=found.head,
        result=facts.get(result.read),
        platform_commit=facts.get(ground.estate).commit,
        record=facts.get(record.named) if asked else None,
        checks=tuple(
            Checked(item.id, gate.versions[item.id], item.verdict, item.reason, item.detail, item.basis)
            for item in gate.findings
        ),
        added=gate.added,
    )


def record_merge(books: Books, git: Repository, proof: Proof, *, url: str, raw_pull: object, now: datetime) -> Entry:
    """Write a proven merge down: evidence, then the ledger's ``merged``. ``url``: the repository's stable URL.

    Repeatable: a merge that is written down already keeps its entry and the evidence that this one cites.
    """
    if proof.verdict is not Verdict.VALID or proof.judgement is None or proof.expected_tree is None:
        raise RefusedError("merge-not-proven", "only a proven merge is written down", got=proof.reason)
    key = Merged.key(url, proof.commit)
    known = books.by_key(Merged, key)
    if known is not None:
        return known.entry
    judgement = proof.judgement.said
    commit = git.commit(proof.commit)
    result = {path: item for path, item in judgement.result.items if item}
    evidence = capture.capture_merge(
        books,
        repository=url,
        pull=raw_pull,
        commit=commit,
        expected_tree=proof.expected_tree,
        result=result,
        now=now,
    )
    body = Merged(
        environment=judgement.environment,
        service=judgement.service or NO_SERVICE,
        kind=judgement.kind,
        repository=url,
        pull=judgement.pull,
        base=CommitId(commit.parents[0]),
        head=judgement.head,
        merge=proof.commit,
        result={path: ObjectId(item) for path, item in result.items()},
        platform_commit=judgement.platform_commit,
        record=judgement.record,
    )
    return books.write(body.subject, body, key=key, evidence={**proof.judgement.evidence, "merge": evidence})


def seal_merge(
    books: Books,
    git: Repository,
    proof: Proof,
    decision: Entry,
    *,
    previous: CommitId,
    url: str,
    now: datetime,
    sign: Callable[[bytes], str],
    author: tuple[str, str] = seal.AUTHOR,
) -> seals.Seal:
    """Build the seal of a proven merge, move ``sealed`` to it, and write it down. Returns the new tip.

    Raises ConflictError ``git-push-stale`` when ``sealed`` is no longer at ``previous``: read it again.
    """
    if proof.judgement is None:
        raise RefusedError("merge-not-proven", "only a proven merge is sealed", got=proof.reason)
    judgement = proof.judgement.said
    lines = [f"Delivery: {judgement.title}", f"Kind: {judgement.kind}", f"Pull request: {judgement.pull}"]
    lines += [f"Change record: {judgement.record}"] if judgement.record else []
    lines += [f"Rules of: {judgement.platform_commit}"]
    made = seal.build(
        git,
        environment=judgement.environment,
        previous=previous,
        merge=proof.commit,
        decision=decision.id,
        lines=tuple(" ".join(line.split()) for line in lines),
        now=now,
        sign=sign,
        author=author,
    )
    seal.push(git, made, expected_old=previous)
    sealed = seals.Seal(made, previous, proof.commit, decision.id)
    record_seal(books, sealed, url=url)
    return sealed


def record_seal(books: Books, found: seals.Seal, *, url: str) -> Entry | None:
    """The ledger's ``sealed`` for the tip of the branch: written after the push, so a crash may have left it out.

    None for a seal that no merge's entry decided (the first, and those of ``applications``).
    """
    try:
        decision = books.ledger.get(Digest(found.decision))
    except NotFoundError:
        return None
    if decision.kind != Merged.KIND:
        return None
    body = Sealed(url, found.id, found.merge, decision.id)
    return books.write(decision.subject, body, key=body.key)


def seal_applications(
    books: Books,
    git: Repository,
    proof: Proof,
    *,
    environment: str,
    previous: CommitId,
    url: str,
    platform_commit: CommitId,
    now: datetime,
    sign: Callable[[bytes], str],
    author: tuple[str, str] = seal.AUTHOR,
) -> seals.Seal:
    """Seal the tip of an open environment whose Applications are proven (delivery/applications.py)."""
    if proof.verdict is not Verdict.VALID:
        raise RefusedError("merge-not-proven", "only proven Applications are sealed", got=proof.reason)
    body = ApplicationsProven(url, proof.commit, proof.detail, platform_commit)
    decision = books.write(subject(EnvironmentName(environment), NO_SERVICE), body, key=body.key)
    lines = (f"Applications: {proof.detail}", f"Rules of: {platform_commit}")
    made = seal.build(
        git,
        environment=environment,
        previous=previous,
        merge=proof.commit,
        decision=decision.id,
        lines=lines,
        now=now,
        sign=sign,
        author=author,
    )
    seal.push(git, made, expected_old=previous)
    return seals.Seal(made, previous, proof.commit, decision.id)
