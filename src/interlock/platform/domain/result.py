"""What a delivery results in: the git object ids that the merge gives to the service's own paths and to its chart.

An approval is bound to these, not to a time or a whole tree: another service's merge does not void it, any change of
what this service would run does (research/audit_portal.md finding 3, measured over merge, squash and rebase).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.platform.domain.ids import ObjectId, ServiceName

CHART = "charts/service"
"""Folder of the library chart in an env repo that has one; a folder in it a version where it has several."""


@dataclass(frozen=True, slots=True)
class ResultIds:
    """Sorted pairs of path and object id; a path that does not exist has the empty id."""

    items: tuple[tuple[str, ObjectId], ...]

    @staticmethod
    def of(ids: Mapping[str, ObjectId | None]) -> ResultIds:
        return ResultIds(tuple(sorted((path, found or ObjectId("")) for path, found in ids.items())))

    def as_dict(self) -> dict[str, str]:
        return dict(self.items)

    def difference(self, other: ResultIds) -> tuple[str, ...]:
        """Paths whose ids differ."""
        mine, theirs = dict(self.items), dict(other.items)
        return tuple(sorted(path for path in mine.keys() | theirs.keys() if mine.get(path) != theirs.get(path)))


def service_paths(service: ServiceName, chart: str = CHART) -> tuple[str, ...]:
    """Everything in an env repo that decides what ``service`` runs (design section 5). ``chart``: the folder of the
    library chart that it renders with."""
    return (f"apps/{service}", f"argocd/{service}.yaml", chart, f"middleware/{service}")


def registry_paths(service: ServiceName) -> tuple[str, ...]:
    """The same for the platform repo: the entry that registers ``service``."""
    return (f"services/{service}.yaml",)
