"""What a pull request would do to its base branch: files, before and after, as git has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from interlock.platform.domain.ids import CommitId, ObjectId, PersonId

REGULAR_FILE = "100644"
ChangeStatus = Literal["added", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file. Modes are git's (``100644`` regular, ``100755`` executable, ``120000`` symlink); empty when absent."""

    path: str
    status: ChangeStatus
    old_mode: str = REGULAR_FILE
    new_mode: str = REGULAR_FILE


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """One commit of a branch, with who is shown to have made it."""

    id: CommitId
    subject: str
    parents: int
    person: PersonId | None
    """Whose key signed it; None when no known person's did."""
    platform: bool = False
    """Signed by a key of the platform or of the forge, as its merges are."""
    problem: str = ""
    """Why ``person`` is None and ``platform`` false: a reason of formats/signatures, or ``unknown-person``."""


@dataclass(frozen=True, slots=True)
class Change:
    """The pull request's diff (``proposed``), and what merging it does to the base (``effect``).

    The two differ when base and head changed the same places alike; rules judge both, because reviewers see the
    first and the cluster gets the second.
    """

    base: CommitId
    """Tip of the base branch."""
    head: CommitId
    merge_base: CommitId
    tree: ObjectId
    """``git merge-tree --write-tree base head``."""
    proposed: tuple[FileChange, ...]
    effect: tuple[FileChange, ...]
    before: Mapping[str, bytes] = field(default_factory=dict)
    """Contents at ``base`` of the files in ``effect``."""
    after: Mapping[str, bytes] = field(default_factory=dict)
    """Contents in ``tree`` of the same files."""
    commits: tuple[CommitFacts, ...] = ()
    """Every commit of ``merge_base..head``."""

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(item.path for item in (*self.proposed, *self.effect))
