"""The sync loop: what Argo CD applied is captured before anything can change it, and its record is closed.

Argo CD prunes nothing by itself in production, and is not Synced while an object is left that git has no more. Where
that is one which a delivery took out of what is rendered (people approved that with the rendered diff), the loop has
Argo CD delete it, and nothing else. What a removal takes out is `removals`' affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Any

from interlock.errors import InputError, NotFoundError, UnsupportedError
from interlock.platform.books import Recorded
from interlock.platform.books.vocabulary import Merged, RecordClosed, Synced, subject
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act, CaptureSync, CloseRecord, Note, Prune
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done
from interlock.platform.controller.world import World
from interlock.platform.delivery.readmodel import Outcome
from interlock.platform.domain import health
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName
from interlock.platform.domain.removal import Named, Place
from interlock.platform.estate import Environment, Service, layout, rules
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import rendering
from interlock.platform.kinds.removal import NAME as REMOVAL

_APPLICATION = ("argoproj.io/v1alpha1", "Application")
_LOOK_BACK = 10
"""Deliveries of a service that are asked whether they took an object out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one Application."""

    application: Mapping[str, Any]
    captured: bool = False
    """Whether its revision was written down."""
    open: Sequence[Recorded[Merged]] = ()
    """Deliveries in its revision whose record was not closed, oldest first."""
    leaving: tuple[Place, ...] = ()
    """Live objects that alone keep it from being Synced, and that a delivery took out."""


def plan(environment: Environment, service: Service, seen: Seen) -> tuple[Act, ...]:
    """Delete what a delivery took out; capture what is deployed, then close the record of every delivery that it
    contains."""
    found = health.of(seen.application)
    if found.deployed is None:
        return (Prune(found.name, found.revision, seen.leaving),) if seen.leaving else ()
    revision, acts = CommitId(found.deployed), list[Act]()
    if not seen.captured:
        acts.append(CaptureSync(environment, service, seen.application, Synced(found.name, revision)))
    for item in seen.open:
        if (number := item.said.record) is not None:
            notes = f"Sealed, synced and healthy in {environment.name} at {revision[:12]}; decision {item.id}."
            acts.append(CloseRecord(number, notes, RecordClosed(item.id, revision)))
    return tuple(acts)


class Syncs:
    """Keys are Applications."""

    name = "sync"

    def __init__(self, world: World, acting: Acting) -> None:
        self._world, self._acting = world, acting
        self._settled: dict[str, str] = {}
        """Application -> the deployed revision about which there is nothing more to do."""

    def keys(self) -> Iterator[Key]:
        hub = self._world.connections.cluster("hub")
        for item in hub.list(*_APPLICATION, namespace=NAMESPACE).items:
            found = health.of(item)
            if (found.deployed is not None and self._settled.get(found.name) != found.deployed) or _left(item):
                yield (self.name, found.name)

    def run(self, key: Key) -> Done:
        world, hub, name = self._world, self._world.connections.cluster("hub"), key[1]
        place = self._place(name)
        if place is None:
            return Done()
        environment, service = place
        try:
            application = hub.get(*_APPLICATION, name, NAMESPACE)
        except NotFoundError:
            return Done()
        revision = health.of(application).deployed
        if left := _left(application):
            leaving = self._taken_out(environment, service, health.of(application).revision, left)
            self._acting.all(plan(environment, service, Seen(application, leaving=leaving)))
            return Done()
        if revision is None or self._settled.get(name) == revision:
            return Done()
        acted = self._acting.all(plan(environment, service, self._read(environment, service, application, revision)))
        if acted:
            self._acting.perform(Note(Outcome(self.name, name, "synced", revision, world.now())))
        self._settled[name] = revision
        # Where the service goes next waits for its health here.
        waiting = [item for item in world.model.open_pulls() if item.service == service.name]
        return Done(wake=tuple(("judge", item.environment, str(item.number)) for item in waiting))

    def _place(self, application: str) -> tuple[Environment, Service] | None:
        estate = self._world.estate()
        for environment in estate.platform.environments:
            service = estate.services.get(application.removesuffix(f"-{environment.name}"))
            if service and layout.application_name(service.name, environment.name) == application:
                return environment, service
        return None

    def _taken_out(
        self, environment: Environment, service: Service, revision: str, left: Set[Place]
    ) -> tuple[Place, ...]:
        """Of what is left, what the newest deliveries in ``revision`` took out of what is rendered."""
        git, name = self._world.snapshot.fresh(environment.repository), ServiceName(service.name)
        about = subject(EnvironmentName(environment.name), name)
        found: set[Place] = set()
        for item in islice(self._world.books.of_subject(Merged, about), _LOOK_BACK):
            if isinstance(item.body, Unread) or item.said.kind == REMOVAL or found >= left:
                break
            if not git.is_ancestor(item.said.merge, revision):
                continue
            try:
                before, after = (
                    rendering.by_key(rendering.render(git, commit, name, environment))
                    for commit in (item.said.base, item.said.merge)
                )
            except (InputError, NotFoundError, UnsupportedError):
                continue  # what nobody could render, nobody was shown: it took out nothing
            found |= {_where(key, environment.namespace(name)) for key in before.keys() - after.keys()}
        return tuple(sorted(found & left))

    def _read(self, environment: Environment, service: Service, application: Mapping[str, Any], revision: str) -> Seen:
        books = self._world.books
        about = subject(EnvironmentName(environment.name), ServiceName(service.name))
        opened: list[Recorded[Merged]] = []
        if rules.records(environment):
            for item in books.of_subject(Merged, about):
                number = None if isinstance(item.body, Unread) else item.body.record
                if number and books.has(RecordClosed.key(number)):
                    break  # the oldest is closed first
                opened += [item] if number else []
        captured = books.has(Synced(health.of(application).name, CommitId(revision)).key)
        if not opened:
            return Seen(application, captured)
        git = self._world.snapshot.fresh(environment.repository)  # what was deployed just now may be new here
        return Seen(application, captured, [i for i in reversed(opened) if git.is_ancestor(i.said.merge, revision)])


def _left(application: Mapping[str, Any]) -> set[Place]:
    """What git has no more, where that alone keeps a healthy Application from being Synced."""
    found, status = health.of(application), application.get("status") or {}
    if (found.state, found.health) != ("OutOfSync", "Healthy") or application.get("operation") is not None:
        return set()
    different = [item for item in status.get("resources") or () if item.get("status") != "Synced"]
    if not all(item.get("requiresPruning") for item in different):
        return set()
    fields = ("group", "kind", "namespace", "name")
    return {Place(*(str(item.get(field) or "") for field in fields)) for item in different}


def _where(key: rendering.Key, namespace: str) -> Place:
    """Where Argo CD puts an object that states no namespace. (Of a kind that has none it is not found, and stays.)"""
    return Named(key[0], key[1], key[2] or namespace, key[3], uid="").place
