"""The configuration file of one cluster's API server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from interlock.local import serving


class Tls(BaseModel):
    """PEM files; `interlock.local.kubernetes.tls` makes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cert: Path
    """Server certificate."""
    key: Path
    """Its private key; mode 0600."""
    ca: Path
    """Certificate of the CA: what clients trust, and what the config map ``kube-root-ca.crt`` holds."""


class Kubelet(BaseModel):
    """The kubelet of a node that really runs containers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, StringConstraints(pattern=r"^(127\.0\.0\.1|localhost):[0-9]{1,5}$")]
    """``127.0.0.1:8485``."""
    secret_file: Path
    """What both sides know (`interlock.clients.kubelets`)."""


class Config(serving.HttpConfig):
    """One cluster."""

    name: str
    """Of the cluster, e.g. ``hub``."""
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

    admission: tuple[str, ...] = ()
    """Modules whose ``WEBHOOKS`` are asked before an object is stored (`interlock.formats.kubernetes.admission`)."""

    kubelets: dict[str, Kubelet] = Field(default_factory=dict)
    """Name of a node -> its kubelet, which serves the logs of the pods that are on it."""

    @property
    def audit_log(self) -> Path:
        return self.audit or self.data / "audit.log"
