"""The AppProject resource and what it permits.

Source: argo-cd pkg/apis/application/v1alpha1/app_project_types.go and types.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.errors import InputError
from interlock.formats.argocd import globs
from interlock.formats.argocd.windows import SyncWindow


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class GroupKind(_Model):
    group: str = ""
    kind: str


class ClusterResource(_Model):
    group: str = ""
    kind: str
    name: str = ""


class ProjectDestination(_Model):
    server: str = ""
    name: str = ""
    namespace: str = ""


class SignatureKey(_Model):
    key_id: str = Field(alias="keyID")


class PolicyRepository(_Model):
    url: str


class GpgPolicy(_Model):
    mode: Literal["none", "head", "strict"]
    keys: tuple[str, ...] = ()


class GitPolicy(_Model):
    repos: tuple[PolicyRepository, ...] = ()
    gpg: GpgPolicy | None = None


class GitIntegrity(_Model):
    policies: tuple[GitPolicy, ...] = ()


class SourceIntegrity(_Model):
    git: GitIntegrity | None = None


class ProjectSpec(_Model):
    description: str = ""
    source_repos: tuple[str, ...] = Field(default=(), alias="sourceRepos")
    destinations: tuple[ProjectDestination, ...] = ()
    cluster_resource_whitelist: tuple[ClusterResource, ...] = Field(default=(), alias="clusterResourceWhitelist")
    cluster_resource_blacklist: tuple[ClusterResource, ...] = Field(default=(), alias="clusterResourceBlacklist")
    namespace_resource_whitelist: tuple[GroupKind, ...] | None = Field(default=None, alias="namespaceResourceWhitelist")
    namespace_resource_blacklist: tuple[GroupKind, ...] = Field(default=(), alias="namespaceResourceBlacklist")
    sync_windows: tuple[SyncWindow, ...] = Field(default=(), alias="syncWindows")
    signature_keys: tuple[SignatureKey, ...] = Field(default=(), alias="signatureKeys")
    source_integrity: SourceIntegrity | None = Field(default=None, alias="sourceIntegrity")
    # Who may use the project through Argo CD's own API; there is none here, so there is nobody to let in.
    roles: Any = None
    orphaned_resources: Any = Field(default=None, alias="orphanedResources")
    # Known upstream, refused here: ignoring them would permit more than the project says.
    source_namespaces: Any = Field(default=None, alias="sourceNamespaces")
    permit_only_project_scoped_clusters: Any = Field(default=None, alias="permitOnlyProjectScopedClusters")
    destination_service_accounts: Any = Field(default=None, alias="destinationServiceAccounts")


class Project(_Model):
    name: str
    spec: ProjectSpec

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Fields that are set and would be wrong to ignore."""
        fields = ("source_namespaces", "permit_only_project_scoped_clusters", "destination_service_accounts")
        return tuple(str(ProjectSpec.model_fields[name].alias) for name in fields if getattr(self.spec, name))

    @property
    def integrity(self) -> SourceIntegrity | None:
        """The source integrity that holds: ``signatureKeys`` is ``head`` for every repository (types.go
        EffectiveSourceIntegrity); beside ``sourceIntegrity.git`` it is ignored."""
        if not self.spec.signature_keys:
            return self.spec.source_integrity
        if self.spec.source_integrity is not None and self.spec.source_integrity.git is not None:
            return self.spec.source_integrity
        keys = tuple(item.key_id for item in self.spec.signature_keys)
        policy = GitPolicy(repos=(PolicyRepository(url="*"),), gpg=GpgPolicy(mode="head", keys=keys))
        return SourceIntegrity(git=GitIntegrity(policies=(policy,)))

    def permits_source(self, repo_url: str) -> bool:
        """IsSourcePermitted: any pattern matches and no ``!`` pattern is hit. A ``!`` pattern that is not hit counts
        as a match."""
        wanted = normalised_url(repo_url)
        matched = False
        for pattern in self.spec.source_repos:
            deny = globs.denies(pattern)
            normal = ("!" if deny else "") + normalised_url(pattern.removeprefix("!"))
            if globs.allow(normal, wanted, "/"):
                matched = True
            elif deny:
                return False
        return matched

    def permits_destination(self, *, server: str, name: str, namespace: str) -> bool:
        """isDestinationMatched."""
        matched = False
        for item in self.spec.destinations:
            by_name = bool(name) and globs.allow(item.name, name)
            by_server = bool(server) and globs.allow(item.server, server)
            in_namespace = globs.allow(item.namespace, namespace)
            if (by_server or by_name) and in_namespace:
                matched = True
                continue
            hit_name = globs.denies(item.name) and not by_name
            hit_server = globs.denies(item.server) and not by_server and in_namespace
            hit_namespace = globs.denies(item.namespace) and not in_namespace and by_server
            if hit_name or hit_server or hit_namespace:
                return False
        return matched

    def permits_kind(self, group: str, kind: str, name: str, *, namespaced: bool) -> bool:
        """IsGroupKindNamePermitted: cluster-scoped kinds only when listed; a namespaced kind unless a list says no."""
        if namespaced:
            allowed = self.spec.namespace_resource_whitelist
            listed = allowed is None or _in(group, kind, allowed)
            return listed and not _in(group, kind, self.spec.namespace_resource_blacklist)
        return _named(group, kind, name, self.spec.cluster_resource_whitelist) and not _named(
            group, kind, name, self.spec.cluster_resource_blacklist
        )


def _in(group: str, kind: str, items: Sequence[GroupKind]) -> bool:
    return any(fnmatchcase(kind, item.kind) and fnmatchcase(group, item.group) for item in items)


def _named(group: str, kind: str, name: str, items: Sequence[ClusterResource]) -> bool:
    return any(
        fnmatchcase(kind, item.kind)
        and fnmatchcase(group, item.group)
        and (not item.name or fnmatchcase(name, item.name))
        for item in items
    )


def normalised_url(url: str) -> str:
    """git.NormalizeGitURL (argo-cd util/git/git.go): what makes two spellings one repository."""
    text = url.strip().lower()
    if "://" not in text and "@" in text and ":" in text:
        text = "ssh://" + text.replace(":", "/", 1)
    return text.removesuffix(".git").removeprefix("ssh://")


def parse(obj: Mapping[str, Any]) -> Project:
    """Raises InputError ``project-invalid`` that names the field."""
    try:
        return Project(name=str(obj["metadata"]["name"]), spec=ProjectSpec.model_validate(obj.get("spec") or {}))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(("spec", *map(str, first["loc"])))
        raise InputError("project-invalid", f"{field}: {first['msg']}") from error
