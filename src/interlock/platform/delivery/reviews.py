"""Reviews of a pull request, and their capture: the moment a review becomes an approval of exactly one result.

A forge says which commit a review is of, not which base it was given on. So the platform notes what each pull request
results in whenever that changes (a sighting). A review that is new in a round in which the result is still what it was
in the round before approved that result. One that is new while the result changed is ambiguous and never holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from interlock.clients.forge import PullRequest as ForgePull
from interlock.clients.forge import Review as ForgeReview
from interlock.clients.git import Repository
from interlock.errors import InterlockError
from interlock.platform.delivery import results
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.ids import CommitId, ServiceName
from interlock.platform.domain.pull import PullRequest, Review, ReviewState
from interlock.platform.domain.result import ResultIds
from interlock.platform.proof.capture import capture as store_fact
from interlock.platform.proof.evidence import EvidenceStore
from interlock.platform.proof.ledger import Ledger

SIGHTED = "pull-sighted"
CAPTURED = "approval-captured"
_STATES = {
    "APPROVED": ReviewState.APPROVED,
    "REQUEST_CHANGES": ReviewState.CHANGES_REQUESTED,
    "COMMENT": ReviewState.COMMENT,
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a pull request resulted in when it was looked at."""

    base: CommitId
    base_ref: str
    head: CommitId
    result: ResultIds


_SIGHTING = TypeAdapter(Sighting)
_APPROVAL = TypeAdapter(Approval)


def pull_request(repository: str, found: ForgePull) -> PullRequest:
    """In the platform's words."""
    return PullRequest(
        repository=repository,
        number=found.number,
        title=found.title,
        author=found.user,
        head=CommitId(found.head_sha),
        head_ref=found.head_ref,
        base_ref=found.base_ref,
        open=found.state == "open",
        merged=found.merged,
        merge_commit=CommitId(found.merge_commit_sha) if found.merge_commit_sha else None,
        merged_by=found.merged_by,
        body=found.body,
    )


def reviews(found: Iterable[ForgeReview]) -> tuple[Review, ...]:
    """The reviews that say something; pending and requested ones do not."""
    return tuple(
        Review(
            id=item.id,
            account=item.user,
            state=_STATES[item.state],
            commit=CommitId(item.commit_id),
            stale=item.stale,
            dismissed=item.dismissed,
            official=item.official,
            submitted_at=item.submitted_at,
        )
        for item in found
        if item.state in _STATES
    )


def bind(
    new: Sequence[Review],
    pull: PullRequest,
    now: Sighting,
    *,
    base_ref_before: str | None,
    result_before: ResultIds | None,
) -> tuple[Approval, ...]:
    """Approvals for reviews that were not captured before.

    ``result_before``: what ``now.head`` gives on the base of the last sighting; None when it cannot be told. Both
    arguments are what ``now`` says itself when there was no sighting before: the base moves only when the platform
    merges, and that notes a sighting first.
    """
    same = base_ref_before == now.base_ref and result_before == now.result
    return tuple(
        Approval(
            review=item.id,
            account=item.account,
            repository=pull.repository,
            number=pull.number,
            base_ref=now.base_ref,
            head=item.commit,
            result=now.result if same and item.commit == now.head else None,
        )
        for item in new
        if item.state is ReviewState.APPROVED and not item.stale and not item.dismissed
    )


def capture(
    ledger: Ledger,
    store: EvidenceStore,
    git: Repository,
    pull: PullRequest,
    found: Sequence[ForgeReview],
    now: Sighting,
    service: ServiceName | None,
    environment: str,
    *,
    reader: str,
    at: datetime,
) -> tuple[Approval, ...]:
    """Capture what is new, note the sighting, and return every captured approval. Repeatable: one entry a review."""
    subject = f"{pull.repository}#{pull.number}"
    known = {item.review: item for item in approvals(ledger, subject)}
    before = last_sighting(ledger, subject)
    raw = {item.id: item for item in found}
    new = [item for item in reviews(found) if item.id not in known]
    ref: str = now.base_ref
    result: ResultIds | None = now.result
    if before is not None:
        ref, result = before.base_ref, _result_before(git, before, now, service, environment)
    for approval in bind(new, pull, now, base_ref_before=ref, result_before=result):
        source = f"{pull.repository}/pulls/{pull.number}/reviews/{approval.review}"
        evidence = store_fact(store, "review", source, raw[approval.review], reader=reader, now=at)
        body = _APPROVAL.dump_python(approval, mode="json")
        ledger.append(CAPTURED, subject, key=f"{CAPTURED}/{source}", body=body, evidence={"review": evidence})
    if before != now and (before is None or _differs(before, now, result)):
        count = len(ledger.find(SIGHTED, subject))
        ledger.append(
            SIGHTED, subject, key=f"{SIGHTED}/{subject}/{count}", body=_SIGHTING.dump_python(now, mode="json")
        )
    return approvals(ledger, subject)


def approvals(ledger: Ledger, subject: str) -> tuple[Approval, ...]:
    """What has been captured of pull request ``owner/name#number``, each with its evidence."""
    found = []
    for entry in ledger.find(CAPTURED, subject):
        values = {**entry.body, "evidence": entry.evidence.get("review")}
        found.append(_APPROVAL.validate_python(values))
    return tuple(found)


def last_sighting(ledger: Ledger, subject: str) -> Sighting | None:
    entries = ledger.find(SIGHTED, subject)
    return _SIGHTING.validate_python(entries[-1].body) if entries else None


def _differs(before: Sighting, now: Sighting, result: ResultIds | None) -> bool:
    """A base that moved without changing the result needs no note: the older base gives the same answers."""
    return (before.head, before.base_ref) != (now.head, now.base_ref) or result != now.result


def _result_before(
    git: Repository, before: Sighting, now: Sighting, service: ServiceName | None, environment: str
) -> ResultIds | None:
    if (before.base, before.head) == (now.base, now.head):
        return before.result
    try:
        return results.result_ids(git, before.base, now.head, service, environment)
    except InterlockError:
        return None
