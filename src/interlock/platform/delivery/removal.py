"""Preparing the steps of a removal: which comes next is read from git, what it names from the cluster."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.errors import NotFoundError, RefusedError
from interlock.platform.delivery import promotion
from interlock.platform.delivery.promotion import Prepared
from interlock.platform.domain.branches import Purpose
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.removal import Removal
from interlock.platform.estate import layout
from interlock.platform.estate import removal as files
from interlock.platform.facts.removal import Held, at


def under_way(git: Repository, service: ServiceName) -> Removal | None:
    """What the removal of the service names, once its objects are; None before. Raises NotFoundError
    ``service-not-onboarded``."""
    if not git.object_id(layout.MAIN, layout.application(service)):
        raise NotFoundError("service-not-onboarded", f"{service} is not here", where=layout.application(service))
    return at(git, layout.MAIN, service)


def objects(git: Repository, service: ServiceName, environment: str, held: Held) -> Prepared:
    """The first step: names every live object, and has the chart render none.

    Raises NotFoundError ``application-missing`` where Argo CD knows no such Application: nobody can say what is live.
    """
    if held.application is None:
        name = layout.application_name(service, environment)
        raise NotFoundError("application-missing", f"Argo CD has no Application {name}", todo="wait until it is synced")
    removal = Removal(held.application, held.objects)
    folder = f"{layout.chart(service)}/templates"
    changed: dict[str, bytes | None] = {item.path: None for item in git.ls_tree(layout.MAIN, folder)}
    changed[layout.removal(service)] = files.dump(removal)
    listed = "\n".join(f"- {item}" for item in removal.objects) or "- none"
    return promotion.change(
        git, Purpose.REMOVE, service, changed, f"{service}: remove its objects from {environment}",
        f"Deletes exactly these, when it is sealed:\n\n{listed}\n",
    )  # fmt: skip


def application(git: Repository, service: ServiceName, environment: str, held: Held) -> Prepared:
    """The second: the Application and every file. Raises RefusedError ``removal-objects-left`` while any is live."""
    if held.objects:
        raise RefusedError(
            "removal-objects-left",
            "objects that the removal names are still live",
            got=", ".join(map(str, held.objects[:3])),
            todo="wait until the platform has deleted them",
        )
    gone: dict[str, bytes | None] = {item.path: None for item in git.ls_tree(layout.MAIN, layout.chart(service))}
    gone[layout.application(service)] = None
    return promotion.change(
        git, Purpose.REMOVE, service, gone, f"{service}: remove its Application from {environment}",
        f"Deletes Application {layout.application_name(service, environment)} ({held.application}), which manages "
        "nothing any more, when it is sealed.\n",
    )  # fmt: skip


def registration(git: Repository, service: ServiceName) -> Prepared:
    """The last, in the platform repo."""
    return promotion.change(
        git, Purpose.REMOVE, service, {f"services/{service}.yaml": None}, f"{service}: remove its registration",
        "No environment has the service any more.\n",
    )  # fmt: skip
