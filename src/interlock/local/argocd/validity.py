"""What an Application refers to, or what is wrong with it (argo-cd util/argo/argo.go ValidatePermissions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, NotFoundError
from interlock.formats.argocd import application, project
from interlock.formats.argocd.application import API_VERSION, Source, Spec
from interlock.formats.argocd.project import Project
from interlock.formats.argocd.windows import SyncWindow
from interlock.local.argocd.clusters import Destinations, LiveCluster
from interlock.local.argocd.status import condition

Object = dict[str, Any]

INVALID = "InvalidSpecError"
UNKNOWN = "UnknownError"


@dataclass(frozen=True, slots=True)
class Subject:
    """A valid Application: its spec, the project that permits it, and where it goes."""

    name: str
    spec: Spec
    source: Source
    project: Project
    cluster: LiveCluster

    def windows(self) -> Sequence[SyncWindow]:
        """The project's sync windows that concern it."""
        where = self.spec.destination
        windows = self.project.spec.sync_windows
        return [item for item in windows if item.concerns(self.name, where.namespace, where.server, where.name)]


@dataclass(frozen=True, slots=True)
class Validator:
    """Reads projects from the hub. Errors of the hub itself are raised; faults of the Application are conditions."""

    hub: KubernetesClient
    destinations: Destinations
    namespace: str

    def check(self, app: Mapping[str, Any]) -> tuple[Subject | None, list[Object]]:
        """The subject, or the conditions that say why there is none."""
        try:
            spec = application.parse(app)
        except InputError as error:
            return None, [condition(INVALID, f"{error.message}: {error.got}" if error.got else error.message)]
        if named := list(application.unsupported(spec)):
            return None, [condition(INVALID, f"{item} is not supported by interlock.local yet") for item in named]
        if spec.source is None:
            return None, [condition(INVALID, "spec.source is required")]
        try:
            rules = self.project(spec.project)
            cluster = self.destinations.find(spec.destination.server, spec.destination.name)
        except (NotFoundError, InputError) as error:
            return None, [condition(INVALID if isinstance(error, NotFoundError) else UNKNOWN, error.message)]
        subject = Subject(str(app["metadata"]["name"]), spec, spec.source, rules, cluster)
        faults = [condition(INVALID, message) for message in _faults(subject)]
        return (None, faults) if faults else (subject, [])

    def project(self, name: str) -> Project:
        """Raises NotFoundError ``project-unknown``, InputError ``project-invalid``."""
        try:
            return project.parse(self.hub.get(API_VERSION, "AppProject", name, self.namespace))
        except NotFoundError as error:
            message = f"Application referencing project {name} which does not exist"
            raise NotFoundError("project-unknown", message) from error


def _faults(subject: Subject) -> list[str]:
    rules, source, where = subject.project, subject.source, subject.spec.destination
    if rules.unsupported:
        named = [f"{field} of project {rules.name}" for field in rules.unsupported]
        return [f"{item} is not supported by interlock.local yet" for item in named]
    if not source.path:
        return ["spec.source.repoURL and either spec.source.path or spec.source.chart are required"]
    if not rules.permits_source(source.repo_url):
        return [f"application repo {source.repo_url} is not permitted in project '{rules.name}'"]
    server, name = subject.cluster.config.server, subject.cluster.config.name
    if not rules.permits_destination(server=server, name=name, namespace=where.namespace):
        return [
            f"application destination server '{name if where.name else server}' and namespace '{where.namespace}' "
            f"do not match any of the allowed destinations in project '{rules.name}'"
        ]
    return []
