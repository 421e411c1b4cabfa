"""Where a service stands: what git says for an environment, and what Argo CD says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.cli.session import Session
from interlock.errors import InterlockError, NotFoundError
from interlock.platform.domain import health as reading
from interlock.platform.domain.image import ImageReference
from interlock.platform.estate import Environment, Estate, layout
from interlock.platform.estate.argocd import NAMESPACE


@dataclass(frozen=True, slots=True)
class Place:
    """One service in one environment. ``since``: when what runs was committed to the tracked branch."""

    service: str
    environment: str
    tag: str
    digest: str
    sync: str
    health: str
    since: datetime | None
    deployed: bool
    """Synced, Healthy, and at what main says as far as this service goes."""

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


def look(session: Session, environment: str, service: str, identity: str) -> Place:
    """Raises NotFoundError ``service-not-onboarded`` while git or the hub do not have it."""
    estate = session.estate(identity)
    return place(session, estate, estate.environment(environment), service, identity)


def place(session: Session, estate: Estate, environment: Environment, service: str, identity: str) -> Place:
    git = session.connections.mirror(environment.repository, identity)
    branch = environment.ref
    path = layout.values(service, environment.name)
    data = git.read(branch, path)
    if data is None:
        raise _absent(service, environment)
    image = layout.image_in(data, file=path)
    try:
        application = session.connections.cluster("hub", identity).get(
            "argoproj.io/v1alpha1", "Application", f"{service}-{environment.name}", NAMESPACE
        )
    except NotFoundError:
        raise _absent(service, environment) from None
    status = application.get("status") or {}
    revision = reading.of(application).deployed
    current = False
    if revision is not None:
        chart = layout.chart(service)
        try:
            # What is merged and not sealed yet counts as not there yet.
            current = len({git.object_id(item, chart) for item in (revision, branch, "refs/heads/main")}) == 1
        except InterlockError:
            current = False
    return Place(
        service=service,
        environment=environment.name,
        tag=image.tag,
        digest=image.digest,
        sync=str((status.get("sync") or {}).get("status", "Unknown")),
        health=str((status.get("health") or {}).get("status", "Unknown")),
        since=_since(git.log(branch, limit=200), git, path),
        deployed=current,
    )


def tag_before(session: Session, environment: str, service: str, identity: str) -> str:
    """The tag that the environment before holds."""
    estate = session.estate(identity)
    before = estate.previous(estate.environment(environment))
    if before is None:
        raise NotFoundError("environment-first", f"{environment} is the first environment")
    return image(session, before, service, identity).tag


def image(session: Session, environment: Environment, service: str, identity: str) -> ImageReference:
    """What the tracked branch says."""
    git = session.connections.mirror(environment.repository, identity)
    path = layout.values(service, environment.name)
    data = git.read(environment.ref, path)
    if data is None:
        raise _absent(service, environment)
    return layout.image_in(data, file=path)


def _since(commits: Any, git: Any, path: str) -> datetime | None:
    """When the file got its content: the oldest of the newest commits that agree on it."""
    found: datetime | None = None
    wanted: str | None = None
    for commit in commits:
        content = git.object_id(commit.id, path)
        if wanted is None:
            wanted = content
        if content != wanted:
            break
        found = commit.committer.when
    return found


def _absent(service: str, environment: Environment) -> NotFoundError:
    return NotFoundError("service-not-onboarded", f"{service} is not onboarded in {environment.name} yet")
