"""The attest loop: every finished run of a service gets its signed statements, and its evidence is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from interlock.errors import InterlockError
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act, Attest, KeepFailed, Publish
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done
from interlock.platform.controller.world import World
from interlock.platform.estate.argocd import CI_NAMESPACE
from interlock.platform.statements.run import FinishedRun, condition

log = logging.getLogger(__name__)

SERVICE_LABEL = "interlock.dev/service"


def plan(run: FinishedRun, *, ours: bool) -> tuple[Act, ...]:
    """Keep a run that failed. Attest one that succeeded; where the engine is ``ours``, publish its provenance as Chains
    does.

    Beside another Tekton there may be a Chains, and it never signs what says ``chains.tekton.dev/signed``. The gate
    reads the registry's.
    """
    if not run.succeeded:
        return (KeepFailed(run),) if run.finished else ()
    return (Attest(run), Publish(run)) if ours else (Attest(run),)


class Attests:
    """Keys are names of runs, which are read after they ended: no task can attest the run that it is a part of."""

    name = "attest"

    def __init__(self, world: World, acting: Acting) -> None:
        self._world, self._acting = world, acting
        self._done: set[str] = set()

    def keys(self) -> Iterator[Key]:
        hub = self._world.connections.cluster("hub")
        found = hub.list("tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, label_selector=SERVICE_LABEL).items
        self._done &= {str(item["metadata"]["uid"]) for item in found}
        for item in found:
            if item["metadata"]["uid"] not in self._done and condition(item).get("status") in ("True", "False"):
                yield (self.name, str(item["metadata"]["name"]))

    def run(self, key: Key) -> Done:
        world, hub, name = self._world, self._world.connections.cluster("hub"), key[1]
        found = hub.list(
            "tekton.dev/v1",
            "PipelineRun",
            namespace=CI_NAMESPACE,
            field_selector=f"metadata.name={name}",
            label_selector=SERVICE_LABEL,
        )
        item = next((item for item in found.items if condition(item).get("status") in ("True", "False")), None)
        if item is None or item["metadata"]["uid"] in self._done:
            return Done()
        tasks = hub.list(
            "tekton.dev/v1", "TaskRun", namespace=CI_NAMESPACE, label_selector=f"tekton.dev/pipelineRun={name}"
        )
        for act in plan(FinishedRun(item, tasks.items), ours=world.record_key is not None):
            try:
                self._acting.perform(act)
            except InterlockError as error:
                if not isinstance(act, Publish):
                    raise
                # It was attested with a record that verified then; the statements in the registry stand.
                log.warning("run %s does not carry its provenance: %s", name, error)
        self._done.add(item["metadata"]["uid"])
        # Its bump may wait for what was signed just now.
        first = world.estate().platform.environments[0].name
        waiting = [item for item in world.model.open_pulls() if item.environment == first]
        return Done(wake=(*(("judge", first, str(item.number)) for item in waiting), ("deliver", first)))
