"""The state of an env repo's merge queue."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.domain.ids import CommitId
from interlock.platform.facts.facts import Facts


@dataclass(frozen=True)
class QueueState:
    """``blocked_by``: the first commit of ``main`` that is not proven."""

    blocked_by: CommitId | None = None
    reason: str = ""
    waiting: bool = False
    """Whether that commit can be proven is not known yet: a source did not answer. Nothing is to be reverted."""


def read(facts: Facts) -> QueueState:
    """As the history of ``main`` has it; open where nobody says otherwise."""
    return QueueState()
