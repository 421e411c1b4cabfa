"""The configuration file of the Argo CD stand-in."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml

IN_CLUSTER = "https://kubernetes.default.svc"
"""How an Application names the hub itself."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cluster(_Model):
    """One cluster and the service account that the engine is there."""

    name: str
    """``destination.name`` of an Application, e.g. ``prod``."""
    server: str
    """``destination.server`` of an Application: the stable name, e.g. ``https://prod-cluster``."""
    url: str
    """Where its API answers."""
    token: Path
    """File with the bearer token; mode 0600."""
    ca: Path | None = None


class SelfHeal(_Model):
    """Waits between self-heals of one revision: 0, ``initial``, ``initial * factor``, ... up to ``cap``, in ms."""

    initial_ms: int = Field(default=2_000, ge=0)
    factor: int = Field(default=3, ge=1)
    cap_ms: int = Field(default=300_000, ge=0)


class Config(_Model):
    """One engine. Relative paths are relative to the file's folder."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    """Of the webhook endpoint; 0: any free port (tests)."""
    data: Path
    """Folder of the git mirrors."""
    namespace: str = "argocd"
    """Where Applications and AppProjects live on the hub."""
    hub: Cluster
    clusters: tuple[Cluster, ...] = ()
    """The destinations; the hub is one without being listed."""
    names: dict[str, str] = Field(default_factory=dict)
    """Stable prefix -> where it answers, e.g. ``https://git: http://127.0.0.1:8480``."""
    token: Path | None = None
    """File with the read token of the forge."""
    webhook_secret: Path | None = None
    """File with the secret of Gitea's HMAC; without it the endpoint refuses every call."""
    keys: tuple[Path, ...] = ()
    """OpenPGP certificates: the keyring against which source integrity is verified."""
    resync_ms: int = Field(default=20_000, ge=10)
    """Every Application is compared with the newest revision at least this often (``timeout.reconciliation``)."""
    self_heal: SelfHeal = SelfHeal()
    wave_delay_ms: int = Field(default=2_000, ge=0)
    """Between sync waves (``ARGOCD_SYNC_WAVE_DELAY``)."""
    workers: int = Field(default=4, ge=1)
    """Applications that are processed at the same time."""

    def destinations(self) -> tuple[Cluster, ...]:
        return (self.hub, *self.clusters)

    def resolve(self, address: str) -> str:
        """``address`` as Applications write it -> where it answers; the longest prefix wins."""
        for prefix in sorted(self.names, key=len, reverse=True):
            stem = prefix.rstrip("/")
            if address == stem or address.startswith(stem + "/"):
                return self.names[prefix].rstrip("/") + address[len(stem) :]
        return address


def load_config(path: Path) -> Config:
    """Raises NotFoundError ``argocd-config-missing``, InputError ``argocd-config-invalid``."""
    if not path.is_file():
        raise NotFoundError("argocd-config-missing", "no configuration file", where=str(path))
    document = yaml.load(path.read_bytes(), file=str(path))
    try:
        config = Config.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            "argocd-config-invalid", first["msg"], got=first.get("input"), where=document.where(*first["loc"])
        ) from error
    base = path.parent.resolve()

    def cluster(item: Cluster) -> Cluster:
        return item.model_copy(update={"token": base / item.token, "ca": base / item.ca if item.ca else None})

    return config.model_copy(
        update={
            "data": base / config.data,
            "hub": cluster(config.hub),
            "clusters": tuple(cluster(item) for item in config.clusters),
            "token": base / config.token if config.token else None,
            "webhook_secret": base / config.webhook_secret if config.webhook_secret else None,
            "keys": tuple(base / item for item in config.keys),
        }
    )
