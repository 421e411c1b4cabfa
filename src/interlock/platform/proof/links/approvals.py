"""Link 5: who approved, as read at the decision, judged again by the gate's checks."""

from __future__ import annotations

from interlock.platform.books.vocabulary import ApprovalCaptured, ReviewFact
from interlock.platform.checks import approvals, people
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.pull import ReviewState
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, decision, ground, place
from interlock.platform.proof import back

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

    def look(self, facts: Facts, draft: Draft) -> Finding:
        checks = back.decided(facts, draft, *CHECKS)
        if not checks:
            return back.nothing(facts, draft)
        draft.cite("reviews as read", "evidence store", decision.evidence(facts, "reviews"))
        contradiction = self._first_seen(facts, draft) or self._live(facts, draft)
        return contradiction or back.judged(facts, draft, checks)

    def _first_seen(self, facts: Facts, draft: Draft) -> Finding | None:
        """Each approval again as it was bound to its result when it was new; None when all agree."""
        pull = facts.get(decision.reviews).pull
        found = facts.get(ground.books).of_subject(ApprovalCaptured, f"{pull.repository}#{pull.number}")
        recorded = {item.said.review: item for item in reversed(list(found))}
        for approval in facts.get(decision.reviews).approvals:
            what = f"approval by {approval.account} when it was new"
            item = recorded.get(approval.review)
            if item is None:
                return draft.unknown("approval-not-recorded", f"the ledger lacks the {what}")
            draft.cite(what, "ledger", item.id)
            review = item.evidence.get("review")
            if review is None or item.said.approval(review) != approval:
                return draft.invalid("capture-contradicts", f"the {what} was of something else")
            draft.cite(what, "evidence store", review)
            read = facts.get(ground.books).fact(ReviewFact, review).value
            told = tuple(read.get(name) for name in ("id", "user", "commit_id"))
            if told != (approval.review, approval.account, approval.head):
                return draft.invalid("capture-contradicts", f"the {what} is not the review that was read")
        return None

    def _live(self, facts: Facts, draft: Draft) -> Finding | None:
        """A captured approval that the forge now tells differently; reviews after the merge are none of it."""
        read = facts.get(decision.reviews)
        owner, name = read.pull.repository.split("/")
        number = read.pull.number
        draft.cite(f"reviews of #{number}", f"{facts.get(place.url)}/pulls/{number}/reviews")
        reviews = draft.live("the forge", lambda: facts.get(ground.sources).forge().reviews(owner, name, number))
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
