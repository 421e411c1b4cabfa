"""Whether an environment runs a digest: its Application, judged at the revision that git has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.clients.git import Repository
from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InterlockError, NotFoundError
from interlock.platform.delivery import seal
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import NO_COMMIT, CommitId
from interlock.platform.domain.verdict import Basis
from interlock.platform.estate import Environment, layout
from interlock.platform.estate.argocd import NAMESPACE


def read_health(
    hub: KubernetesClient,
    git: Repository,
    service: str,
    environment: Environment,
    *,
    seal_certificate: str,
    basis: Basis = Basis.EXECUTED,
) -> ApplicationFacts | Unread | None:
    """The Application ``<service>-<environment>``; None when there is none."""
    name = f"{service}-{environment.name}"
    try:
        found = hub.get("argoproj.io/v1alpha1", "Application", name, NAMESPACE)
    except NotFoundError as error:
        return None if error.code == "kubernetes-not-found" else unread("Argo CD", error)
    except InterlockError as error:
        return unread("Argo CD", error)
    try:
        return facts(found, git, service, environment, seal_certificate=seal_certificate, basis=basis)
    except InterlockError as error:
        return unread(f"git {environment.repository}", error)


def facts(
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
    status = application.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    phase = str((status.get("operationState") or {}).get("phase", ""))
    revision = CommitId(git.resolve(str(sync.get("revision") or NO_COMMIT)))
    path = layout.values(service, environment.name)
    data = git.read(revision, path)
    if data is None:
        raise NotFoundError("values-missing", "the synced revision has no values of this service", where=path)
    image = layout.image_in(data, file=path)
    state = str(sync.get("status", "Unknown"))
    return ApplicationFacts(
        name=f"{service}-{environment.name}",
        sync=state if phase in ("", "Succeeded") else f"{state}, operation {phase}",
        health=str(health.get("status", "Unknown")),
        revision=revision,
        digest=image.digest,
        tag=image.tag,
        sealed=environment.sealed and seal.is_seal(git, revision, seal_certificate),
        basis=basis,
    )
