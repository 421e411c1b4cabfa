"""The source that a delivery brings: the commits of the app repo between what runs and what would run."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.errors import InputError, InterlockError
from interlock.platform.delivery.signers import Signers
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import CommitId

MAX_COMMITS = 2000


def read_source(
    app: Repository, before: CommitId | None, after: CommitId, signers: Signers
) -> tuple[CommitFacts, ...] | Unread:
    """Commits reachable from ``after`` and not from ``before`` (the source of what the environment holds now).

    Without ``before``, on a first release, all of them. ``after`` must be on the app repo's ``main``: a build of
    another branch was never main's business. Unread ``source-not-on-main``, ``source-too-large`` or what git said.
    """
    try:
        if not app.is_ancestor(after, "refs/heads/main"):
            raise InputError("source-not-on-main", "the build's commit is not on the app repo's main", got=after)
        commits = app.log(f"{before}..{after}" if before else after, limit=MAX_COMMITS + 1)
        if len(commits) > MAX_COMMITS:
            raise InputError("source-too-large", "too many commits", got=len(commits), expected=f"<= {MAX_COMMITS}")
        return signers.attribute(commits, at=None)
    except InterlockError as error:
        return unread("git app repo", error)
