"""The kinds this server serves: the built-in ones, and those that custom resource definitions add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from interlock.formats.kubernetes import types
from interlock.formats.kubernetes.schema import Schema

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of a custom resource (additionalPrinterColumns)."""

    name: str
    type: str
    path: str
    priority: int = 0
    format: str = ""
    description: str = ""


@dataclass(frozen=True, eq=False)
class Kind:
    """One served kind in one version."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool
    schema: Schema
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    """Of ``status``, ``scale``, ``token``, ``eviction``, ``finalize``, ``log``."""
    verbs: tuple[str, ...] = VERBS
    columns: tuple[Column, ...] = ()
    custom: bool = False
    storage: bool = True
    """For a custom resource: whether objects are kept in this version."""
    singular_name: str = ""
    list_name: str = ""
    field_labels: tuple[str, ...] = ()
    type_name: str = ""
    """Its block in the table of built-in types."""
    scale: dict[str, str] | None = None
    """The JSON paths of the scale subresource of a custom resource."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The store's name: versions share their objects."""
        return f"{self.group}/{self.plural}"

    @property
    def singular(self) -> str:
        return self.singular_name or self.name.lower()

    @property
    def list_kind(self) -> str:
        return self.list_name or f"{self.name}List"


def _kind(group: str, version: str, name: str, plural: str, short: str = "", **options: Any) -> Kind:
    options.setdefault("namespaced", True)
    return Kind(
        group,
        version,
        name,
        plural,
        schema=types.builtin(options.pop("type_name", name)),
        short_names=tuple(short.split()),
        type_name=name,
        **options,
    )


_RBAC = "rbac.authorization.k8s.io"
_EVENT_FIELDS = tuple(
    f"involvedObject.{name}"
    for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
)
_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
)
_REVIEW: dict[str, Any] = {"verbs": ("create",), "namespaced": False}

BUILTIN: tuple[Kind, ...] = (
    _kind("", "v1", "ConfigMap", "configmaps", "cm"),
    _kind("", "v1", "Event", "events", "ev", field_labels=(*_EVENT_FIELDS, "reason", "reportingComponent", "type")),
    _kind(
        "",
        "v1",
        "Namespace",
        "namespaces",
        "ns",
        namespaced=False,
        subresources=("status", "finalize"),
        verbs=tuple(verb for verb in VERBS if verb != "deletecollection"),
        field_labels=("status.phase",),
    ),
    _kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", subresources=("status",)),
    _kind(
        "",
        "v1",
        "Pod",
        "pods",
        "po",
        categories=("all",),
        subresources=("status", "eviction", "log"),
        field_labels=_POD_FIELDS,
    ),
    _kind("", "v1", "Secret", "secrets", field_labels=("type",)),
    _kind("", "v1", "Service", "services", "svc", categories=("all",), subresources=("status",)),
    _kind("", "v1", "ServiceAccount", "serviceaccounts", "sa", subresources=("token",)),
    _kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd crds",
        namespaced=False,
        categories=("api-extensions",),
        subresources=("status",),
    ),
    _kind("apps", "v1", "Deployment", "deployments", "deploy", categories=("all",), subresources=("status", "scale")),
    _kind("apps", "v1", "ReplicaSet", "replicasets", "rs", categories=("all",), subresources=("status", "scale")),
    _kind("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", **_REVIEW),
    _kind("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", **_REVIEW),
    _kind("authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=("create",)),
    _kind("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", **_REVIEW),
    _kind("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", **_REVIEW),
    _kind("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", **_REVIEW),
    _kind(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        categories=("all",),
        subresources=("status",),
    ),
    _kind("batch", "v1", "Job", "jobs", categories=("all",), subresources=("status",)),
    _kind("coordination.k8s.io", "v1", "Lease", "leases"),
    _kind("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", subresources=("status",)),
    _kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol"),
    _kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", subresources=("status",)),
    _kind(_RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False),
    _kind(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _kind(_RBAC, "v1", "Role", "roles"),
    _kind(_RBAC, "v1", "RoleBinding", "rolebindings"),
)


class Kinds:
    """All served kinds; the custom ones are replaced as a whole when definitions change."""

    def __init__(self) -> None:
        self._custom: tuple[Kind, ...] = ()
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_kind: dict[tuple[str, str, str], Kind] = {}
        self.generation = 0
        """Counts the replacements: what is derived from the kinds is cached by it."""
        self.serve_custom(())

    def serve_custom(self, custom: Iterable[Kind]) -> None:
        self._custom = tuple(custom)
        self._by_path = {(kind.group, kind.version, kind.plural): kind for kind in self}
        self._by_kind = {(kind.group, kind.version, kind.name): kind for kind in self}
        self.generation += 1

    def __iter__(self) -> Iterator[Kind]:
        yield from BUILTIN
        yield from self._custom

    def at(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_path.get((group, version, plural))

    def named(self, api_version: str, name: str) -> Kind | None:
        group, _, version = api_version.rpartition("/")
        return self._by_kind.get((group, version, name))

    def stored(self) -> Iterator[Kind]:
        """One kind for each resource that has objects of its own."""
        for kind in self:
            if "list" in kind.verbs and (not kind.custom or kind.storage):
                yield kind

    def of_resource(self, resource: str) -> Kind | None:
        """The kind in whose version the objects of a resource are kept."""
        return next((kind for kind in self.stored() if kind.resource == resource), None)
