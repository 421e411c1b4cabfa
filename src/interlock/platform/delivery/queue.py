"""The merge queue of one env repo: one at a time, in the order of the pull requests, and what unblocks it first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interlock.clients.forge import PullRequest
from interlock.platform.delivery.readmodel import Pull
from interlock.platform.domain.verdict import Verdict


def ready(known: Iterable[Pull], listed: Sequence[PullRequest]) -> list[PullRequest]:
    """Open pull requests whose gate held at the head that they have, in the order in which they are merged. The others
    are judged again afterwards: every merge moves their base.

    A revert that releases a blocked queue goes first, then the lowest number: nobody is overtaken for ever.
    """
    valid = {item.number: item for item in known if item.verdict is Verdict.VALID}
    found = [item for item in listed if item.number in valid and valid[item.number].head == item.head_sha]
    return sorted(found, key=lambda item: (not valid[item.number].restores, item.number))
