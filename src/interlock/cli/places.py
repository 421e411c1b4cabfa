"""Where services stand: what git says for an environment, and what Argo CD says of it.

Each system is asked once: the forge where its branches are, Argo CD for its Applications. A mirror is fetched only
where it lacks what the forge has, and one git process reads all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from interlock.cli.session import Session
from interlock.clients.git import Objects, Repository, together
from interlock.errors import InterlockError, NotFoundError
from interlock.platform.domain import branches, health
from interlock.platform.domain.image import ImageReference
from interlock.platform.estate import PLATFORM, Environment, Estate, layout
from interlock.platform.estate.argocd import NAMESPACE

_LOOK_BACK = 1000
"""Commits that are read to say since when a branch holds what it holds: three for each delivery."""
_APPLICATION = ("argoproj.io/v1alpha1", "Application")


@dataclass(frozen=True, slots=True)
class Place:
    """One service in one environment."""

    service: str
    environment: str
    tag: str
    digest: str
    sync: str
    health: str
    deployed: bool
    """Synced, Healthy, and at what main says as far as this service goes."""
    since: datetime | None = None
    """When the commit was made that says so, where `everything` was asked."""

    @property
    def summary(self) -> str:
        image = self.tag or "no image yet"
        return f"{self.service} in {self.environment}: {image}, {self.sync}, {self.health}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "environment": self.environment,
            "tag": self.tag,
            "digest": self.digest,
            "sync": self.sync,
            "health": self.health,
            "since": self.since.isoformat() if self.since else None,
        }


@dataclass(frozen=True, slots=True)
class View:
    """Environments at one moment. ``tips``: environment -> full ref -> commit, of those that are there."""

    git: Objects
    tips: Mapping[str, Mapping[str, str]]

    def images(self, environment: Environment, services: Iterable[str]) -> dict[str, ImageReference]:
        """What the tracked branch says, of the services that it has."""
        paths = {layout.values(service, environment.name): service for service in services}
        files = self.git.files(self._tracked(environment), paths)
        return {paths[path]: layout.image_in(data, file=path) for path, data in files.items() if data is not None}

    def places(self, environment: Environment, applications: Mapping[str, Mapping[str, Any]]) -> Iterator[Place]:
        """Of each service that the tracked branch has, with its Application."""
        images = self.images(environment, applications)
        seen = {service: health.of(applications[service]) for service in images}
        tips = self.tips[environment.name].values()
        charts = {
            commit: self._charts(commit, images) for commit in {*tips, *(item.deployed for item in seen.values())}
        }
        for service, image in images.items():
            sync = seen[service]
            # What is merged and not sealed yet counts as not there yet.
            held = {charts[commit].get(layout.chart(service)) for commit in (sync.deployed, *tips)}
            current = len(held) == 1 and None not in held
            yield Place(service, environment.name, image.tag, image.digest, sync.sync, sync.health, current)

    def since(self, environment: Environment, services: Iterable[str]) -> dict[str, datetime]:
        """When the commit was made that gave each service the values file that the tracked branch has."""
        paths = {service: layout.values(service, environment.name) for service in services}
        found = self.git.origins(self._tracked(environment), paths.values(), limit=_LOOK_BACK)
        return {service: found[path].committer.when for service, path in paths.items()}

    def _tracked(self, environment: Environment) -> str:
        return self.tips[environment.name][environment.ref]

    def _charts(self, commit: str | None, services: Iterable[str]) -> dict[str, str | None]:
        """Object ids of the services' charts; none of a commit that is not here."""
        try:
            return self.git.object_ids(commit, map(layout.chart, services)) if commit else {}
        except InterlockError:
            return {}


def everything(session: Session, identity: str) -> list[Place]:
    """Every service in every environment where git and the hub have it, by name."""
    estate = session.estate(identity)
    environments = estate.platform.environments
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(session.connections.cluster("hub", identity).list, *_APPLICATION, namespace=NAMESPACE)
        seen = view(session, estate, environments, identity)
        applications = {str(item["metadata"]["name"]): item for item in listing.result().items}
    found = []
    for environment in environments:
        if environment.name not in seen.tips:
            continue
        names = {service: layout.application_name(service, environment.name) for service in estate.services}
        here = {service: applications[name] for service, name in names.items() if name in applications}
        places = list(seen.places(environment, here))
        since = seen.since(environment, [place.service for place in places])
        found += [replace(place, since=since[place.service]) for place in places]
    order = {environment.name: index for index, environment in enumerate(environments)}
    return sorted(found, key=lambda place: (place.service, order[place.environment]))


