"""The build loop: see that main of every onboarded service has been built, and say on the commit how it went.

Level-triggered: it looks at main's newest commit; what came between is not built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.clients.forge.client import StatusState
from interlock.errors import InterlockError
from interlock.formats.tekton import conditions
from interlock.platform.books.vocabulary import BuildRefused, BuildStarted, build_key
from interlock.platform.controller import push_file
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act, CreateRun, Note, SetStatus, Write
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done
from interlock.platform.controller.world import World
from interlock.platform.delivery.readmodel import Outcome
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import Estate, Service, layout
from interlock.platform.estate.argocd import CI_NAMESPACE
from interlock.platform.statements.run import condition

STATUS = "interlock/build"
ATTEMPTS = 5
"""How often a commit is built when its runs are interrupted. Repeating is safe: every verb of the catalog finds what an
earlier run left (the image by its digest, the signature, the pull request)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of main's newest commit."""

    commit: str
    file: bytes | None
    """The build file of that commit."""
    attempts: int = 0
    """Runs that were written down as started."""
    refused: bool = False
    """Whether it was written down that it cannot be built."""
    run: Mapping[str, Any] | None = None
    """The newest attempt's, once it has ended."""
    interrupted: bool = False
    """Whether that failed because what executes it went away, and not by anything that the build did."""


def plan(estate: Estate, service: Service, seen: Seen) -> tuple[Act, ...]:
    """What is to be done about it; nothing while the run goes on."""
    if seen.refused:
        return ()
    if seen.attempts == 0:
        return _start(estate, service, seen, 1)
    if seen.run is None:
        return ()
    if seen.interrupted and seen.attempts < ATTEMPTS:
        return _start(estate, service, seen, seen.attempts + 1)
    found = condition(seen.run)
    state: StatusState = "success" if found["status"] == "True" else "failure"
    return (_status(estate, service, seen, state, f"{found.get('reason', '')}: {found.get('message', '')}"),)


def _start(estate: Estate, service: Service, seen: Seen, attempt: int) -> tuple[Act, ...]:
    """Create the commit's run, or write down why there is none. What was written down ends a step."""
    key, commit = build_key(service.repository, seen.commit, attempt), CommitId(seen.commit)
    try:
        if seen.file is None:
            raise push_file.missing(f"{service.repository}/{push_file.FILE}")
        run = push_file.pipeline_run(estate, service, seen.commit, seen.file, attempt)
    except InterlockError as error:
        told = _status(estate, service, seen, "error", str(error))
        return told, Write(service.name, BuildRefused(commit, error.code, str(error)), key)
    name = run["metadata"]["name"]
    started = Write(service.name, BuildStarted(commit, f"{CI_NAMESPACE}/{name}"), key)
    return CreateRun(run), _status(estate, service, seen, "pending", f"PipelineRun {name}"), started


def _status(estate: Estate, service: Service, seen: Seen, state: StatusState, text: str) -> SetStatus:
    repository = f"{estate.platform.organisation}/{service.repository}"
    return SetStatus(repository, seen.commit, STATUS, state, text[:250])


class Builds:
    """Keys are services."""

    name = "build"

    def __init__(self, world: World, acting: Acting) -> None:
        self._world, self._acting = world, acting
        self._settled: dict[str, str] = {}
        """Service -> the commit about which there is nothing more to do."""

    def keys(self) -> Iterator[Key]:
        return ((self.name, service) for service in self._world.estate().services)

    def run(self, key: Key) -> Done:
        world, estate = self._world, self._world.estate()
        service = estate.services.get(key[1])
        if service is None:
            return Done()
        commit = world.snapshot.tip(service.repository, layout.MAIN)
        if commit is None or self._settled.get(service.name) == commit:
            return Done()
        first = estate.platform.environments[0]
        onboarded = world.mirror(first.repository).read(layout.MAIN, layout.values(service.name, first.name))
        if onboarded is None:
            return Done()
        git = world.mirror(service.repository)
        seen = self._read(service, Seen(commit, git.read(commit, push_file.FILE)))
        planned = plan(estate, service, seen)
        self._acting.all(planned)
        for told in (act for act in planned if isinstance(act, SetStatus)):
            detail = f"{commit}: {told.description}"
            self._acting.perform(Note(Outcome(self.name, service.name, told.state, detail, world.now())))
        if not any(isinstance(act, Write) for act in planned) and (seen.refused or seen.run is not None):
            self._settled[service.name] = commit
        return Done()

    def _read(self, service: Service, seen: Seen) -> Seen:
        """What the ledger and the hub know of it."""
        books, hub = self._world.books, self._world.connections.cluster("hub")
        entry = books.ledger.by_key(build_key(service.repository, seen.commit, 1))
        if entry is None:
            return seen
        if entry.kind != BuildStarted.KIND:
            return Seen(seen.commit, seen.file, refused=True)
        repository, commit = service.repository, seen.commit
        attempts = next(n for n in range(1, ATTEMPTS + 1) if not books.has(build_key(repository, commit, n + 1)))
        name = push_file.run_name(service.name, commit, attempts)
        found = hub.list("tekton.dev/v1", "PipelineRun", namespace=CI_NAMESPACE, field_selector=f"metadata.name={name}")
        run = next((item for item in found.items if condition(item).get("status") in ("True", "False")), None)
        interrupted = False
        if run is not None and condition(run)["status"] != "True":
            selector = f"tekton.dev/pipelineRun={name}"
            tasks = hub.list("tekton.dev/v1", "TaskRun", namespace=CI_NAMESPACE, label_selector=selector)
            interrupted = any(condition(task).get("reason") == conditions.INTERRUPTED for task in tasks.items)
        return Seen(commit, seen.file, attempts, run=run, interrupted=interrupted)
