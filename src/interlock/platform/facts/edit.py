"""What an edit of the platform repo's own files gives: the estate of its base, and the one of the merge's tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from interlock.clients.git import Repository
from interlock.errors import InputError, NotFoundError
from interlock.formats.sigstore import keys
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import PLATFORM, Estate, argocd, layout, strictness
from interlock.platform.estate.strictness import Difference
from interlock.platform.facts import change, estates
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.ground import repository, sources

CATALOG, GENERATED = "catalog/", "argocd/"
"""Folders of the platform repo."""
_PROJECT = "argocd/project-platform.yaml"


@dataclass(frozen=True)
class Edit:
    """``after`` is None where the files contradict themselves or each other: ``problem`` says how, with the place."""

    before: Estate
    after: Estate | None
    problem: str = ""


@dataclass(frozen=True)
class Generated:
    """Argo CD's objects that an edit moves or must move, by path: as they are generated of the edited values (None:
    not any more), and as they would be there."""

    expected: Mapping[str, bytes | None] = field(default_factory=dict)
    present: Mapping[str, bytes] = field(default_factory=dict)


def read(facts: Facts) -> Edit:
    """Raises the errors of `estate.load` for the base alone: what is proposed is judged, not believed."""
    git, found, kept = facts.get(repository), facts.get(change.read), facts.get(sources).kept
    before = kept.get(("estate", found.base), lambda: estates.of(git, found.base))
    try:
        after = kept.get(("estate", found.tree), lambda: estates.of(git, CommitId(found.tree)))
    except (InputError, NotFoundError) as error:
        return Edit(before, None, str(error))
    return Edit(before, after)


def differences(facts: Facts) -> tuple[Difference, ...]:
    """Every field that would say something else, and every file of the catalog: what it runs nobody can compare."""
    found = facts.get(read)
    if found.after is None:
        return ()
    everywhere = frozenset((PLATFORM, *(item.name for item in found.before.platform.environments)))
    changed = [item.path for item in facts.get(change.read).effect if item.path.startswith(CATALOG)]
    catalog = tuple(Difference(path, stricter=False, environments=everywhere) for path in changed)
    return (*strictness.differences(found.before, found.after), *catalog)


def generated(facts: Facts) -> Generated:
    """The seal key is the base's: no edit changes it."""
    found, git, moved = facts.get(read), facts.get(repository), facts.get(change.read)
    if found.after is None:
        return Generated()
    old, new = (objects(git, moved.base, found.before, item) for item in (found.before, found.after))
    asked = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    asked |= {path for path in moved.paths if path.startswith(GENERATED)}
    return Generated({path: new.get(path) for path in sorted(asked)}, change.contents(git, moved.tree, asked))


def objects(git: Repository, base: str, before: Estate, estate: Estate) -> Mapping[str, bytes]:
    """Argo CD's objects of ``estate``, path -> bytes, with the seal key of ``before``, which stands at ``base``."""
    project = git.read(base, _PROJECT)
    ids = argocd.seal_key_ids(project, file=_PROJECT) if project else ()
    return argocd.files(estate.platform, seal_key_ids=ids, seal_certificate=before.keys.seal)


def pipelines(facts: Facts) -> Mapping[str, bytes]:
    """The Pipelines that the edited estate's golden paths need, path -> bytes. Raises InputError ``shape-unknown`` and
    ``pipeline-unknown`` for a path that this software does not have."""
    found = facts.get(read)
    return facts.get(sources).pipelines((found.after or found.before).platform)


def catalog(facts: Facts) -> Mapping[str, bytes]:
    """The catalog as it would be, path -> bytes."""
    git, tree = facts.get(repository), facts.get(change.read).tree
    return {item.path: git.blob(item.id) for item in git.ls_tree(tree, CATALOG.rstrip("/")) if item.type == "blob"}


@dataclass(frozen=True)
class Rotation:
    """Keys of one file, before and after an edit, by fingerprint."""

    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    problem: str = ""
    """Why the file would hold no keys."""
    since: Mapping[str, datetime] = field(default_factory=dict)
    """When each of ``before`` was sealed, as it has stood there ever since."""


def rotations(facts: Facts) -> tuple[Rotation, ...]:
    """Of the keys whose files would change: those of releases and statements."""
    found, git = facts.get(read), facts.get(repository)
    if found.after is None:
        return ()
    made = []
    for name in ("release", "attest"):
        path, old, new = f"keys/{name}.pem", getattr(found.before.keys, name), getattr(found.after.keys, name)
        if old == new:
            continue
        before, (after, problem) = _fingerprints(old)[0], _fingerprints(new)
        made.append(Rotation(path, before, after, problem, _since(git, path, before)))
    return tuple(made)


def _since(git: Repository, path: str, keys: tuple[str, ...]) -> Mapping[str, datetime]:
    """Back along the seals, for as long as one of ``keys`` is still there."""
    since: dict[str, datetime] = {}
    there = set(keys)
    for commit in git.log(layout.SEALED, first_parent=True):
        there &= set(_fingerprints((git.read(commit.id, path) or b"").decode(errors="replace"))[0])
        if not there:
            break
        since |= dict.fromkeys(there, commit.committer.when)
    return since


def _fingerprints(pem: str) -> tuple[tuple[str, ...], str]:
    """And why there are none."""
    try:
        return tuple(key.fingerprint for key in keys.load_ring(pem.encode()).keys), ""
    except InputError as error:
        return (), str(error)


def unknown_checks(facts: Facts) -> tuple[str, ...]:
    """What the edited ``checks.yaml`` names and no kind knows: ``kind in environment: id``. The kinds tell it."""
    raise missing("checks of the kinds")
