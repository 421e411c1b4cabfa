"""What a link of the proof is: a check whose facts are reached by walking back from what runs.

It cites its evidence while it looks at it, and tells errors of reading by what they mean for a proof: altered or
malformed evidence is invalid, what is missing or did not answer is unknown.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import TypeVar

from interlock.errors import InputError, IntegrityError, InterlockError, NotFoundError, RefusedError, UnreachableError
from interlock.platform.checks import reasons
from interlock.platform.checks.check import Check
from interlock.platform.domain.ids import CheckId, Digest, ReasonCode
from interlock.platform.domain.verdict import Basis, Evidence, Finding, Verdict
from interlock.platform.facts import Facts

log = logging.getLogger(__name__)
T = TypeVar("T")
NOT_REQUIRED = "not-required"
_NO_ACCESS = ("credential-missing", "identity-unknown", "kubeconfig-missing", "kubeconfig-context")
REASONS = reasons.table(
    {
        "link-failed": reasons.Reason(
            "The link could not be judged: something that it reads is of a form that nobody writes. The others go on.",
            "see the command's error output for what it met, and find out who wrote it",
        ),
    }
)
RESTORE = "restore what is missing or altered from its backup, and find out who changed it"


class Link(Check):
    """One link of the chain. Subclasses say ``id`` and ``claim``, and look."""

    @abstractmethod
    def look(self, facts: Facts, draft: Draft) -> Finding:
        """Cite in ``draft`` what is relied on, and return one of its verdicts. Errors of reading may be raised."""

    def judge(self, facts: Facts) -> Finding:
        draft = Draft(self.id, self.claim)
        try:
            return self.look(facts, draft)
        except InterlockError as error:
            return draft.failed(error)
        except Exception as error:
            log.exception("link %s", self.id)
            return draft.unknown("link-failed", type(error).__name__)


class Draft:
    """A finding in the making."""

    def __init__(self, id: str, claim: str) -> None:
        self._id, self._claim = CheckId(id), claim
        self._evidence: list[Evidence] = []
        self._notes: list[str] = []
        self.basis = Basis.EXECUTED

    def cite(self, what: str, source: str, digest: str | None = None) -> None:
        """Rely on a piece of evidence. Cite before reading it, so that a failure names it too."""
        item = Evidence(what, source, Digest(digest) if digest else None)
        if item not in self._evidence:
            self._evidence.append(item)

    def note(self, text: str) -> None:
        self._notes.append(text)

    def live(self, what: str, read: Callable[[], T]) -> T | None:
        """A live fact that only confirms what was captured: a source that cannot be read by us is noted."""
        try:
            return read()
        except (UnreachableError, RefusedError, NotFoundError) as error:
            if isinstance(error, NotFoundError) and error.code not in _NO_ACCESS:
                raise
            self.note(f"{what} could not be asked ({error.code}), captured facts decide")
            return None

    def valid(self, detail: str = "", *, reason: str = reasons.OK) -> Finding:
        return self._finding(Verdict.VALID, reason, detail, "")

    def invalid(self, reason: str, detail: str) -> Finding:
        return self._finding(Verdict.INVALID, reason, detail, reasons.remedy(reason))

    def unknown(self, reason: str, detail: str) -> Finding:
        return self._finding(Verdict.UNKNOWN, reason, detail, reasons.remedy(reason))

    def adopt(self, finding: Finding) -> Finding:
        """The verdict of a check, as this link's."""
        return self._finding(finding.verdict, finding.reason, finding.detail, finding.remedy, finding.evidence)

    def failed(self, error: InterlockError) -> Finding:
        """Altered or malformed evidence is invalid; what is missing or could not be read is unknown."""
        verdict = Verdict.INVALID if isinstance(error, IntegrityError | InputError) else Verdict.UNKNOWN
        remedy = error.todo or (RESTORE if isinstance(error, IntegrityError | NotFoundError) else "ask again later")
        return self._finding(verdict, error.code, str(error), remedy)

    def _finding(
        self, verdict: Verdict, reason: str, detail: str, remedy: str, more: tuple[Evidence, ...] = ()
    ) -> Finding:
        return Finding(
            id=self._id,
            claim=self._claim,
            verdict=verdict,
            reason=ReasonCode(reason),
            detail="; ".join(filter(None, [detail, *self._notes])),
            basis=self.basis,
            evidence=(*self._evidence, *(item for item in more if item not in self._evidence)),
            remedy=remedy,
        )
