"""The configuration file of one cluster's API server."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Model):
    """PEM files; `interlock.local.kubernetes.tls` makes them."""

    cert: Path
    """Server certificate."""
    key: Path
    """Its private key; mode 0600."""
    ca: Path
    """Certificate of the CA: what clients trust, and what the config map ``kube-root-ca.crt`` holds."""


class Config(_Model):
    """One cluster. Relative paths are relative to the file's folder."""

    name: str
    """Of the cluster, e.g. ``hub``."""
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    """0: any free port (tests)."""
    data: Path
    """Folder of the store, the service-account keys and nothing else."""
    tls: Tls
    tokens: Path | None = None
    """Static users (`interlock.local.kubernetes.tokens`), mode 0600."""
    names: dict[str, str] = Field(default_factory=dict)
    """Stable prefix -> where it answers, e.g. ``registry.acme.test: http://127.0.0.1:8481``."""
    audit: Path | None = None
    """JSON-lines file of audit events; None: ``audit.log`` in ``data``."""
    bootstrap: tuple[Path, ...] = ()
    """YAML manifests (files, or folders of them) created at start when they are absent."""
    issuer: str = "https://kubernetes.default.svc.cluster.local"
    """``iss`` of service-account tokens."""
    workloads: bool = True
    """Run the controllers of Deployments, ReplicaSets and Pods."""

    @property
    def audit_log(self) -> Path:
        return self.audit or self.data / "audit.log"


def load_config(path: Path) -> Config:
    """Raises NotFoundError ``kubernetes-config-missing``, InputError ``kubernetes-config-invalid``."""
    if not path.is_file():
        raise NotFoundError("kubernetes-config-missing", "no configuration file", where=str(path))
    document = yaml.load(path.read_bytes(), file=str(path))
    try:
        config = Config.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            "kubernetes-config-invalid", first["msg"], got=first.get("input"), where=document.where(*first["loc"])
        ) from error
    base = path.parent.resolve()
    tls = Tls(**{name: base / getattr(config.tls, name) for name in Tls.model_fields})
    return config.model_copy(
        update={
            "data": base / config.data,
            "tls": tls,
            "tokens": base / config.tokens if config.tokens else None,
            "audit": base / config.audit if config.audit else None,
            "bootstrap": tuple(base / item for item in config.bootstrap),
        }
    )