def look(session: Session, environment: str, service: str, identity: str) -> Place:
    """Raises NotFoundError ``service-not-onboarded`` while git or the hub do not have it."""
    estate = session.estate(identity)
    found = estate.environment(environment)
    hub = session.connections.cluster("hub", identity)
    try:
        application = hub.get(*_APPLICATION, layout.application_name(service, environment), NAMESPACE)
    except NotFoundError:
        raise _absent(service, environment) from None
    for place in view(session, estate, [found], identity).places(found, {service: application}):
        return place
    raise _absent(service, environment)


def settled(session: Session, environment: str, service: str, identity: str) -> tuple[bool, str]:
    """Whether no delivery of the service (`branches.WHOLE`: of the repository itself) is open there, and whatever was
    merged is sealed, synced and healthy; and how far it is. What left main has settled when Argo CD has it no more."""
    estate = session.estate(identity)
    found = estate.environment(environment)
    try:
        pull = session.open_pull(session.connections.forge(identity), estate, found, service)
    except NotFoundError:
        pull = None
    if pull is not None:
        return False, f"#{pull.number} is open: {pull.title}"
    if service == branches.WHOLE or environment == PLATFORM:
        git = session.connections.mirror(found.repository, identity)
        sealed = git.is_ancestor(layout.MAIN, found.ref)
        return sealed, f"main of {found.repository} is {'' if sealed else 'not '}{layout.short(found.ref)}"
    try:
        place = look(session, environment, service, identity)
    except NotFoundError as error:
        git = session.connections.mirror(found.repository, identity)
        gone = git.read(layout.MAIN, layout.application(service)) is None and not _applied(
            session, environment, service, identity
        )
        return gone, f"{service} has left {environment}" if gone else error.message
    return place.deployed, place.summary


def _applied(session: Session, environment: str, service: str, identity: str) -> bool:
    """Whether the hub has its Application."""
    hub = session.connections.cluster("hub", identity)
    try:
        hub.get(*_APPLICATION, layout.application_name(service, environment), NAMESPACE)
    except NotFoundError:
        return False
    return True


def tag_before(session: Session, environment: str, service: str, identity: str) -> str:
    """The tag that the environment before holds."""
    estate = session.estate(identity)
    before = estate.previous(estate.environment(environment))
    if before is None:
        raise NotFoundError("environment-first", f"{environment} is the first environment")
    images = view(session, estate, [before], identity).images(before, [service])
    if service not in images:
        raise _absent(service, before.name)
    return images[service].tag


def view(session: Session, estate: Estate, environments: Sequence[Environment], identity: str) -> View:
    """Mirrors of these environments' repositories with what the forge has now.

    Raises NotFoundError ``git-not-found`` while the forge has none of them.
    """
    forge, owner = session.connections.forge(identity), estate.platform.organisation

    def tips(environment: Environment) -> dict[str, str]:
        refs = dict.fromkeys((layout.MAIN, environment.ref))
        try:
            return {ref: forge.branch(owner, environment.repository, ref.removeprefix("refs/heads/")) for ref in refs}
        except NotFoundError:
            return {}

    def mirror(environment: Environment) -> Repository:
        return session.connections.mirror(environment.repository, identity, fetch=False)

    with ThreadPoolExecutor(max(1, len(environments))) as pool:
        there = [pair for pair in zip(environments, pool.map(tips, environments), strict=True) if pair[1]]
        if not there:
            raise NotFoundError("git-not-found", "the forge has no env repo of these", got=owner)
        mirrors = list(pool.map(mirror, (environment for environment, _ in there)))
        git = together(mirrors)
        behind = [here for here, (_, found) in zip(mirrors, there, strict=True) if not git.has(found.values())]
        list(pool.map(Repository.fetch, behind))
    return View(git, {environment.name: found for environment, found in there})


def _absent(service: str, environment: str) -> NotFoundError:
    return NotFoundError("service-not-onboarded", f"{service} is not onboarded in {environment} yet")
