"""The versions of the library chart: those that an env repo has, those that may come, and who renders with which."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from interlock.clients.git import Repository
from interlock.platform.domain.change import REGULAR_FILE
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.result import CHART
from interlock.platform.estate import layout
from interlock.platform.estate.library import Library
from interlock.platform.facts import change, result
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.ground import environment, estate, named, registered, repository, sources


def at(git: Repository, revision: str, folder: str) -> Library | None:
    """What lies in a folder of a library chart; None where there is nothing. Links are nothing."""
    entries = [item for item in git.ls_tree(revision, folder) if item.type == "blob" and item.mode == REGULAR_FILE]
    if folder == CHART:
        entries = [item for item in entries if layout.library_version(item.path) is None]
    found = {item.path.removeprefix(f"{folder}/"): git.blob(item.id) for item in entries}
    return Library(folder, found) if found else None


def versions(git: Repository, revision: str) -> tuple[str, ...]:
    """Oldest first."""
    found = {version for item in git.ls_tree(revision, CHART) if (version := layout.library_version(item.path))}
    return tuple(sorted(found, key=Version))


def newest(git: Repository, revision: str) -> Library | None:
    """What a new service renders with; the flat chart where there are no versions, None where there is none at all."""
    there = versions(git, revision)
    return at(git, revision, layout.library(there[-1]) if there else CHART)


def flat(git: Repository, revision: str) -> tuple[ServiceName, ...]:
    """The services that render with the flat chart."""
    services = [ServiceName(item.path.rpartition("/")[2]) for item in git.ls_tree(revision, "apps", recursive=False)]
    return tuple(item for item in services if result.library(git, revision, item) == CHART)


def candidates(
    version: str, git: Repository, base: str, platform: Repository, sealed: str, packaged: Mapping[str, bytes]
) -> tuple[Library, ...]:
    """What may be added to an env repo as ``version``: the flat chart that it has, where that is of this version; and
    what is in force: the sealed platform repo's, or where that has none the package's."""
    own = at(git, base, CHART)
    in_force = at(platform, sealed, layout.library(version))
    found = [own] if own and own.version == version else []
    found += [in_force] if in_force else [Library(layout.library(version), packaged)] if packaged else []
    return tuple(Library(layout.library(version), item.files) for item in found)


def there(facts: Facts) -> tuple[str, ...]:
    """The versions that the base has."""
    return versions(facts.get(repository), facts.get(change.read).base)


def added(facts: Facts) -> Library | None:
    """The version that the change brings files of; the first of several."""
    after = facts.get(change.read).after
    version = next((found for path in sorted(after) if (found := layout.library_version(path))), None)
    if version is None:
        return None
    folder = layout.library(version)
    return Library(
        folder, {path.removeprefix(f"{folder}/"): after[path] for path in after if path.startswith(f"{folder}/")}
    )


def allowed(facts: Facts) -> tuple[Library, ...]:
    """What it may be."""
    brought, where = facts.get(added), facts.get(sources)
    if brought is None:
        return ()
    version = brought.folder.rpartition("/")[2]
    git, base, sealed = facts.get(repository), facts.get(change.read).base, facts.get(estate).commit
    return candidates(version, git, base, where.mirror(where.platform), sealed, where.chart(version))


def left(facts: Facts) -> tuple[str, ...]:
    """Files of the flat chart after the merge."""
    found = at(facts.get(repository), facts.get(change.read).tree, CHART)
    return tuple(found.placed) if found else ()


def users(facts: Facts) -> tuple[ServiceName, ...]:
    """Who renders with the flat chart after the merge."""
    return flat(facts.get(repository), facts.get(change.read).tree)


def target(facts: Facts) -> Library | None:
    """What the service renders with after the merge, as the base has it; None where the base has no such folder."""
    git, found = facts.get(repository), facts.get(change.read)
    return at(git, found.base, result.library(git, found.tree, facts.get(named)))


def generated(facts: Facts) -> Mapping[str, bytes]:
    """What the golden path generates for the service with that chart. Raises InputError ``chart-too-old`` for one that
    cannot render the service's shape."""
    chart = facts.get(target)
    if chart is None:
        raise missing("library chart")
    return facts.get(sources).generate(facts.get(registered), facts.get(environment), chart)
