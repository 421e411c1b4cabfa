"""What Argo CD synced for a service, live, and as the controller read it after the sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import NotFoundError, UnreachableError
from interlock.platform.books import Recorded
from interlock.platform.books.vocabulary import Synced
from interlock.platform.domain.ids import NO_COMMIT, CommitId
from interlock.platform.domain.image import ImageReference
from interlock.platform.domain.result import service_paths
from interlock.platform.estate import layout
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import ground, place
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import sources
from interlock.platform.facts.result import library, object_ids


def application_name(facts: Facts) -> str:
    found = facts.get(place.read)
    return layout.application_name(found.service, found.environment)


def application(facts: Facts) -> Mapping[str, Any]:
    """The Application, live."""
    hub = facts.get(sources).cluster(facts.get(place.estate).platform.platform.cluster)
    return hub.get("argoproj.io/v1alpha1", "Application", facts.get(application_name), NAMESPACE)


def read(facts: Facts) -> Recorded[Synced] | None:
    """The newest captured sync of the revision that is synced now, or of one with the same content."""
    books, subject = facts.get(ground.books), facts.get(place.subject)
    try:
        live = str(facts.get(application).get("status", {}).get("sync", {}).get("revision", ""))
    except UnreachableError:
        return next(books.of_subject(Synced, subject), None)
    exact = (item for item in books.about(Synced, live) if item.entry.subject == subject)
    return next(exact, None) or _equivalent(facts, live)


def _equivalent(facts: Facts, revision: str) -> Recorded[Synced] | None:
    """A capture of another revision counts while this service's paths are the same in both."""
    git = facts.get(place.repository)
    for item in facts.get(ground.books).of_subject(Synced, facts.get(place.subject)):
        captured = item.said.revision
        try:
            if git.is_ancestor(captured, revision) and ids(facts, captured) == ids(facts, revision):
                return item
        except NotFoundError:
            continue
    return None


def revision(facts: Facts) -> CommitId:
    """What is synced: live, or as captured where the hub does not answer."""
    try:
        found = facts.get(application).get("status", {}).get("sync", {}).get("revision")
    except UnreachableError:
        captured = facts.get(read)
        if captured is None:
            raise
        found = captured.said.revision
    return CommitId(facts.get(place.repository).resolve(str(found or NO_COMMIT)))


def desired(facts: Facts) -> ImageReference:
    """The image in the service's values at the synced revision. Raises NotFoundError ``values-missing``."""
    found = facts.get(place.read)
    path = layout.values(found.service, found.environment)
    data = facts.get(place.repository).read(facts.get(revision), path)
    if data is None:
        raise NotFoundError("values-missing", "the synced revision has no values of this service", where=path)
    return layout.image_in(data, file=path)


def ids(facts: Facts, commit: str) -> Mapping[str, str | None]:
    """Object ids of everything in the env repo that decides what the service runs."""
    git, service = facts.get(place.repository), facts.get(place.read).service
    return object_ids(git, commit, service_paths(service, library(git, commit, service)))
