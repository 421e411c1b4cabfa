"""The protocol of a check: an id, the claim it makes, and a verdict over facts with a reason code."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from interlock.errors import InterlockError
from interlock.platform.checks import reasons
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CheckId, ReasonCode
from interlock.platform.domain.verdict import Basis, Evidence, Finding, Verdict
from interlock.platform.facts import Facts

log = logging.getLogger(__name__)


class Check(ABC):
    """One rule. Subclasses say ``id`` and ``claim`` and judge; they look at nothing but facts."""

    id: str
    claim: str
    """What holds when the verdict is valid, as a sentence."""
    version: ClassVar[int] = 1
    """Raised when the rule changes: a decision that was judged by an older one is read, and not judged again."""

    @abstractmethod
    def judge(self, facts: Facts) -> Finding:
        """The verdict over ``facts``. What `Facts.get` raises may be raised: `examine` says ``unknown``."""

    def configured(self, parameters: Mapping[str, object]) -> Check:
        """The same check, as strict as ``parameters`` of the estate's table say: never less than without them. Raises
        ValueError for parameters that it does not take."""
        if parameters:
            raise ValueError(f"{self.id} takes no parameters")
        return self

    def examine(self, facts: Facts) -> Finding:
        """The finding; nothing that the facts hold is raised: nobody's pull request ends the judging of others.

        Raises only what `Facts.unread` does.
        """
        try:
            return self.judge(facts)
        except InterlockError as error:
            if error.code == reasons.MISSING:
                return self.unknown(reasons.MISSING, error.message)
            return self.unread(facts.unread(error))
        except Exception as error:
            log.exception("check %s", self.id)
            return self.unknown("check-failed", type(error).__name__)

    def valid(self, detail: str = "", *, basis: Basis = Basis.EXECUTED, evidence: tuple[Evidence, ...] = ()) -> Finding:
        return self._finding(Verdict.VALID, reasons.OK, detail, basis=basis, evidence=evidence)

    def invalid(self, reason: str, detail: str = "") -> Finding:
        return self._finding(Verdict.INVALID, reason, detail)

    def unknown(self, reason: str, detail: str = "") -> Finding:
        return self._finding(Verdict.UNKNOWN, reason, detail)

    def unread(self, fact: Unread) -> Finding:
        """A source did not answer: unknown, whatever the rule."""
        return self.unknown("fact-unreadable", str(fact))

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


class Misconfigured(Check):
    """Stands for a check whose parameters in the estate's table this software does not take."""

    claim = "The check takes its parameters."

    def __init__(self, id: str, parameters: str) -> None:
        self.id = id
        self._parameters = parameters

    def judge(self, facts: Facts) -> Finding:
        return self.unknown("check-parameters", self._parameters)


class Unknown(Check):
    """Stands for a check that the estate's table names and this software lacks: nobody can say that it holds."""

    claim = "This software knows the check."

    def __init__(self, id: str) -> None:
        self.id = id

    def judge(self, facts: Facts) -> Finding:
        return self.unknown("check-unknown", self.id)
