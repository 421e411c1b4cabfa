"""Params of the hub resolver (pkg/resolution/resolver/hub/resolver.go, docs/hub-resolver.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import failure, texts

KINDS: Final = ("task", "pipeline", "stepaction")
ARTIFACT_HUB: Final = "https://artifacthub.io"
TEKTON_HUB: Final = "https://api.hub.tekton.dev"
"""Closed in 2026 (hub#667); a mirror may still answer for it."""


@dataclass(frozen=True, slots=True)
class HubRequest:
    """``version`` may be a constraint, as ``>= 0.5, < 0.7``; every plain version is one too."""

    type: str
    kind: str
    catalog: str
    name: str
    version: str

    def at(self, version: str) -> HubRequest:
        """With this version written as the hub writes it: three numbers on Artifact Hub, two on Tekton Hub."""
        parts = version.split(".")
        if self.type == "artifact" and len(parts) == 2:
            version += ".0"
        elif self.type == "tekton" and len(parts) > 2:
            version = ".".join(parts[:2])
        return replace(self, version=version)

    def listing(self) -> str:
        """Path of the list of versions, below the hub's address."""
        if self.type == "artifact":
            return f"api/v1/packages/tekton-{self.kind}/{self.catalog}/{self.name}"
        return f"v1/resource/{self.catalog}/{self.kind}/{self.name}"

    def document(self) -> str:
        """Path of the object, below the hub's address."""
        if self.type == "artifact":
            return f"{self.listing()}/{self.version}" if self.version else self.listing()
        return f"{self.listing()}/{self.version}/yaml"

    @property
    def label(self) -> str:
        return "Artifact Hub" if self.type == "artifact" else "Tekton Hub"


def read(params: Sequence[Param], config: Mapping[str, str]) -> HubRequest:
    """Raises InputError ``resolution-failed`` in upstream's words."""
    given = texts.of(params)
    prefix = "failed to populate default params: "
    hub_type, kind = given.get("type", config.get("default-type")), given.get("kind", config.get("default-kind"))
    if hub_type is None:
        raise failure.invalid(f"{prefix}default type was not set during installation of the hub resolver")
    if kind is None:
        raise failure.invalid(f"{prefix}default resource kind was not set during installation of the hub resolver")
    catalog = given["catalog"] if "catalog" in given else _catalog(hub_type, kind, config, prefix)
    prefix = "failed to validate params: "
    if kind not in KINDS:
        raise failure.invalid(f"{prefix}kind param must be one of: {', '.join(KINDS)}")
    if hub_type not in ("artifact", "tekton"):
        raise failure.invalid(f"{prefix}type param must be artifact or tekton")
    if missing := [name for name in ("name", "version") if name not in given]:
        raise failure.invalid(prefix + texts.missing("hub", missing).message)
    for name, value in (("catalog", catalog), ("name", given["name"]), ("version", given["version"])):
        # The hub's addresses are made by concatenation: a segment must stay one.
        if "/" in value or value in ("", ".", ".."):
            raise failure.invalid(f"{prefix}{name} param is not a name: {value!r}")
    return HubRequest(hub_type, kind, catalog, given["name"], given["version"])


def _catalog(hub_type: str, kind: str, config: Mapping[str, str], prefix: str) -> str:
    names = {
        ("artifact", "task"): "default-artifact-hub-task-catalog",
        ("artifact", "pipeline"): "default-artifact-hub-pipeline-catalog",
    }
    if hub_type == "tekton":
        key = "default-tekton-hub-catalog"
    elif hub_type != "artifact":
        raise failure.invalid(f"{prefix}failed to resolve catalog name with type: {hub_type}")
    elif (found := names.get((hub_type, kind))) is None:
        raise failure.invalid(f"{prefix}failed to resolve catalog name with kind: {kind}")
    else:
        key = found
    if key not in config:
        raise failure.invalid(f"{prefix}{key} was not set during installation of the hub resolver")
    return config[key]
