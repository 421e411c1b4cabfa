"""The sync loop: what Argo CD applied is captured before anything can change it, and its record is closed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from interlock.errors import InterlockError, NotFoundError
from interlock.platform.books.vocabulary import Merged, RecordClosed, Synced, subject
from interlock.platform.controller.world import World
from interlock.platform.delivery import records
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName
from interlock.platform.estate import Environment, Estate, Service
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.proof import capture

log = logging.getLogger(__name__)


class Syncs:
    """Looks at every service's Application in every environment."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self) -> bool:
        estate = self._world.estate()
        hub = self._world.connections.cluster("hub")
        found = {
            str(item["metadata"]["name"]): item
            for item in hub.list("argoproj.io/v1alpha1", "Application", namespace=NAMESPACE).items
        }
        changed = False
        for service in estate.services.values():
            for environment in estate.platform.environments:
                application = found.get(f"{service.name}-{environment.name}")
                if application is None:
                    continue
                try:
                    changed |= self._one(estate, environment, service, application)
                except InterlockError as error:
                    log.warning("sync of %s in %s: %s", service.name, environment.name, error)
                except Exception:
                    log.exception("sync of %s in %s", service.name, environment.name)
        return changed

    def _one(self, estate: Estate, environment: Environment, service: Service, application: Mapping[str, Any]) -> bool:
        revision = deployed(application)
        if revision is None:
            return False
        name = str(application["metadata"]["name"])
        changed = False
        body = Synced(name, CommitId(revision))
        if not self._world.books.has(body.key):
            self._capture(environment, service, application, body)
            changed = True
        return self._close_records(estate, environment, service, revision) or changed

    def _capture(
        self, environment: Environment, service: Service, application: Mapping[str, Any], body: Synced
    ) -> None:
        world = self._world
        try:
            cluster = world.sources.cluster(environment.cluster)
            workload = cluster.get("apps/v1", "Deployment", service.name, service.name)
        except NotFoundError:
            workload = None  # onboarded, and nothing delivered yet
        digest = capture.capture_sync(
            world.books,
            source=f"{NAMESPACE}/applications/{body.application}",
            application=application,
            workload=workload,
            now=world.now(),
        )
        world.books.write(_subject(environment, service), body, key=body.key, evidence={"sync": digest})

    def _close_records(self, estate: Estate, environment: Environment, service: Service, revision: str) -> bool:
        """Close the record of every delivery that this revision contains."""
        world, changed = self._world, False
        git = world.mirror(environment.repository)
        for item in reversed(list(world.books.of_subject(Merged, _subject(environment, service)))):
            if isinstance(item.body, Unread) or item.body.record is None:
                continue
            number = item.body.record
            if world.books.has(RecordClosed.key(number)) or not git.is_ancestor(item.body.merge, revision):
                continue
            notes = f"Sealed, synced and healthy in {environment.name} at {revision[:12]}; decision {item.id}."
            records.close(world.connections.tickets(), number, notes=notes)
            body = RecordClosed(item.id, CommitId(revision))
            world.books.write(number, body, key=RecordClosed.key(number))
            changed = True
        return changed


def _subject(environment: Environment, service: Service) -> str:
    return subject(EnvironmentName(environment.name), ServiceName(service.name))


def deployed(application: Mapping[str, Any]) -> str | None:
    """The revision that is Synced, Healthy and applied without error; None while it is not all of that
    (research/gitops.md 0.4)."""
    status = application.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    operation = status.get("operationState") or {}
    if (sync.get("status"), health.get("status")) != ("Synced", "Healthy"):
        return None
    if operation.get("phase", "Succeeded") != "Succeeded":
        return None
    return str(sync["revision"]) if sync.get("revision") else None
