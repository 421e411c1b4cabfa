"""The attest loop: every finished run of a service gets its signed statements, and its evidence is kept."""

from __future__ import annotations

import logging

from interlock.clients.connect import PLATFORM
from interlock.errors import InterlockError
from interlock.platform.controller.builds import succeeded
from interlock.platform.controller.world import World
from interlock.platform.estate.argocd import CI_NAMESPACE
from interlock.platform.proof.attest import attest
from interlock.platform.statements import chains
from interlock.platform.statements.hints import Descriptor
from interlock.platform.statements.provenance import Options, provenance, task_provenance
from interlock.platform.statements.run import FinishedRun, Object

log = logging.getLogger(__name__)

SERVICE_LABEL = "interlock.dev/service"


class Attests:
    """Reads runs after they ended: no task can attest the run that it is a part of."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._done: set[str] = set()

    def run(self) -> bool:
        hub = self._world.connections.cluster("hub")
        changed = False
        for found in hub.list(
            "tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, label_selector=SERVICE_LABEL
        ).items:
            uid, name = found["metadata"]["uid"], found["metadata"]["name"]
            if uid in self._done or succeeded(found).get("status") not in ("True", "False"):
                continue
            try:
                changed |= self._one(found)
            except InterlockError as error:
                log.warning("run %s is not attested: %s", name, error)
            except Exception:
                log.exception("run %s is not attested", name)
            else:
                self._done.add(uid)
        return changed

    def _one(self, found: Object) -> bool:
        """Attest a finished run and show its provenance. Whether there was anything to attest."""
        world, name = self._world, found["metadata"]["name"]
        tasks = world.connections.cluster("hub").list(
            "tekton.dev/v1", "TaskRun", namespace=CI_NAMESPACE, label_selector=f"tekton.dev/pipelineRun={name}"
        )
        run = FinishedRun(found, tasks.items)
        if not run.succeeded:
            return False
        attest(
            run,
            registry=world.connections.registry(PLATFORM),
            key=world.attest_key,
            record_key=world.record_key,
            books=world.books,
            source=world.context.clusters["hub"].name,
            now=world.now,
        )
        if world.record_key is not None:
            try:
                self._publish(run)
            except InterlockError as error:
                # It was attested with a record that verified then; the statements in the registry stand.
                log.warning("run %s does not carry its provenance: %s", name, error)
        return True

    def _publish(self, run: FinishedRun) -> None:
        """Leave the run's and its tasks' provenance where Chains' readers look for it; the gate reads the registry's.

        Only where the engine is ours, which the context tells by its key: beside another Tekton there may be a Chains,
        and it never signs what says ``chains.tekton.dev/signed``.
        """
        options = Options(record_key=self._world.record_key)
        self._annotate("PipelineRun", run.run, provenance(run, options))
        for task_run in run.executed():
            self._annotate("TaskRun", task_run, task_provenance(task_run, options))

    def _annotate(self, kind: chains.Kind, item: Object, statement: Descriptor) -> None:
        metadata = item["metadata"]
        annotations = chains.stored(kind, metadata["uid"], statement, self._world.attest_key)
        try:
            self._world.connections.cluster("hub").patch(
                "tekton.dev/v1",
                kind,
                metadata["name"],
                {"metadata": {"annotations": annotations}},
                namespace=metadata["namespace"],
            )
        except InterlockError as error:
            log.warning("%s %s does not carry its provenance: %s", kind, metadata["name"], error)
