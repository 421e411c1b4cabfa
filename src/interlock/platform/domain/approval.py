"""Approvals: a review, bound by the platform to exactly what was approved."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.result import ResultIds


@dataclass(frozen=True, slots=True)
class Approval:
    """Holds for this repository, base ref, head commit and result, and for nothing else.

    ``result`` is None when it could not be told which result the reviewer saw; such an approval never holds.
    """

    review: int
    account: str
    repository: str
    number: int
    base_ref: str
    head: CommitId
    result: ResultIds | None
    evidence: Digest | None = None

    def holds_for(self, repository: str, base_ref: str, head: CommitId, result: ResultIds) -> bool:
        return (self.repository, self.base_ref, self.head, self.result) == (repository, base_ref, head, result)
