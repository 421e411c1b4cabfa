"""The protocol of a check: an id, the claim it makes, and a verdict over facts with a reason code."""

from __future__ import annotations

from abc import ABC, abstractmethod

from interlock.platform.checks import reasons
from interlock.platform.checks.facts import GateFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.verdict import Basis, Evidence, Finding, Verdict


class Check(ABC):
    """One rule. Subclasses say ``id`` and ``claim`` and judge; they read nothing but the facts."""

    id: str
    claim: str
    """What holds when the verdict is valid, as a sentence."""

    @abstractmethod
    def judge(self, facts: GateFacts) -> Finding:
        """The verdict over ``facts``. Never raises for what facts can hold."""

    def valid(self, detail: str = "", *, basis: Basis = Basis.EXECUTED, evidence: tuple[Evidence, ...] = ()) -> Finding:
        return self._finding(Verdict.VALID, reasons.OK, detail, basis=basis, evidence=evidence)

    def invalid(self, reason: str, detail: str = "", *, evidence: tuple[Evidence, ...] = ()) -> Finding:
        return self._finding(Verdict.INVALID, reason, detail, evidence=evidence)

    def unknown(self, reason: str, detail: str = "") -> Finding:
        return self._finding(Verdict.UNKNOWN, reason, detail)

    def unread(self, fact: Unread) -> Finding:
        """A source did not answer: unknown, whatever the rule."""
        return self._finding(Verdict.UNKNOWN, "fact-unreadable", str(fact))

    def missing(self, what: str) -> Finding:
        """Nobody read a fact that this rule needs: unknown, never a pass."""
        return self._finding(Verdict.UNKNOWN, "fact-missing", what)

    def _finding(
        self,
        verdict: Verdict,
        reason: str,
        detail: str,
        *,
        basis: Basis = Basis.EXECUTED,
        evidence: tuple[Evidence, ...] = (),
    ) -> Finding:
        return Finding(
            id=CheckId(self.id),
            claim=self.claim,
            verdict=verdict,
            reason=ReasonCode(reason),
            detail=detail,
            basis=basis,
            evidence=evidence,
            remedy=reasons.REASONS[reason].remedy,
        )
