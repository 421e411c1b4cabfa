"""The sync loop: what Argo CD applied is captured before anything can change it, and its record is closed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from interlock.clients.connect import PLATFORM
from interlock.errors import InterlockError, NotFoundError
from interlock.platform.controller.world import World
from interlock.platform.delivery import records
from interlock.platform.domain.ids import CommitId, EnvironmentName, RecordNumber, ServiceName
from interlock.platform.estate import Environment, Estate, Service
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.proof import capture, kinds

log = logging.getLogger(__name__)

CLOSED = "record-closed"


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
        if self._world.ledger.by_key(f"{kinds.SYNCED}/{name}/{revision}") is None:
            self._capture(environment, service, application, revision)
            changed = True
        return self._close_records(estate, environment, service, revision) or changed

    def _capture(
        self, environment: Environment, service: Service, application: Mapping[str, Any], revision: str
    ) -> None:
        world = self._world
        try:
            cluster = world.sources.cluster(environment.cluster)
            workload = cluster.get("apps/v1", "Deployment", service.name, service.name)
        except NotFoundError:
            workload = None  # onboarded, and nothing delivered yet
        name = str(application["metadata"]["name"])
        digest = capture.capture_sync(
            world.store,
            source=f"{NAMESPACE}/applications/{name}",
            application=application,
            workload=workload,
            reader=PLATFORM,
            now=world.now(),
        )
        kinds.synced(
            world.ledger,
            environment=EnvironmentName(environment.name),
            service=ServiceName(service.name),
            application=name,
            revision=CommitId(revision),
            evidence={"sync": digest},
        )

    def _close_records(self, estate: Estate, environment: Environment, service: Service, revision: str) -> bool:
        """Close the record of every delivery that this revision contains."""
        world, changed = self._world, False
        subject = kinds.subject(EnvironmentName(environment.name), ServiceName(service.name))
        git = world.mirror(environment.repository)
        for entry in world.ledger.find(kinds.MERGED, subject):
            number = entry.body.get("record")
            key = f"{CLOSED}/{number}"
            if not number or world.ledger.by_key(key) or not git.is_ancestor(str(entry.body["merge"]), revision):
                continue
            notes = f"Sealed, synced and healthy in {environment.name} at {revision[:12]}; decision {entry.id}."
            records.close(world.connections.tickets(), RecordNumber(str(number)), notes=notes)
            world.ledger.append(CLOSED, str(number), key=key, body={"decision": entry.id, "revision": revision})
            changed = True
        return changed


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
