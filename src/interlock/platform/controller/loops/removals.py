"""The removal loop: what a sealed removal names is deleted by Argo CD, which is asked for exactly these objects.

Nothing is deleted that was not named. Something live that is not named, or that has another identity than was named,
stops it: the removal is taken back, or prepared again. Argo CD deletes by name, so between the look and the operation
an object of the same name could take the place of a named one: only who may write in the namespace can do that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.platform.books import Recorded
from interlock.platform.books.vocabulary import Merged, RecordClosed, Removed, subject
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act, CloseRecord, Note, Prune, Write
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done
from interlock.platform.controller.world import World
from interlock.platform.delivery.readmodel import Outcome
from interlock.platform.domain import health
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName
from interlock.platform.domain.removal import Named
from interlock.platform.estate import Environment, layout
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import removal
from interlock.platform.kinds.removal import NAME

log = logging.getLogger(__name__)
_APPLICATION = ("argoproj.io/v1alpha1", "Application")
_AGAIN = 5.0
"""Seconds between looks while something is being deleted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one step of a removal, whose merge is sealed."""

    application: str
    """The Application that manages what is named."""
    merge: CommitId
    named: tuple[Named, ...]
    live: tuple[Named, ...]
    """Of the names of ``named``, and whatever else that Application would delete."""
    compared: str | None = None
    """The revision that Argo CD compared it with, when that is one in which the removal is sealed."""
    busy: bool = False
    """An operation is going on."""
    done: bool = False
    """It was written down."""
    closes: CloseRecord | None = None
    """What closes its change record, where it has one."""


@dataclass(frozen=True, slots=True)
class Planned:
    acts: tuple[Act, ...] = ()
    stopped: str = ""
    """Why nothing is deleted."""


def plan(about: str, seen: Seen) -> Planned:
    """Ask for the deletion of what is named and live; when none of it is, write that down. ``about``: the subject."""
    if seen.done:
        return Planned()
    foreign = sorted(set(seen.live) - set(seen.named))
    if foreign:
        return Planned(stopped=f"not named: {', '.join(map(str, foreign[:3]))}")
    if not seen.live:
        body = Removed(seen.application, seen.merge, tuple(map(str, seen.named)))
        # The Application that tells other deliveries' ends may be what goes here.
        return Planned((*((seen.closes,) if seen.closes else ()), Write(about, body, body.key)))
    if seen.busy or seen.compared is None:
        return Planned()
    return Planned((Prune(seen.application, seen.compared, tuple(item.place for item in seen.live)),))


class Removals:
    """Keys are services of an environment whose newest delivery is a removal."""

    name = "remove"

    def __init__(self, world: World, acting: Acting) -> None:
        self._world, self._acting = world, acting

    def keys(self) -> Iterator[Key]:
        estate = self._world.estate()
        for environment in estate.platform.environments:
            for service in estate.services:
                found = self._newest(environment, ServiceName(service))
                if found is not None and not self._world.books.has(Removed.key_of(found.said.merge)):
                    yield (self.name, environment.name, service)

    def run(self, key: Key) -> Done:
        world, environment, service = self._world, self._world.estate().environment(key[1]), ServiceName(key[2])
        newest = self._newest(environment, service)
        seen = self._read(environment, service, newest) if newest is not None else None
        if seen is None:
            return Done()
        name = layout.application_name(service, environment.name)
        planned = plan(f"{environment.name}/{service}", seen)
        if planned.stopped:
            log.warning("%s is not removed: %s", name, planned.stopped)
            self._acting.perform(Note(Outcome(self.name, name, "stopped", planned.stopped, world.now())))
        self._acting.all(planned.acts)
        return Done(again=None if seen.done or not seen.live else _AGAIN)

    def _newest(self, environment: Environment, service: ServiceName) -> Recorded[Merged] | None:
        about = subject(EnvironmentName(environment.name), service)
        found = next(self._world.books.of_subject(Merged, about), None)
        removes = found is not None and not isinstance(found.body, Unread) and found.said.kind == NAME
        return found if removes else None

    def _read(self, environment: Environment, service: ServiceName, newest: Recorded[Merged]) -> Seen | None:
        """None where nothing is to be deleted: not sealed yet, or taken back. Of the books only where to look."""
        world, said = self._world, newest.said
        git = world.mirror(environment.repository)
        hub, name = world.connections.cluster("hub"), layout.application_name(service, environment.name)
        last = not git.object_id(said.merge, layout.application(service))
        ref = layout.SEALED if last else environment.ref
        listed = removal.at(git, said.base if last else ref, service)
        back = bool(git.object_id(ref, layout.application(service))) is last
        if listed is None or back or not git.is_ancestor(said.merge, ref):
            return None
        manager = layout.application_name(layout.ROOT, environment.name) if last else name
        application = removal.look(hub, *_APPLICATION, manager, NAMESPACE)
        if last:
            found = removal.look(hub, *_APPLICATION, name, NAMESPACE)
            own = (*_APPLICATION, NAMESPACE, name)
            named: tuple[Named, ...] = (Named(*own, listed.application),)
            live: tuple[Named, ...] = (Named(*own, str(found["metadata"]["uid"])),) if found else ()
        else:
            named = listed.objects
            live = removal.held_by(hub, world.sources.cluster(environment.cluster), name, named).objects
        compared = health.of(application).revision if application else ""
        sealed = bool(compared) and git.is_ancestor(said.merge, compared)
        busy = application is not None and (
            application.get("operation") is not None or health.of(application).phase == "Running"
        )
        done = world.books.has(Removed.key_of(said.merge))
        closes = None
        if said.record is not None:
            notes = f"Sealed, and none of the {len(named)} named is left; decision {newest.id}."
            closes = CloseRecord(said.record, notes, RecordClosed(newest.id, CommitId(git.resolve(ref))))
        return Seen(manager, said.merge, named, live, compared if sealed else None, busy, done, closes)
