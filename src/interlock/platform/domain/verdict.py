"""Verdicts of checks and proof links: three values, how the fact was obtained, and what would repair it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from interlock.platform.domain.ids import CheckId, Digest, ReasonCode


class Verdict(StrEnum):
    """``unknown`` is never valid: what could not be read does not pass."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """How a fact was obtained. An environment declares which it accepts; a real prod accepts only ``executed``."""

    EXECUTED = "executed"
    SIMULATED = "simulated"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence: what it is, where it was read, and, when stored, under which digest."""

    what: str
    source: str
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check or one proof link."""

    id: CheckId
    claim: str
    verdict: Verdict
    reason: ReasonCode
    detail: str = ""
    basis: Basis = Basis.EXECUTED
    evidence: tuple[Evidence, ...] = field(default=())
    remedy: str = ""

    def accepted(self, bases: Iterable[Basis]) -> bool:
        """Whether this finding lets a delivery pass where ``bases`` are accepted."""
        return self.verdict is Verdict.VALID and self.basis in set(bases)


def overall(findings: Iterable[Finding], bases: Iterable[Basis]) -> Verdict:
    """Valid only when there is at least one finding and every one is accepted; invalid beats unknown."""
    found, accepted = list(findings), set(bases)
    if any(item.verdict is Verdict.INVALID for item in found):
        return Verdict.INVALID
    if found and all(item.accepted(accepted) for item in found):
        return Verdict.VALID
    return Verdict.UNKNOWN
