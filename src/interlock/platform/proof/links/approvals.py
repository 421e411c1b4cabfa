"""Link 5: who approved, as read at the decision, judged again by the gate's checks."""

from __future__ import annotations

from interlock.platform.books.vocabulary import ApprovalCaptured, ReviewFact
from interlock.platform.checks import approvals, people
from interlock.platform.domain.pull import ReviewState
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import replay
from interlock.platform.proof.link import RESTORE, Draft, Link
from interlock.platform.proof.walk import Walk

CHECKS = (
    approvals.ApprovalBy,
    approvals.NobodyAgainst,
    people.InitiatorKnown,
    people.SignedCommits,
    people.SourceAuthorsKnown,
)
_STATES = {"APPROVED": ReviewState.APPROVED, "REQUEST_CHANGES": ReviewState.CHANGES_REQUESTED}


class Approvals(Link):
    """They count for the base, head and result that git has; people are those of the rules in force."""

    id = "approvals"
    claim = "The people that the environment asks for approved exactly this head and result."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        checks = replay.decided(walk, draft, *CHECKS)
        if not checks:
            return replay.nothing(walk, draft)
        draft.cite("reviews as read", "evidence store", walk.evidence("reviews"))
        contradiction = self._first_seen(walk, draft) or self._live(walk, draft)
        return contradiction or replay.judged(walk, draft, checks, replay.people_facts(walk))

    def _first_seen(self, walk: Walk, draft: Draft) -> Finding | None:
        """Each approval again as it was bound to its result when it was new; None when all agree."""
        pull = walk.reviews_read.pull
        found = walk.books.of_subject(ApprovalCaptured, f"{pull.repository}#{pull.number}")
        recorded = {item.said.review: item for item in reversed(list(found))}
        for approval in walk.reviews_read.approvals:
            what = f"approval by {approval.account} when it was new"
            item = recorded.get(approval.review)
            if item is None:
                return draft.unknown("approval-not-recorded", f"the ledger lacks the {what}", remedy=RESTORE)
            draft.cite(what, "ledger", item.id)
            review = item.evidence.get("review")
            if review is None or item.said.approval(review) != approval:
                return draft.invalid("capture-contradicts", f"the {what} was of something else")
            draft.cite(what, "evidence store", review)
            read = walk.books.fact(ReviewFact, review).value
            told = tuple(read.get(name) for name in ("id", "user", "commit_id"))
            if told != (approval.review, approval.account, approval.head):
                return draft.invalid("capture-contradicts", f"the {what} is not the review that was read")
        return None

    def _live(self, walk: Walk, draft: Draft) -> Finding | None:
        """A captured approval that the forge now tells differently; reviews after the merge are none of it."""
        read = walk.reviews_read
        owner, name = read.pull.repository.split("/")
        number = read.pull.number
        draft.cite(f"reviews of #{number}", f"{walk.url}/pulls/{number}/reviews")
        reviews = draft.live("the forge", lambda: walk.sources.forge().reviews(owner, name, number))
        if reviews is None:
            return None
        live = {item.id: item for item in reviews}
        for item in read.reviews:
            if item.state is ReviewState.COMMENT:
                continue
            now = live.get(item.id)
            if now is None:
                return draft.invalid("live-differs", f"the forge no longer has review {item.id} by {item.account}")
            told = (now.user.casefold(), _STATES.get(now.state), now.commit_id, now.dismissed)
            if told != (item.account.casefold(), item.state, item.commit, item.dismissed):
                return draft.invalid("live-differs", f"the forge tells review {item.id} by {item.account} differently")
        return None
