"""The build loop: see that main of every onboarded service has been built, and say on the commit how it went."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from interlock.errors import ConflictError, InterlockError
from interlock.platform.controller import push_file
from interlock.platform.controller.world import World
from interlock.platform.estate import Estate, Service, layout
from interlock.platform.estate.argocd import CI_NAMESPACE

log = logging.getLogger(__name__)

STATUS = "interlock/build"
STARTED = "build-started"
REFUSED = "build-refused"


class Builds:
    """Level-triggered: looks at main's newest commit of every service; what came between is not built."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self) -> bool:
        estate = self._world.estate()
        changed = False
        for service in estate.services.values():
            try:
                changed |= self._one(estate, service)
            except InterlockError as error:
                log.warning("build of %s: %s", service.name, error)
        return changed

    def _one(self, estate: Estate, service: Service) -> bool:
        world = self._world
        first = estate.platform.environments[0]
        environment = world.mirror(first.repository)
        if environment.read("refs/heads/main", layout.values(service.name, first.name)) is None:
            return False
        mirror = world.mirror(service.repository)
        commit = mirror.resolve("refs/heads/main")
        key = f"build/{service.repository}/{commit}"
        if (known := world.ledger.by_key(key)) is not None:
            if known.kind == STARTED:
                self._report(estate, service, commit)
            return False
        text = mirror.read(commit, push_file.FILE)
        try:
            if text is None:
                raise push_file.missing(f"{service.repository}/{push_file.FILE}")
            run = push_file.pipeline_run(estate, service, commit, text)
        except InterlockError as error:
            self._status(estate, service, commit, "error", str(error))
            world.ledger.append(
                REFUSED, service.name, key=key, body={"commit": commit, "code": error.code, "error": str(error)}
            )
            return False
        try:
            world.connections.cluster("hub").create(run)
        except ConflictError:
            # Created by a round that was killed before it wrote the ledger.
            log.info("run %s is there already", run["metadata"]["name"])
        world.ledger.append(
            STARTED, service.name, key=key, body={"commit": commit, "run": f"{CI_NAMESPACE}/{run['metadata']['name']}"}
        )
        self._status(estate, service, commit, "pending", f"PipelineRun {run['metadata']['name']}")
        return True

    def _report(self, estate: Estate, service: Service, commit: str) -> None:
        """Carry the run's condition to the commit."""
        name = push_file.run_name(service.name, commit)
        hub = self._world.connections.cluster("hub")
        found = hub.list("tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, field_selector=f"metadata.name={name}")
        for run in found.items:
            condition = succeeded(run)
            state = {"True": "success", "False": "failure"}.get(str(condition.get("status")))
            if state is not None:
                message = f"{condition.get('reason', '')}: {condition.get('message', '')}"
                self._status(estate, service, commit, state, message)

    def _status(self, estate: Estate, service: Service, commit: str, state: str, text: str) -> None:
        owner, forge = estate.platform.organisation, self._world.connections.forge()
        known = forge.statuses(owner, service.repository, commit)
        latest = next((item for item in known if item.context == STATUS), None)
        description = text[:250]
        if latest is None or (latest.state, latest.description) != (state, description):
            forge.set_status(
                owner,
                service.repository,
                commit,
                context=STATUS,
                state=state,  # type: ignore[arg-type]
                description=description,
            )


def succeeded(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The condition ``Succeeded`` of a PipelineRun or TaskRun; empty while there is none."""
    conditions = (run.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == "Succeeded"), {})
