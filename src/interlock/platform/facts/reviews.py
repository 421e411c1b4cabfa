"""Reviews of a pull request, and their capture: the moment a review becomes an approval of exactly one result.

A forge says which commit a review is of, not which base it was given on. So the platform notes what each pull request
results in whenever that changes (a sighting). A review that is new in a round in which the result is still what it was
in the round before approved that result. One that is new while the result changed is ambiguous and never holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.clients.forge import Review as ForgeReview
from interlock.clients.git import Repository
from interlock.errors import InterlockError
from interlock.platform.books import Books
from interlock.platform.books.plain import as_json
from interlock.platform.books.vocabulary import ApprovalCaptured, PullSighted, ReviewFact
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.pull import PullRequest, Review, ReviewState
from interlock.platform.domain.result import ResultIds
from interlock.platform.facts import change, ground
from interlock.platform.facts import pull as pulls
from interlock.platform.facts import result as results
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import moment, repository, sources

_STATES = {
    "APPROVED": ReviewState.APPROVED,
    "REQUEST_CHANGES": ReviewState.CHANGES_REQUESTED,
    "COMMENT": ReviewState.COMMENT,
}


@dataclass(frozen=True, slots=True)
class Given:
    """What reviewers said, and those of their reviews that are bound to what they approved."""

    reviews: tuple[Review, ...] = ()
    approvals: tuple[Approval, ...] = ()


def read(facts: Facts) -> Given:
    """The reviews as the forge tells them now; new ones are captured on the way.

    Without a result (the change does not merge) nothing can be bound: reviews stand, approvals do not.
    """
    raw = facts.get(answer)
    found, result = facts.look(change.read), facts.look(results.read)
    if isinstance(found, Unread) or isinstance(result, Unread):
        return Given(reviews(raw))
    pull, bound = facts.get(pulls.read), facts.get(results.bound)
    sighted = PullSighted(found.base, pull.base_ref, found.head, result)
    books, git, now = facts.get(ground.books), facts.get(repository), facts.get(moment)
    return Given(reviews(raw), capture(books, git, pull, raw, sighted, bound, at=now))


def answer(facts: Facts) -> Sequence[ForgeReview]:
    """What the forge answered."""
    pull = facts.get(pulls.read)
    owner, _, name = pull.repository.partition("/")
    return facts.get(sources).forge().reviews(owner, name, pull.number)


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
    now: PullSighted,
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
    books: Books,
    git: Repository,
    pull: PullRequest,
    found: Sequence[ForgeReview],
    now: PullSighted,
    bound: tuple[str, ...] | None,
    *,
    at: datetime,
) -> tuple[Approval, ...]:
    """Capture what is new, note the sighting, and return every captured approval. Repeatable: one entry a review.

    ``bound``: the paths whose ids ``now`` has as its result.

    Raises UnsupportedError ``schema-unknown`` when what was captured before cannot be read.
    """
    subject = f"{pull.repository}#{pull.number}"
    known = approvals(books, subject)
    last = next(books.of_subject(PullSighted, subject), None)
    before = last.said if last else None
    raw = {item.id: item for item in found}
    seen = {item.review for item in known}
    new = [item for item in reviews(found) if item.id not in seen]
    ref: str = now.base_ref
    result: ResultIds | None = now.result
    if before is not None:
        ref, result = before.base_ref, _result_before(git, before, now, bound)
    for approval in bind(new, pull, now, base_ref_before=ref, result_before=result):
        body = ApprovalCaptured.of(approval)
        evidence = books.capture(ReviewFact(as_json(raw[approval.review])), body.source, now=at)
        books.write(subject, body, key=body.key, evidence={"review": evidence})
        known = (*known, body.approval(evidence))
    if before != now and (before is None or _differs(before, now, result)):
        books.write(subject, now, key=PullSighted.key(subject, last.id if last else None))
    return known


def approvals(books: Books, subject: str) -> tuple[Approval, ...]:
    """What has been captured of pull request ``owner/name#number``, oldest first, each with its evidence."""
    found = [item.said.approval(item.evidence.get("review")) for item in books.of_subject(ApprovalCaptured, subject)]
    return tuple(reversed(found))


def _differs(before: PullSighted, now: PullSighted, result: ResultIds | None) -> bool:
    """A base that moved without changing the result needs no note: the older base gives the same answers."""
    return (before.head, before.base_ref) != (now.head, now.base_ref) or result != now.result


def _result_before(
    git: Repository, before: PullSighted, now: PullSighted, bound: tuple[str, ...] | None
) -> ResultIds | None:
    if (before.base, before.head) == (now.base, now.head):
        return before.result
    try:
        return results.merged_ids(git, before.base, now.head, bound)
    except InterlockError:
        return None
