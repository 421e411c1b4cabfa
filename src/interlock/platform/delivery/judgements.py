"""Judgements: what the gate decided, written down before the platform asks the forge to merge.

After a crash between merge and seal the judgement says what was meant to be merged; a commit of ``main`` without one
was merged by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from interlock.platform.domain.delivery import DeliveryKind
from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.result import ResultIds
from interlock.platform.proof import kinds
from interlock.platform.proof.ledger import Ledger

JUDGED = "judged"
NO_SERVICE = ServiceName("-")
"""Stands for the service in the ledger where a restoring revert touches none, or several."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gate that was valid, for one head on one base."""

    environment: EnvironmentName
    service: ServiceName | None
    kind: DeliveryKind
    restores: bool
    repository: str
    """``owner/name``."""
    pull: int
    title: str
    base: CommitId
    head: CommitId
    result: ResultIds
    platform_commit: CommitId
    record: RecordNumber | None = None
    evidence: Mapping[str, Digest] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return kinds.subject(self.environment, self.service or NO_SERVICE)


_JUDGEMENT = TypeAdapter(Judgement)


def write(ledger: Ledger, judgement: Judgement) -> None:
    """Repeatable: one entry for a head on a base under one state of the rules."""
    key = f"{JUDGED}/{judgement.repository}/{judgement.pull}/{judgement.base}/{judgement.head}"
    body = _JUDGEMENT.dump_python(judgement, mode="json", exclude={"evidence"})
    ledger.append(
        JUDGED,
        judgement.subject,
        key=f"{key}/{judgement.platform_commit}",
        body=body,
        evidence=judgement.evidence,
    )


def read(ledger: Ledger, repository: str) -> tuple[Judgement, ...]:
    """Every judgement about a repository, oldest first."""
    return tuple(
        _JUDGEMENT.validate_python({**entry.body, "evidence": dict(entry.evidence)})
        for entry in ledger.find(JUDGED)
        if entry.body.get("repository") == repository
    )
