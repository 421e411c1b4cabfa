"""Result ids: what a merge gives to a service, as git object ids (design section 6.5)."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.clients.git import Repository
from interlock.platform.domain.ids import ObjectId, ServiceName
from interlock.platform.domain.result import CHART, ResultIds, registry_paths, service_paths
from interlock.platform.estate import PLATFORM, layout
from interlock.platform.facts import case, change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, repository


def read(facts: Facts) -> ResultIds:
    """What merging the pull request gives to its service."""
    return ids(facts.get(repository), facts.get(change.read).tree, facts.get(bound))


def bound(facts: Facts) -> tuple[str, ...] | None:
    """The paths that an approval is bound to: its kind knows them. None, for a restoring revert of no single service:
    everything."""
    service, git = facts.get(case.read).service, facts.get(repository)
    if service is None:
        return None
    return paths(service, facts.get(environment).name, library(git, facts.get(change.read).tree, service))


def paths(service: ServiceName, environment: str, chart: str) -> tuple[str, ...]:
    """Everything that decides what ``service`` runs, in the repository of ``environment``."""
    return registry_paths(service) if environment == PLATFORM else service_paths(service, chart)


def library(git: Repository, revision: str, service: ServiceName | None) -> str:
    """The folder of the library chart that the service renders with there; see `layout.library_chart`."""
    if service is None:
        return CHART
    file = f"{layout.chart(service)}/Chart.yaml"
    return layout.library_chart(git.read(revision, file) or b"", file=file)


def ids(git: Repository, revision: str, paths: tuple[str, ...] | None) -> ResultIds:
    """The ids in ``revision`` (commit or tree) of these paths, or of everything."""
    if paths is None:
        return ResultIds.of({item.path: ObjectId(item.id) for item in git.ls_tree(revision, recursive=False)})
    found = object_ids(git, revision, paths)
    return ResultIds.of({path: ObjectId(item) if item else None for path, item in found.items()})


def object_ids(git: Repository, revision: str, paths: Iterable[str]) -> dict[str, str | None]:
    """`Repository.object_ids`, but that the flat library chart is what lies in its folder without the versions beside
    it: one that is added changes nothing for who renders with the flat one."""
    found = git.object_ids(revision, paths)
    if flat := found.get(CHART):
        names = {item.path: item.path.rpartition("/")[2] for item in git.ls_tree(revision, CHART, recursive=False)}
        versions = [name for path, name in names.items() if layout.library_version(f"{path}/Chart.yaml")]
        found[CHART] = git.without(flat, versions) if versions else flat
    return found


def merged_ids(git: Repository, base: str, head: str, paths: tuple[str, ...] | None) -> ResultIds:
    """The ids in ``git merge-tree --write-tree BASE HEAD``. Raises ConflictError ``merge-conflict``."""
    return ids(git, git.merge_tree(base, head), paths)
