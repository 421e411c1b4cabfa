"""Parts of a Pod's spec that Tasks use as they are: environment and volumes (k8s.io/api/core/v1/types.go)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from interlock.formats.tekton.model import Model, NotEnforced, NotExecuted


class KeyRef(Model):
    """One key of a Secret or ConfigMap."""

    name: str = ""
    key: str
    optional: bool = False


class FieldRef(Model):
    """A field of the run's pod, as ``metadata.name`` or ``metadata.labels['x']``."""

    api_version: str = ""
    field_path: str


class ResourceFieldRef(Model):
    """A resource of a container, as ``limits.cpu``."""

    container_name: str = ""
    resource: str
    divisor: Any = None


class EnvVarSource(Model):
    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    file_key_ref: Annotated[Any, NotExecuted("env from files (fileKeyRef)")] = None


class EnvVar(Model):
    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class ObjectRef(Model):
    """Name of a Secret or ConfigMap."""

    name: str = ""
    optional: bool = False


class EnvFrom(Model):
    prefix: str = ""
    secret_ref: ObjectRef | None = None
    config_map_ref: ObjectRef | None = None


class VolumeMount(Model):
    name: str
    mount_path: str
    sub_path: str = ""
    read_only: bool = False
    sub_path_expr: str = ""
    mount_propagation: Annotated[str, NotEnforced("mountPropagation")] = ""
    recursive_read_only: Annotated[str, NotEnforced("recursiveReadOnly")] = ""


class KeyToPath(Model):
    key: str
    path: str
    mode: int | None = None


class SecretSource(Model):
    secret_name: str = ""
    items: list[KeyToPath] | None = None
    default_mode: int | None = None
    optional: bool = False


class ConfigMapSource(Model):
    name: str = ""
    items: list[KeyToPath] | None = None
    default_mode: int | None = None
    optional: bool = False


class EmptyDir(Model):
    medium: Annotated[str, NotEnforced("emptyDir.medium")] = ""
    size_limit: Annotated[Any, NotEnforced("emptyDir.sizeLimit")] = None


class ClaimSource(Model):
    claim_name: str
    read_only: bool = False


class DownwardFile(Model):
    """A file made from a field of the pod."""

    path: str
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    mode: int | None = None


class DownwardSource(Model):
    items: list[DownwardFile] | None = None
    default_mode: int | None = None


class TokenSource(Model):
    """A token of the run's ServiceAccount, as a file."""

    path: str
    audience: str = ""
    expiration_seconds: int | None = None


class ProjectedSecret(Model):
    name: str = ""
    items: list[KeyToPath] | None = None
    optional: bool = False


class Projection(Model):
    """One source of a projected volume."""

    secret: ProjectedSecret | None = None
    config_map: ProjectedSecret | None = None
    downward_api: Annotated[DownwardSource | None, Field(alias="downwardAPI")] = None
    service_account_token: TokenSource | None = None
    cluster_trust_bundle: Annotated[Any, NotExecuted("projected clusterTrustBundle")] = None
    pod_certificate: Annotated[Any, NotExecuted("projected podCertificate")] = None


class ProjectedSource(Model):
    """Several sources in one folder."""

    sources: list[Projection] | None = None
    default_mode: int | None = None


class EphemeralSource(Model):
    """A claim made for one pod."""

    volume_claim_template: dict[str, Any] | None = None


class Volume(Model):
    """A volume of a Task: exactly one source."""

    name: str
    secret: SecretSource | None = None
    config_map: ConfigMapSource | None = None
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: ClaimSource | None = None
    projected: ProjectedSource | None = None
    downward_api: Annotated[DownwardSource | None, Field(alias="downwardAPI")] = None
    ephemeral: EphemeralSource | None = None
    csi: Annotated[Any, NotExecuted("csi volumes")] = None
    host_path: Annotated[Any, NotExecuted("hostPath volumes")] = None
    nfs: Annotated[Any, NotExecuted("nfs volumes")] = None
    image: Annotated[Any, NotExecuted("image volumes")] = None
    git_repo: Annotated[Any, NotExecuted("gitRepo volumes")] = None
