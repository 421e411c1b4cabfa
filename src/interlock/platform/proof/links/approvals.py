"""Link 5: who approved, as read at the decision, judged again by the gate's checks."""

from __future__ import annotations

from interlock.platform.checks import approvals, people
from interlock.platform.domain.pull import ReviewState
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import replay
from interlock.platform.proof.link import Draft, Link
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
        if walk.decision_name is not None:
            draft.cite("decision", "ledger", walk.decision_name)
        if walk.decision is not None:
            draft.cite("decision", "ledger", walk.decision.id)
        checks = replay.demanded(walk, *CHECKS)
        if not checks:
            return replay.nothing(walk, draft)
        draft.cite("reviews as read", "evidence store", walk.evidence("reviews"))
        facts = replay.people_facts(walk)
        finding = replay.judged(walk, draft, checks, facts)
        changed = self._live(walk, draft)
        return changed or finding

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
