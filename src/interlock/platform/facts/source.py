"""The source that a delivery brings: the commits of the app repo between what runs and what would run."""

from __future__ import annotations

from interlock.clients.git import Commit, Repository
from interlock.errors import InputError, NotFoundError
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.image import ImageFacts, Provenance
from interlock.platform.estate import layout
from interlock.platform.facts import case, image
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import estate, registered, sources
from interlock.platform.facts.signers import Signers

MAX_COMMITS = 2000


def read(facts: Facts) -> tuple[CommitFacts, ...]:
    """What is new in the source, by the verified provenance of both images.

    Without provenance of what runs now everything is new: more authors are excluded, never fewer.
    """
    if not facts.get(case.read).brings_source:
        return ()
    provenance = _provenance(facts.get(image.read))
    if not isinstance(provenance, Provenance):
        detail = str(provenance) if provenance else "the image has no verified provenance"
        raise NotFoundError("provenance-missing", detail)
    held = facts.look(image.held_read)
    old = None if isinstance(held, Unread) else _provenance(held)
    app, after = facts.get(sources).mirror(facts.get(registered).repository), provenance.commit
    since = old.commit if isinstance(old, Provenance) else None
    if not app.is_ancestor(after, layout.MAIN):
        # A build of another branch was never main's business.
        raise InputError("source-not-on-main", "the build's commit is not on the app repo's main", got=after)
    found = facts.get(sources).kept.get(("source", since, after), lambda: between(app, since, after))
    return Signers(facts.get(estate)).attribute(found, at=None)


def between(app: Repository, before: CommitId | None, after: CommitId) -> tuple[Commit, ...]:
    """Commits reachable from ``after`` and not from ``before`` (the source of what the environment holds now).

    Without ``before``, on a first release, all of them. Raises InputError ``source-too-large``, git's errors.
    """
    commits = app.log(f"{before}..{after}" if before else after, limit=MAX_COMMITS + 1)
    if len(commits) > MAX_COMMITS:
        raise InputError("source-too-large", "too many commits", got=len(commits), expected=f"<= {MAX_COMMITS}")
    return tuple(commits)


def _provenance(found: ImageFacts | None) -> Provenance | Unread | None:
    return found.provenance if found else None
