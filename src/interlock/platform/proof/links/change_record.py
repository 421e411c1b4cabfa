"""Link 6: the change record as it was when the delivery was decided."""

from __future__ import annotations

from interlock.errors import NotFoundError
from interlock.platform.books.vocabulary import RecordAnswered
from interlock.platform.checks import record as checks_record
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.record import ChangeRecord, RecordApprovalState
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, decision, ground
from interlock.platform.proof import back

CHECKS = (
    checks_record.RecordNamed,
    checks_record.RecordExists,
    checks_record.RecordCheck,
)


class ChangeRecordLink(Link):
    """Records live on after the delivery: state and notes may change, what was approved and by whom may not."""

    id = "change-record"
    claim = "A change record for exactly this delivery was approved and its window was open."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        checks = back.decided(facts, draft, *CHECKS)
        if not checks:
            return back.nothing(facts, draft)
        draft.cite("change record as read", "evidence store", decision.evidence(facts, "record"))
        captured = facts.get(decision.record)
        # Who asked for the delivery may not approve its record: that is judged on the captured pull request.
        draft.cite("reviews as read", "evidence store", decision.evidence(facts, "reviews"))
        record = captured.record.record
        contradiction = self._first_seen(facts, draft, record) or self._live(facts, draft, record)
        return contradiction or back.judged(facts, draft, checks)

    def _first_seen(self, facts: Facts, draft: Draft, captured: object) -> Finding | None:
        """Each approval again as it was when it was new: with the plan that was shown; None when all agree."""
        if not isinstance(captured, ChangeRecord):
            return None
        answers = list(reversed(list(facts.get(ground.books).of_subject(RecordAnswered, captured.number))))
        for item in captured.approvals:
            if item.state is not RecordApprovalState.APPROVED or item.shown is None:
                continue
            found = [answer for answer in answers if answer.said.account == item.account]
            if not found:
                what = f"answer of {item.account} when it was new"
                return draft.unknown("approval-not-recorded", f"the ledger lacks the {what}")
            for answer in found:
                draft.cite(f"answer of {item.account} when it was new", "ledger", answer.id)
            if item.shown not in {answer.said.plan for answer in found}:
                return draft.invalid("capture-contradicts", f"{item.account} was shown another plan")
        return None

    def _live(self, facts: Facts, draft: Draft, captured: object) -> Finding | None:
        """What the ticket system says now; None when it agrees or does not answer."""
        if not isinstance(captured, ChangeRecord):
            return None
        number = captured.number
        draft.cite(f"change record {number}", f"change_request/{number}")
        tickets = draft.live("the ticket system", facts.get(ground.sources).tickets)
        if tickets is None:
            return None
        try:
            now = draft.live("the ticket system", lambda: tickets.get(number))
        except NotFoundError:
            return draft.invalid("live-differs", f"the ticket system no longer has {number}")
        rows = draft.live("the ticket system", lambda: tickets.approvals(now.sys_id)) if now else None
        if now is None or rows is None:
            return None
        if now.plan_digest() != captured.plan:
            return draft.invalid("live-differs", f"{number} was changed since: its plan is not what was approved")
        answered = {(row.approver.casefold(), row.state) for row in rows}
        for item in captured.approvals:
            if item.state is RecordApprovalState.REQUESTED:
                continue
            if (item.account.casefold(), item.state.value) not in answered:
                return draft.invalid("live-differs", f"{number} no longer has the answer of {item.account}")
        return None
