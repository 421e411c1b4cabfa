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
from interlock.platform.books import Books, Entry
from interlock.platform.books.vocabulary import NO_SERVICE, ApplicationsProven, Judged, Merged, Sealed, subject
from interlock.platform.delivery import seal
from interlock.platform.delivery.gate import Gate
from interlock.platform.delivery.history import Proof
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, ObjectId
from interlock.platform.domain.verdict import Verdict
from interlock.platform.proof import capture


def merge(
    forge: ForgeClient, books: Books, gate: Gate, *, raw_reviews: object, raw_record: object, tickets: str
) -> None:
    """Write the judgement down, then have the forge merge exactly the judged head.

    ``raw_reviews`` and ``raw_record``: the answers of forge and ticket system behind the facts; ``tickets`` the ticket
    system's stable address. Raises RefusedError ``gate-not-valid``; the forge's ConflictError when the head moved,
    RefusedError when its own rules say no: then the next round judges again.
    """
    judgement = judgement_of(gate)
    facts = gate.facts
    evidence = {"reviews": capture.capture_reviews(books, facts, raw=raw_reviews)}
    if facts.record.number is not None and facts.environment.rules.change_record and not facts.restores:
        evidence["record"] = capture.capture_record(books, facts, raw=raw_record, source=tickets)
    books.write(judgement.subject, judgement, key=judgement.key, evidence=evidence)
    owner, _, name = facts.pull.repository.partition("/")
    forge.merge(
        owner,
        name,
        facts.pull.number,
        head_commit_id=facts.pull.head,
        message_title=f"{facts.pull.title} (#{facts.pull.number})",
        message=f"Judged by the gate with the rules of {facts.estate.commit[:12]}.",
    )


def judgement_of(gate: Gate) -> Judged:
    """What is about to be merged. Raises RefusedError ``gate-not-valid``."""
    facts = gate.facts
    if gate.verdict is not Verdict.VALID or facts.kind is None:
        raise RefusedError(
            "gate-not-valid",
            f"the gate of {facts.pull.repository}#{facts.pull.number} is {gate.verdict.value}",
            got=gate.description,
            todo="see the commit status interlock/gate",
        )
    assert not isinstance(facts.change, Unread) and not isinstance(facts.result, Unread)  # noqa: S101 - else not valid
    asked = facts.environment.rules.change_record and not facts.restores
    return Judged(
        environment=EnvironmentName(facts.environment.name),
        service=facts.classification.service,
        kind=facts.kind,
        restores=facts.restores,
        repository=facts.pull.repository,
        pull=facts.pull.number,
        title=facts.pull.title,
        base=facts.change.base,
        head=facts.change.head,
        result=facts.result,
        platform_commit=facts.estate.commit,
        record=facts.record.number if asked else None,
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
) -> seal.Seal:
    """Build the seal of a proven merge, move ``sealed`` to it, and write it down. Returns the new tip.

    Raises ConflictError ``git-push-stale`` when ``sealed`` is no longer at ``previous``: read it again.
    """
    if proof.judgement is None:
        raise RefusedError("merge-not-proven", "only a proven merge is sealed", got=proof.reason)
    judgement = proof.judgement.said
    lines = [f"Delivery: {judgement.title}", f"Kind: {judgement.kind.value}", f"Pull request: {judgement.pull}"]
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
    sealed = seal.Seal(made, previous, proof.commit, decision.id)
    record_seal(books, sealed, url=url)
    return sealed


def record_seal(books: Books, found: seal.Seal, *, url: str) -> Entry | None:
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
) -> seal.Seal:
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
    return seal.Seal(made, previous, proof.commit, decision.id)
