"""Where resolvers look: mirrors, and upstream's ConfigMaps by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

ConfigMapName = Literal[
    "git-resolver-config",
    "http-resolver-config",
    "cluster-resolver-config",
    "hubresolver-config",
    "bundleresolver-config",
    "resolvers-feature-flags",
]


def _place(value: object) -> object:
    """An http(s) address stays text, everything else is a folder."""
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        return Path(value.removeprefix("file://"))
    return value


def _prefix(value: str) -> str:
    if not value.strip() or any(char.isspace() for char in value):
        raise ValueError("an address prefix, as https://github.com/tektoncd/ or quay.io/")
    return value


Place = Annotated[Path | str, BeforeValidator(_place)]
Prefix = Annotated[str, AfterValidator(_prefix)]


class ResolverConfig(BaseModel):
    """See the fields. Relative paths are relative to the file's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    mirrors: dict[Prefix, Place] = Field(default_factory=dict)
    """Address prefix, as references write it -> the folder or base URL that answers for it; the longest prefix counts.

    Git: a folder of repositories (or the repository itself); http: a folder of files; hub: the files of its API or a
    catalog (``task/<name>/<version>/<name>.yaml``); bundles (``quay.io/…``): a registry or an OCI layout."""
    config_maps: dict[ConfigMapName, dict[str, str]] = Field(default_factory=dict)
    """Upstream's ConfigMaps by name, keys as upstream names them; what is not given is as upstream ships it."""
    lock: Path | None = None
    """The lock file: with it, only what it names is resolved, and only to what it pins."""
    offline: bool = False
    """Use what was resolved before and nothing else."""
    ca_file: Path | None = None
    """PEM of the CA that signs the certificates of https mirrors; None: the public CAs."""
