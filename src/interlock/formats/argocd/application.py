"""The Application resource: the part of its spec that is handled, strict.

Source: argo-cd pkg/apis/application/v1alpha1/types.go. Fields that upstream knows and this does not handle are named
by `unsupported`; fields that nobody knows are refused (upstream's CRD prunes them silently, which hides typos).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.errors import InputError

API_VERSION = "argoproj.io/v1alpha1"
DEFAULT_HISTORY = 10
CASCADE = "resources-finalizer.argocd.argoproj.io"
CASCADE_BACKGROUND = "resources-finalizer.argocd.argoproj.io/background"
CASCADE_FOREGROUND = "resources-finalizer.argocd.argoproj.io/foreground"
REFRESH = "argocd.argoproj.io/refresh"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class HelmParameter(_Model):
    name: str = ""
    value: str = ""
    force_string: bool = Field(default=False, alias="forceString")


class Helm(_Model):
    value_files: tuple[str, ...] = Field(default=(), alias="valueFiles")
    release_name: str = Field(default="", alias="releaseName")
    parameters: tuple[HelmParameter, ...] = ()
    values: str = ""
    values_object: dict[str, Any] | None = Field(default=None, alias="valuesObject")
    ignore_missing_value_files: bool = Field(default=False, alias="ignoreMissingValueFiles")
    skip_crds: bool = Field(default=False, alias="skipCrds")
    # Known upstream, refused here.
    file_parameters: Any = Field(default=None, alias="fileParameters")
    version: Any = None
    pass_credentials: Any = Field(default=None, alias="passCredentials")
    skip_schema_validation: Any = Field(default=None, alias="skipSchemaValidation")
    skip_tests: Any = Field(default=None, alias="skipTests")
    namespace: Any = None
    kube_version: Any = Field(default=None, alias="kubeVersion")
    api_versions: Any = Field(default=None, alias="apiVersions")


class Directory(_Model):
    recurse: bool = False
    exclude: str = ""
    include: str = ""
    jsonnet: Any = None


class Source(_Model):
    repo_url: Annotated[str, Field(min_length=1, alias="repoURL")]
    path: str = ""
    target_revision: str = Field(default="", alias="targetRevision")
    helm: Helm | None = None
    directory: Directory | None = None
    kustomize: Any = None
    plugin: Any = None
    chart: Any = None
    ref: Any = None
    name: str = ""


class Destination(_Model):
    server: str = ""
    name: str = ""
    namespace: str = ""


class Backoff(_Model):
    duration: str = ""
    factor: int | None = None
    max_duration: str = Field(default="", alias="maxDuration")


class Retry(_Model):
    limit: int = 0
    backoff: Backoff | None = None
    refresh: bool = False


class Automated(_Model):
    prune: bool = False
    self_heal: bool = Field(default=False, alias="selfHeal")
    allow_empty: bool = Field(default=False, alias="allowEmpty")
    enabled: bool | None = None


class NamespaceMetadata(_Model):
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class SyncPolicy(_Model):
    automated: Automated | None = None
    sync_options: tuple[str, ...] = Field(default=(), alias="syncOptions")
    retry: Retry | None = None
    managed_namespace_metadata: NamespaceMetadata | None = Field(default=None, alias="managedNamespaceMetadata")

    @property
    def automatic(self) -> Automated | None:
        """The automation, unless it is switched off (IsAutomatedSyncEnabled)."""
        return self.automated if self.automated is not None and self.automated.enabled is not False else None


class IgnoreDifferences(_Model):
    group: str = ""
    kind: str
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = Field(default=(), alias="jsonPointers")
    jq_path_expressions: Any = Field(default=None, alias="jqPathExpressions")
    managed_fields_managers: Any = Field(default=None, alias="managedFieldsManagers")


class Info(_Model):
    name: str
    value: str


class Spec(_Model):
    project: str = "default"
    source: Source | None = None
    sources: Any = None
    source_hydrator: Any = Field(default=None, alias="sourceHydrator")
    destination: Destination
    sync_policy: SyncPolicy = Field(default=SyncPolicy(), alias="syncPolicy")
    ignore_differences: tuple[IgnoreDifferences, ...] = Field(default=(), alias="ignoreDifferences")
    info: tuple[Info, ...] = ()
    revision_history_limit: int = Field(default=DEFAULT_HISTORY, ge=0, alias="revisionHistoryLimit")


SYNC_OPTIONS = {
    "CreateNamespace": ("true", "false"),
    "Prune": ("true", "false"),
    "Delete": ("true", "false"),
    "PruneLast": ("true", "false"),
    "PrunePropagationPolicy": ("foreground", "background", "orphan"),
    "ServerSideApply": ("true", "false"),
    "ApplyOutOfSyncOnly": ("true", "false"),
    "FailOnSharedResource": ("true", "false"),
    "ClientSideApplyMigration": ("true", "false"),
}
"""Options that are handled: every apply is a server-side apply here, whatever ``ServerSideApply`` says."""


def parse(obj: Mapping[str, Any]) -> Spec:
    """The spec of an Application. Raises InputError ``application-invalid`` that names the field."""
    try:
        return Spec.model_validate(obj.get("spec"))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(("spec", *map(str, first["loc"])))
        raise InputError("application-invalid", f"{field}: {first['msg']}", got=_short(first.get("input"))) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def unsupported(spec: Spec) -> Iterator[str]:
    """Each construct of ``spec`` that upstream knows and this engine does not handle."""
    if spec.sources:
        yield "spec.sources"
    if spec.source_hydrator:
        yield "spec.sourceHydrator"
    if spec.source is not None:
        for name in ("kustomize", "plugin", "chart", "ref"):
            if getattr(spec.source, name):
                yield f"spec.source.{name}"
        helm = spec.source.helm or Helm()
        for alias, value in helm.model_dump(by_alias=True).items():
            field = next(item for item, info in Helm.model_fields.items() if (info.alias or item) == alias)
            if Helm.model_fields[field].annotation is Any and value:
                yield f"spec.source.helm.{alias}"
        if spec.source.directory is not None and spec.source.directory.jsonnet:
            yield "spec.source.directory.jsonnet"
    for index, item in enumerate(spec.ignore_differences):
        for name, value in (
            ("jqPathExpressions", item.jq_path_expressions),
            ("managedFieldsManagers", item.managed_fields_managers),
        ):
            if value:
                yield f"spec.ignoreDifferences[{index}].{name}"
    for option in spec.sync_policy.sync_options:
        name, _, value = option.partition("=")
        if value not in SYNC_OPTIONS.get(name, ()):
            yield f"sync option {option}"


def has_option(options: tuple[str, ...] | list[str], name: str, value: str = "true") -> bool:
    return f"{name}={value}" in options


def option_value(options: tuple[str, ...] | list[str], name: str) -> str | None:
    """The value of the last option of that name; None without one."""
    found = [item.partition("=")[2] for item in options if item.partition("=")[0] == name]
    return found[-1] if found else None


def cascade(finalizers: list[str]) -> str | None:
    """How resources are deleted with their Application: ``Foreground`` or ``Background``; None: they stay."""
    if CASCADE_BACKGROUND in finalizers:
        return "Background"
    if CASCADE in finalizers or CASCADE_FOREGROUND in finalizers:
        return "Foreground"
    return None


def without_cascade(finalizers: list[str]) -> list[str]:
    return [item for item in finalizers if item not in (CASCADE, CASCADE_BACKGROUND, CASCADE_FOREGROUND)]
