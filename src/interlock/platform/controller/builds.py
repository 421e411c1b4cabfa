"""The build loop: see that main of every onboarded service has been built, and say on the commit how it went."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from interlock.errors import ConflictError, InterlockError
from interlock.formats.tekton import conditions
from interlock.platform.books.vocabulary import BuildRefused, BuildStarted, build_key
from interlock.platform.controller import push_file
from interlock.platform.controller.world import World
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import Estate, Service, layout
from interlock.platform.estate.argocd import CI_NAMESPACE

log = logging.getLogger(__name__)

STATUS = "interlock/build"
ATTEMPTS = 5
"""How often a commit is built when its runs are interrupted. Repeating is safe: every verb of the catalog finds what an
earlier run left (the image by its digest, the signature, the pull request)."""


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
            except Exception:
                # One team's repository must not stop the builds of the others.
                log.exception("build of %s", service.name)
        return changed

    def _one(self, estate: Estate, service: Service) -> bool:
        world = self._world
        first = estate.platform.environments[0]
        environment = world.mirror(first.repository)
        if environment.read("refs/heads/main", layout.values(service.name, first.name)) is None:
            return False
        mirror = world.mirror(service.repository)
        commit = mirror.resolve("refs/heads/main")
        known = world.books.ledger.by_key(_key(service, commit, 1))
        if known is None:
            return self._start(estate, service, commit, mirror.read(commit, push_file.FILE), 1)
        if known.kind != BuildStarted.KIND:
            return False
        attempt = next(n for n in range(1, ATTEMPTS + 1) if not world.books.has(_key(service, commit, n + 1)))
        run = self._ended(push_file.run_name(service.name, commit, attempt))
        if run is None:
            return False
        if attempt < ATTEMPTS and self._interrupted(run):
            log.info("run %s was interrupted", run["metadata"]["name"])
            return self._start(estate, service, commit, mirror.read(commit, push_file.FILE), attempt + 1)
        condition = succeeded(run)
        state = "success" if condition["status"] == "True" else "failure"
        self._status(estate, service, commit, state, f"{condition.get('reason', '')}: {condition.get('message', '')}")
        return False

    def _start(self, estate: Estate, service: Service, commit: str, text: bytes | None, attempt: int) -> bool:
        """Create the commit's run, or write down why there is none."""
        world, key = self._world, _key(service, commit, attempt)
        try:
            if text is None:
                raise push_file.missing(f"{service.repository}/{push_file.FILE}")
            run = push_file.pipeline_run(estate, service, commit, text, attempt)
        except InterlockError as error:
            self._status(estate, service, commit, "error", str(error))
            world.books.write(service.name, BuildRefused(CommitId(commit), error.code, str(error)), key=key)
            return False
        name = run["metadata"]["name"]
        try:
            world.connections.cluster("hub").create(run)
        except ConflictError:
            # Created by a round that was killed before it wrote the ledger.
            log.info("run %s is there already", name)
        world.books.write(service.name, BuildStarted(CommitId(commit), f"{CI_NAMESPACE}/{name}"), key=key)
        self._status(estate, service, commit, "pending", f"PipelineRun {name}")
        return True

    def _ended(self, name: str) -> Mapping[str, Any] | None:
        """The run of that name, once it has ended."""
        hub = self._world.connections.cluster("hub")
        found = hub.list("tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, field_selector=f"metadata.name={name}")
        return next((run for run in found.items if succeeded(run).get("status") in ("True", "False")), None)

    def _interrupted(self, run: Mapping[str, Any]) -> bool:
        """Whether it failed because what executes it went away, and not by anything that the build did."""
        if succeeded(run)["status"] == "True":
            return False
        tasks = self._world.connections.cluster("hub").list(
            "tekton.dev/v1",
            "TaskRun",
            namespace=CI_NAMESPACE,
            label_selector=f"tekton.dev/pipelineRun={run['metadata']['name']}",
        )
        return any(succeeded(task).get("reason") == conditions.INTERRUPTED for task in tasks.items)

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


def _key(service: Service, commit: str, attempt: int) -> str:
    return build_key(service.repository, commit, attempt)


def succeeded(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The condition ``Succeeded`` of a PipelineRun or TaskRun; empty while there is none."""
    conditions = (run.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == "Succeeded"), {})
