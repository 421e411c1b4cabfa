"""The merge queue of one env repo: one at a time, in the order of the pull requests, and what unblocks it first."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.platform.delivery.gate import Gate
from interlock.platform.domain.verdict import Verdict


def next_merge(gates: Iterable[Gate]) -> Gate | None:
    """The pull request to merge now. The others are judged again afterwards: every merge moves their base.

    A revert that releases a blocked queue goes first, then the lowest number: nobody is overtaken for ever.
    """
    ready = [gate for gate in gates if gate.verdict is Verdict.VALID]
    return min(ready, key=lambda gate: (not gate.facts.restores, gate.facts.pull.number), default=None)
