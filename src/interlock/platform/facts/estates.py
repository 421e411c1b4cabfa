"""The estate as sealed: rules, people, services and keys from one commit of the platform repo's ``sealed``."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.errors import IntegrityError
from interlock.formats.signatures import Verified, verify_commit
from interlock.platform import estate as estates
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import Estate
from interlock.platform.facts import seals


def tip(git: Repository, certificate: str, *, known: Estate | None = None) -> Estate:
    """From the tip of ``sealed`` in a fetched mirror; ``known`` is returned while it is of that commit.

    Raises IntegrityError ``seal-invalid`` when the tip is no seal of ``certificate``'s key, and the errors of
    `estate.load`.
    """
    found = seals.read(git, seals.BRANCH, certificate).id
    return known if known is not None and known.commit == found else of(git, found)


def at(git: Repository, commit: CommitId, certificate: str) -> Estate:
    """As it was sealed at ``commit``. Raises IntegrityError ``rules-unsealed`` for a commit that was never sealed."""
    if not git.is_ancestor(commit, seals.BRANCH):
        raise IntegrityError("rules-unsealed", "the rules are of a commit that was never sealed", got=commit)
    answer = verify_commit(git.commit(commit), certificates=[certificate])
    if not isinstance(answer, Verified):
        raise IntegrityError(
            "rules-unsealed", "the commit that the rules are of is no seal", got=f"{commit}: {answer.reason}"
        )
    return of(git, commit)


def of(git: Repository, commit: CommitId) -> Estate:
    """What the files of a commit or tree say, sealed or not. Raises the errors of `estate.load`."""
    entries = [item for item in git.ls_tree(commit) if item.type == "blob" and estates.belongs(item.path)]
    return estates.load({item.path: git.blob(item.id) for item in entries}, commit=commit)
