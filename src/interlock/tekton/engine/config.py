"""The engine's configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from interlock.tekton.engine.resolvers.config import ResolverConfig
from interlock.tekton.spec.flags import Flags, Version

HostPort = Annotated[str, StringConstraints(pattern=r"^(127\.0\.0\.1|localhost|[a-z0-9.-]+):[0-9]{1,5}$")]


class Config(BaseModel):
    """See the fields. Relative paths are relative to the file's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    server: str
    """Base URL of the cluster's API."""
    token_file: Path | None = None
    """File with the bearer token of the engine's service account."""
    ca_file: Path | None = None
    """PEM of the CA that signs the API's certificate."""
    data: Path
    """Folder that the engine alone writes: logs, claims, journals."""
    namespace: str | None = None
    """The one namespace to act on; all of them without it."""
    names: dict[str, str] = Field(default_factory=dict)
    """Stable address prefix -> where it answers; steps read it from the file that $INTERLOCK_NAMES names."""
    endpoints: dict[str, HostPort] = Field(default_factory=dict)
    """Endpoint name, as Tasks write it in the annotation ``interlock.dev/network`` -> address."""
    images: dict[str, Literal["installed-toolbox"]] = Field(default_factory=dict)
    """Image reference, or repository for whatever it has -> what executes its steps."""
    host_images: list[str] = Field(default_factory=list)
    """Image references whose steps run with this machine's own shell and tools: an explicit choice, said in status."""
    registry: str | None = None
    """Base URL of a registry: steps whose image is there run in that image's own root file system. References name it
    by its address or by a name of ``names``."""
    registry_ca_file: Path | None = None
    """PEM of the CA that signs the registry's certificate."""
    registry_username: str | None = None
    """Who signs in to the registry; None: the token alone does."""
    registry_token_file: Path | None = None
    """File with the registry's token, or with the password of ``registry_username``."""
    image_layouts: list[Path] = Field(default_factory=list)
    """OCI image layouts: steps whose image is in one run in that image's own root file system."""
    record_key: Path | None = None
    """PEM of the private key (ECDSA P-256) that signs each TaskRun's record; without one no record is written."""
    toolbox: Path | None = None
    """The executable behind ``interlock-toolbox``; without it the one of this installation."""
    isolation: Literal["auto", "bubblewrap", "unshare", "rewriting"] = "auto"
    """How steps are kept apart: the strongest way that works here, or this one. ``rewriting`` is the weaker one."""
    allow_weaker_isolation: bool = False
    """Run steps as plain processes where bubblewrap cannot work; such runs say so and a real prod refuses them."""
    refuse_environment_leaks: bool = True
    """Refuse a Task whose steps print their environment, before anything starts: a rule of ours, not of Tekton's."""
    parallel: int | None = None
    """How many TaskRuns run at a time; without it the number of cores, at least 8: many wait more than compute."""
    default_timeout: str = "1h0m0s"
    """Limit of a run that sets none (upstream's default-timeout-minutes)."""
    flags: Flags = Field(default_factory=Flags)
    """Upstream's feature flags, by their names (``enable-api-fields: alpha``)."""
    tekton_version: Version = "1.15"
    """Whose reasons and defaults hold where versions of Tekton differ."""
    default_task_run_workspace_binding: dict[str, Any] | None = None
    """Bound to the workspaces that a TaskRun leaves open (upstream's default-task-run-workspace-binding)."""
    max_matrix_combinations: int = 256
    """Upstream's default-max-matrix-combinations-count."""
    resolvers: ResolverConfig = Field(default_factory=ResolverConfig)
    """Mirrors, ConfigMaps and the lock file of the resolvers."""
    snapshots: bool = False
    """Keep what the claims of a failed TaskRun held before its first step (`interlock pipeline rerun`)."""
    logs_port: int | None = None
    """Loopback port that serves step logs; without it none are served, 0 picks one."""
    logs_secret_file: Path | None = None
    """File with the secret that the cluster's API server has too; without one everybody here may read logs."""
