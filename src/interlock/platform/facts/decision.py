"""From the synced revision to the delivery that made it: its commit, seal, merge and decision.

Nothing that a ledger entry claims is believed here: entries say where to look.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.clients.git import Repository
from interlock.errors import InputError, IntegrityError, NotFoundError
from interlock.formats.signatures import Commit
from interlock.platform.books import Recorded
from interlock.platform.books.vocabulary import Judged, Merged, RecordFact, RecordRead, ReviewsFact, ReviewsRead
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.image import ImageReference
from interlock.platform.estate import Environment, Estate
from interlock.platform.facts import estates, ground, image, place, seals, synced
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import sources


def delivering(facts: Facts) -> Commit:
    """The commit of the tracked branch since which the service's paths are what is synced."""
    revision = facts.get(synced.revision)
    wanted = synced.ids(facts, revision)
    decided = next((item for item in _history(facts) if _may_deliver(facts, item)), None)
    if decided is not None and synced.ids(facts, decided.id) == wanted and _changed(facts, decided):
        return decided
    found = facts.get(place.repository).commit(revision)
    for commit in _history(facts):
        if synced.ids(facts, commit.id) != wanted:
            break
        found = commit
    return found


def image_brought(facts: Facts) -> Commit | None:
    """The commit of the tracked branch since which the service's values name the image that they name there: an earlier
    one than `delivering` where deliveries since left the image as it was. None while they name none."""
    git, path, found = facts.get(place.repository), place.values_path(facts), facts.get(delivering)
    held = image.in_values(git, found.id, path)
    while held and found.parents and _image_in(git, found.parents[0], path) == held:
        found = git.commit(found.parents[0])
    return found if held else None


def _image_in(git: Repository, commit: str, path: str) -> ImageReference | None:
    """None too for values that nobody can read: they name no image."""
    try:
        return image.in_values(git, commit, path)
    except InputError:
        return None


def _history(facts: Facts) -> Iterator[Commit]:
    """The tracked branch from the synced revision back, by first parents, as far as it is asked for."""
    git = facts.get(place.repository)
    commit = git.commit(facts.get(synced.revision))
    yield commit
    while commit.parents:
        commit = git.commit(commit.parents[0])
        yield commit


def _may_deliver(facts: Facts, commit: Commit) -> bool:
    """By its decision: an answer that saves comparisons, never one that is relied on."""
    books, subject = facts.get(ground.books), facts.get(place.subject)
    if not facts.get(place.environment).sealed:
        return any(item.entry.subject == subject for item in books.about(Merged, commit.id))
    try:
        return books.ledger.get(Digest(seals.decision(commit) or "")).subject == subject
    except (IntegrityError, NotFoundError):
        return False


def _changed(facts: Facts, commit: Commit) -> bool:
    return not commit.parents or synced.ids(facts, commit.parents[0]) != synced.ids(facts, commit.id)


def merge(facts: Facts) -> Commit:
    """The commit of ``main`` that the delivering commit stands for: itself where the environment has no seals."""
    commit = facts.get(delivering)
    sealed = facts.get(place.environment).sealed and commit.parents
    return facts.get(place.repository).commit(commit.parents[-1]) if sealed else commit


def restores(facts: Facts) -> bool:
    """Whether the merge gave exactly what had been sealed before: from git, not from what was captured."""
    commit = facts.get(delivering)
    if not facts.get(place.environment).sealed or len(commit.parents) < 2:
        return False
    return facts.get(place.repository).tree(commit.parents[0]) == facts.get(merge).tree


def name(facts: Facts) -> Digest | None:
    """The id that the seal names; None without seals. Raises IntegrityError ``seal-trailer``."""
    if not facts.get(place.environment).sealed:
        return None
    commit = facts.get(delivering)
    found = seals.decision(commit)
    if found is None:
        raise IntegrityError("seal-trailer", "the seal names no decision", where=commit.id)
    return Digest(found)


def read(facts: Facts) -> Recorded[Merged] | None:
    """The ledger's entry about the merge; None where there are no seals and nobody needed to decide.

    Raises NotFoundError ``ledger-entry-missing``, IntegrityError ``ledger-entry-altered``, ``seal-trailer`` or
    ``seal-other-decision``: any entry may be named, and only one about a merge has decided anything here.
    """
    books, named = facts.get(ground.books), facts.get(name)
    if named is None:
        found = books.about(Merged, facts.get(merge).id)
        return next((item for item in found if item.entry.subject == facts.get(place.subject)), None)
    entry = books.ledger.get(named)
    if entry.kind != Merged.KIND:
        raise IntegrityError(
            "seal-other-decision",
            "the seal names an entry that is no decision about a merge",
            got=entry.kind,
            expected=Merged.KIND,
            where=facts.get(delivering).id,
            todo="find out who moved the seal here; if it was made for this, the seal key is compromised",
        )
    return books.read(Merged, entry)


def judgement(facts: Facts) -> Recorded[Judged] | None:
    """The gate's judgement of the head that the decision merged; None where none is recorded, or no decision is.

    Raises UnsupportedError ``schema-unknown`` for one that this software cannot read.
    """
    decided = facts.get(known)
    if decided is None:
        return None
    said = decided.said
    for item in facts.get(ground.books).about(Judged, said.head):
        found = item.said
        if (found.pull, found.head, found.platform_commit) == (said.pull, said.head, said.platform_commit):
            return item
    return None


def known(facts: Facts) -> Recorded[Merged] | None:
    """The decision where it can be read: links that rest on it say so when it cannot, and others need not fail."""
    try:
        return facts.get(read)
    except (IntegrityError, NotFoundError):
        return None


def estate(facts: Facts) -> Estate:
    """The rules that were in force: the sealed platform commit that the decision names; those of now without one."""
    found = facts.get(known)
    if found is None:
        return facts.get(place.estate)
    named = found.said.platform_commit
    if not named:
        raise InputError("rules-unknown", "the decision names no platform commit", where=found.id)
    now = facts.get(place.estate)
    return now if now.commit == named else estates.at(facts.get(place.platform), named, facts.get(sources).seal)


def environment(facts: Facts) -> Environment:
    """The environment with those rules."""
    return facts.get(estate).environment(facts.get(place.read).environment)


def evidence(facts: Facts, what: str) -> Digest:
    """The digest that the decision cites under that name. Raises NotFoundError ``evidence-not-cited``."""
    found = facts.get(read)
    if found is None or what not in found.evidence:
        raise NotFoundError("evidence-not-cited", f"the decision cites no {what}", where=facts.get(place.subject))
    return found.evidence[what]


def reviews(facts: Facts) -> ReviewsRead:
    """As read at the decision. Raises what `Books.fact` raises."""
    return facts.get(ground.books).fact(ReviewsFact, evidence(facts, "reviews")).read


def record(facts: Facts) -> RecordRead:
    """The same of the change record."""
    return facts.get(ground.books).fact(RecordFact, evidence(facts, "record")).read
