"""Reason codes of checks and links: what each means, and what repairs it.

Each room has a table of its own beside the rules that give its codes, and registers it here, so that a code means one
thing in the whole house. Codes are stable: scripts and auditors match on them. docs/reference/reason-codes.md is
generated from all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OK = "ok"
MISSING = "fact-missing"
UNANSWERED = frozenset({"fact-unreadable", "record-unreadable", "gate-error"})
"""A system did not answer, as it seems: another look may find more."""
PUSH = "push a commit that mends it; approvals have to be given again"
REBUILD = "build the source again with the service's golden path and promote the new image"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is, and what to do."""

    explanation: str
    remedy: str


REASONS: dict[str, Reason] = {}
"""Every code of the rooms that are loaded."""


def table(reasons: Mapping[str, Reason]) -> Mapping[str, Reason]:
    """Register a room's codes. Raises ValueError for a code that another room has."""
    if twice := sorted(reasons.keys() & REASONS.keys()):
        raise ValueError(f"reason codes of two rooms: {', '.join(twice)}")
    REASONS.update(reasons)
    return reasons


def remedy(code: str) -> str:
    """What to do about a finding of that code; also for one of another version, which this one does not know."""
    known = REASONS.get(code)
    return known.remedy if known else "see the reference of the version that judged it"


table(
    {
        OK: Reason("The claim holds.", ""),
        "fact-unreadable": Reason("A source did not answer: the verdict is unknown.", "restore access to the source"),
        MISSING: Reason("A fact that the rule needs was not read.", "wait for the next round"),
        "gate-error": Reason(
            "The pull request could not be judged: something in it, or a fault of the platform. The others go on.",
            "mend what is named, or close the pull request; the controller's log has the rest",
        ),
        "check-failed": Reason(
            "The check met something that it was not made for. The others were judged.",
            "mend what is odd about the delivery; the controller's log has the rest",
        ),
        "check-parameters": Reason(
            "The estate's table gives the check parameters that it does not take.",
            "correct checks.yaml by a platform delivery",
        ),
        "check-newer": Reason(
            "The decision was judged by a newer rule than this software has: it cannot say whether that holds.",
            "use the version of Interlock that judged it, or a newer one",
        ),
        "check-unknown": Reason(
            "The estate's table demands a check that this version of the software does not have.",
            "run the version that has it, or take it out of checks.yaml by a platform delivery",
        ),
    }
)
