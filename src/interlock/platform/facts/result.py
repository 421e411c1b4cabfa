"""Result ids: what a merge gives to a service, as git object ids (design section 6.5)."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.platform.domain.ids import EnvironmentName, ObjectId, ServiceName
from interlock.platform.domain.result import ResultIds, registry_paths, service_paths
from interlock.platform.estate import PLATFORM
from interlock.platform.facts import case, change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, repository


def read(facts: Facts) -> ResultIds:
    """What merging the pull request gives to its service."""
    tree, service = facts.get(change.read).tree, facts.get(case.read).service
    return ids(facts.get(repository), tree, service, facts.get(environment).name)


def paths(service: ServiceName, environment: str) -> tuple[str, ...]:
    """The paths whose ids an approval of ``service`` is bound to, in the repository of ``environment``."""
    return registry_paths(service) if environment == PLATFORM else service_paths(service)


def ids(git: Repository, revision: str, service: ServiceName | None, environment: str) -> ResultIds:
    """The ids in ``revision`` (commit or tree). Without a service, which only a restoring revert is: everything."""
    if service is None:
        return ResultIds.of({item.path: ObjectId(item.id) for item in git.ls_tree(revision, recursive=False)})
    found = git.object_ids(revision, paths(service, environment))
    return ResultIds.of({path: ObjectId(item) if item else None for path, item in found.items()})


def result_ids(
    git: Repository, base: str, head: str, service: ServiceName | None, environment: EnvironmentName | str
) -> ResultIds:
    """The ids in ``git merge-tree --write-tree BASE HEAD``. Raises ConflictError ``merge-conflict``."""
    return ids(git, git.merge_tree(base, head), service, environment)
