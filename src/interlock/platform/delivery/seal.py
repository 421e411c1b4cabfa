"""Seals: the signed commits on branch ``sealed`` that Argo CD follows. An unproven commit has none: the interlock.

What a seal is, is said in `interlock.platform.facts.seals`; here they are made, pushed and read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from interlock.clients.git import Repository
from interlock.errors import InputError
from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.facts.seals import BRANCH, TRAILER

AUTHOR = ("Interlock", "interlock@users.noreply.interlock.dev")


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
