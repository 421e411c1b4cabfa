"""The attest loop: every finished run of a service gets its signed statements, and its evidence is kept."""

from __future__ import annotations

import logging

from interlock.clients.connect import PLATFORM
from interlock.errors import InterlockError
from interlock.platform.controller.builds import succeeded
from interlock.platform.controller.world import World
from interlock.platform.estate.argocd import CI_NAMESPACE
from interlock.platform.proof.attest import attest
from interlock.platform.proof.statements.run import FinishedRun

log = logging.getLogger(__name__)

SERVICE_LABEL = "interlock.dev/service"


class Attests:
    """Reads runs after they ended: no task can attest the run that it is a part of."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._done: set[str] = set()

    def run(self) -> bool:
        world = self._world
        hub = world.connections.cluster("hub")
        changed = False
        for found in hub.list(
            "tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, label_selector=SERVICE_LABEL
        ).items:
            uid = found["metadata"]["uid"]
            if uid in self._done or succeeded(found).get("status") not in ("True", "False"):
                continue
            name = found["metadata"]["name"]
            tasks = hub.list(
                "tekton.dev/v1", "TaskRun", namespace=CI_NAMESPACE, label_selector=f"tekton.dev/pipelineRun={name}"
            )
            run = FinishedRun(found, tasks.items)
            if run.succeeded:
                try:
                    attest(
                        run,
                        registry=world.connections.registry(PLATFORM),
                        key=world.attest_key,
                        record_key=world.record_key,
                        store=world.store,
                        ledger=world.ledger,
                        source=world.context.clusters["hub"].name,
                        reader=PLATFORM,
                        now=world.now,
                    )
                except InterlockError as error:
                    log.warning("run %s is not attested: %s", name, error)
                    continue
                changed = True
            self._done.add(uid)
        return changed
