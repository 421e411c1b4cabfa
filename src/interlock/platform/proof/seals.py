"""What a seal is: a signed commit whose tree is that of one merge of ``main``, and which names one decision.

Its parents are the seal before it (none for the first) and that merge; its message ends in one trailer
``Argocd-gpg-seal: <id of the ledger entry that decided>``. The seal key signs nothing else, because Argo CD finds seals
by this trailer and the signature alone (docs/user-guide/source-integrity-git-gpg.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.clients.git import Repository
from interlock.formats.signatures import Commit, Rejected, verify_commit

TRAILER = "Argocd-gpg-seal"
BRANCH = "refs/heads/sealed"


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
