"""The merge queue of one env repo: one at a time, in the order of the pull requests, and what unblocks it first."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from interlock.platform.delivery.gate import Gate
from interlock.platform.domain.verdict import Verdict


def next_merge(gates: Iterable[Gate], *, stumbled: Collection[int] = ()) -> Gate | None:
    """The pull request to merge now. The others are judged again afterwards: every merge moves their base.

    A revert that releases a blocked queue goes first, then the lowest number: nobody is overtaken for ever.
    ``stumbled``: those that could not be merged the last time; they come last, so that they hold nobody up.
    """

    def order(gate: Gate) -> tuple[bool, bool, int]:
        number = gate.pull.number
        return not gate.case.restores, number in stumbled, number

    return min((gate for gate in gates if gate.verdict is Verdict.VALID), key=order, default=None)
