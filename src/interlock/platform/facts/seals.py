"""What a seal is: a signed commit whose tree is that of one merge of ``main``, and which names one decision.

Its parents are the seal before it (none for the first) and that merge; its message ends in one trailer
``Argocd-gpg-seal: <id of the ledger entry that decided>``. The seal key signs nothing else, because Argo CD finds seals
by this trailer and the signature alone (docs/user-guide/source-integrity-git-gpg.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interlock.clients.git import Repository
from interlock.errors import IntegrityError, InterlockError
from interlock.formats.signatures import Commit, Rejected, verify_commit
from interlock.platform.domain.ids import CommitId

TRAILER = "Argocd-gpg-seal"
BRANCH = "refs/heads/sealed"


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as read. ``decision`` is the trailer: a ledger entry's id, or ``genesis`` for the first."""

    id: CommitId
    previous: CommitId | None
    merge: CommitId
    decision: str


def decision(commit: Commit) -> str | None:
    """What the seal names (a ledger entry's id, or ``genesis``), when it names exactly one."""
    found = [value for key, value in commit.trailers if key == TRAILER]
    return found[0] if len(found) == 1 else None


def problem(git: Repository, commit: Commit, certificates: Sequence[str]) -> tuple[str, str] | None:
    """(reason, detail) why ``commit`` is no seal by one of the ``certificates``; None when it is one."""
    answer = verify_commit(commit, certificates=certificates)
    if isinstance(answer, Rejected):
        return "seal-signature", f"{commit.id[:12]}: {answer.reason} {answer.detail}".strip()
    if decision(commit) is None:
        return "seal-trailer", f"{commit.id[:12]} does not name one decision"
    if not 1 <= len(commit.parents) <= 2:
        return "seal-parents", f"{commit.id[:12]} has {len(commit.parents)} parents"
    merge = commit.parents[-1]
    if git.commit(merge).tree != commit.tree:
        return "seal-tree", f"{commit.id[:12]} has another tree than {merge[:12]}"
    return None


def read(git: Repository, revision: str, certificate: str) -> Seal:
    """The seal at ``revision``. Raises IntegrityError ``seal-invalid`` when it is not exactly one of the platform's."""
    commit = git.commit(revision)
    found = problem(git, commit, [certificate])
    if found:
        raise IntegrityError(
            "seal-invalid",
            "not a seal of the platform",
            got=" ".join(found),
            expected="a seal, signed with the seal key",
            where=commit.id,
        )
    named = decision(commit)
    assert named is not None  # noqa: S101 - a seal has one
    previous = CommitId(commit.parents[0]) if len(commit.parents) == 2 else None
    return Seal(CommitId(commit.id), previous, CommitId(commit.parents[-1]), named)


def is_seal(git: Repository, revision: str, certificate: str) -> bool:
    """Whether ``revision`` is a seal, on the branch ``sealed``."""
    try:
        return read(git, revision, certificate) is not None and git.is_ancestor(revision, BRANCH)
    except InterlockError:
        return False
