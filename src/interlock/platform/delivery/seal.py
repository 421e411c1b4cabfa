"""Seals: the signed commits on branch ``sealed`` that Argo CD follows. An unproven commit has none: the interlock.

A seal's parents are the previous seal and one commit of ``main``; its tree is that commit's tree; its message ends in
one trailer ``Argocd-gpg-seal: <id of the ledger entry that decided>``. The seal key signs nothing else, because Argo CD
finds seals by this trailer and the signature alone (docs/user-guide/source-integrity-git-gpg.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from interlock.clients.git import Repository
from interlock.errors import InputError, IntegrityError, InterlockError
from interlock.formats.signatures import Verified, verify_commit
from interlock.platform.domain.ids import CommitId, Digest

TRAILER = "Argocd-gpg-seal"
BRANCH = "refs/heads/sealed"
AUTHOR = ("Interlock", "interlock@users.noreply.interlock.dev")


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as read. ``decision`` is the trailer: a ledger entry's id, or ``genesis`` for the first."""

    id: CommitId
    previous: CommitId | None
    merge: CommitId
    decision: str


def build(
    git: Repository,
    *,
    environment: str,
    previous: CommitId,
    merge: CommitId,
    decision: Digest,
    lines: tuple[str, ...],
    now: datetime,
    sign: Callable[[bytes], str],
    author: tuple[str, str] = AUTHOR,
) -> CommitId:
    """Write the seal of ``merge``; nothing moves. ``lines`` tell people what was decided; ``author`` is (name, email),
    which a forge wants to be the account's and the key's.

    Raises InputError ``seal-text`` for lines that could be taken for a trailer.
    """
    if any("\n" in line or line.lower().startswith(TRAILER.lower()) for line in lines):
        raise InputError("seal-text", "a line of the seal's message could be taken for a trailer", got=lines)
    body = "\n".join(line or "-" for line in lines)
    message = f"Seal {environment} {merge[:12]}\n\n{body}\n\n{TRAILER}: {decision}\n"
    return CommitId(git.commit_tree(git.tree(merge), [previous, merge], message, author=author, date=now, sign=sign))


def push(git: Repository, seal: CommitId, *, expected_old: CommitId) -> None:
    """Move ``sealed`` from the seal that was read to this one. Raises ConflictError ``git-push-stale`` when somebody
    moved it since, RefusedError ``git-push-refused``."""
    git.push(f"{seal}:{BRANCH}", expected_old=expected_old)


def read(git: Repository, revision: str, certificate: str) -> Seal:
    """The seal at ``revision``. Raises IntegrityError ``seal-invalid`` when it is not exactly one of the platform's."""
    commit = git.commit(revision)
    answer = verify_commit(commit, certificates=[certificate])
    if not isinstance(answer, Verified):
        raise _invalid(commit.id, f"signature: {answer.reason}")
    decisions = [value for key, value in commit.trailers if key == TRAILER]
    if len(decisions) != 1:
        raise _invalid(commit.id, f"{len(decisions)} trailers {TRAILER}")
    if len(commit.parents) not in (1, 2):
        raise _invalid(commit.id, f"{len(commit.parents)} parents")
    merge = git.commit(commit.parents[-1])
    if merge.tree != commit.tree:
        raise _invalid(commit.id, f"its tree is not that of {merge.id[:12]}")
    previous = CommitId(commit.parents[0]) if len(commit.parents) == 2 else None
    return Seal(CommitId(commit.id), previous, CommitId(merge.id), decisions[0])


def is_seal(git: Repository, revision: str, certificate: str) -> bool:
    """Whether ``revision`` is a seal, on the branch ``sealed``."""
    try:
        return read(git, revision, certificate) is not None and git.is_ancestor(revision, BRANCH)
    except InterlockError:
        return False


def _invalid(commit: str, got: str) -> IntegrityError:
    return IntegrityError(
        "seal-invalid", "not a seal of the platform", got=got, expected="a seal, signed with the seal key", where=commit
    )
