"""How the environment before holds and runs what is delivered: its values file, and its Application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.clients.git import Repository
from interlock.errors import NotFoundError
from interlock.platform.domain import health as healths
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import NO_COMMIT, CommitId, Digest
from interlock.platform.domain.image import ImageReference
from interlock.platform.domain.verdict import Basis
from interlock.platform.estate import Environment, layout
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import image, running, seals
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.ground import environment, estate, named, registered, sources


def before(facts: Facts) -> Environment:
    """The environment that this one is promoted from."""
    found = facts.get(estate).previous(facts.get(environment))
    if found is None:
        raise missing("environment before")
    return found


def promoted(facts: Facts) -> ImageReference:
    """What its tracked branch holds; an empty reference while it holds nothing that runs."""
    where = facts.get(before)
    git = facts.get(sources).mirror(where.repository)
    found = image.in_values(git, where.ref, layout.values(facts.get(named), where.name))
    return found or ImageReference("", "", Digest(""))


def read(facts: Facts) -> ApplicationFacts | None:
    """The service's Application there; None when there is none."""
    where, service, sources_ = facts.get(before), facts.get(named), facts.get(sources)
    hub = sources_.cluster(facts.get(estate).platform.platform.cluster)
    name = layout.application_name(service, where.name)
    try:
        found = hub.get("argoproj.io/v1alpha1", "Application", name, NAMESPACE)
    except NotFoundError as error:
        if error.code != "kubernetes-not-found":
            raise
        return None
    git = sources_.mirror(where.repository)
    basis = running.basis(sources_, where, facts.get(registered))
    return of(found, git, service, where, seal_certificate=sources_.seal, basis=basis)


def of(
    application: Mapping[str, Any],
    git: Repository,
    service: str,
    environment: Environment,
    *,
    seal_certificate: str,
    basis: Basis,
) -> ApplicationFacts:
    """What an Application object says, with tag and digest of the revision that it was compared with.

    An operation that is not Succeeded makes it not Synced: the comparison may be ahead of what was applied.
    """
    told = healths.of(application)
    revision = CommitId(git.resolve(told.revision or NO_COMMIT))
    path = layout.values(service, environment.name)
    data = git.read(revision, path)
    if data is None:
        raise NotFoundError("values-missing", "the synced revision has no values of this service", where=path)
    found = layout.image_in(data, file=path)
    return ApplicationFacts(
        name=layout.application_name(service, environment.name),
        sync=told.state,
        health=told.health,
        revision=revision,
        digest=found.digest,
        tag=found.tag,
        sealed=environment.sealed and seals.is_seal(git, revision, seal_certificate),
        basis=basis,
    )
