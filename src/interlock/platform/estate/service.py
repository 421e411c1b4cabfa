"""``services/<name>.yaml`` of the platform repo: the registered facts of a service that the gate trusts.

An app repo carries a ``service.yaml`` too, which its team may change at will; who owns a service is decided here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from interlock.formats import yaml
from interlock.platform.domain import workload
from interlock.platform.domain.workload import Workload
from interlock.platform.estate.model import API_VERSION, ImageRepository, Label, Model, PersonKey, Text


class Container(Model):
    """One container that the service runs; sidecars of another repository are named with it."""

    kind: Text
    """A kind of domain/workload.py."""
    name: Label
    container: Label
    image: ImageRepository | None = None
    """The image repository that it runs; the service's own unless it says another."""

    @field_validator("kind")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in workload.KINDS:
            raise ValueError(f"a kind of workload is one of {', '.join(workload.KINDS)}")
        return value


class Service(Model):
    """One registered service."""

    api_version: Literal["interlock.dev/v1alpha1"] = Field(alias="apiVersion", default="interlock.dev/v1alpha1")
    kind: Literal["Service"] = "Service"
    name: Label
    shape: Label
    team: Label
    owner: PersonKey
    """Person id of the service owner: their approval is the one that prod asks for."""
    repository: Label
    """The app repo, in the estate's organisation."""
    image: ImageRepository
    """Image repository, without tag."""
    configuration_item: Text = Field(alias="configurationItem")
    """The service's CI in the CMDB: change records must name it."""
    tier: Label | None = None
    """How much depends on it, in the estate's own words. A platform edit gives it, which old and new owner approve."""
    runs: tuple[Container, ...] | None = Field(alias="workloads", default=None, min_length=1)
    parameters: dict[str, Text] = Field(default_factory=dict)
    """What its golden path asks for beyond this."""

    @field_validator("runs")
    @classmethod
    def _named_once(cls, value: tuple[Container, ...] | None) -> tuple[Container, ...] | None:
        found = [(item.kind, item.name, item.container) for item in value or ()]
        if len(found) != len(set(found)):
            raise ValueError("a container is named twice")
        return value

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """What the service runs: unless the file says else, one Deployment and container of its name."""
        if self.runs is None:
            return (Workload("Deployment", self.name, self.name, self.image),)
        return tuple(Workload(item.kind, item.name, item.container, item.image or self.image) for item in self.runs)

    def file(self) -> bytes:
        """The file that registers this service, byte for byte as the gate expects it; what it may leave out it does."""
        found: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "name": self.name,
            "shape": self.shape,
            "team": self.team,
            "owner": self.owner,
            "repository": self.repository,
            "image": self.image,
            "configurationItem": self.configuration_item,
        }
        if self.tier is not None:
            found["tier"] = self.tier
        if self.workloads != self.model_copy(update={"runs": None}).workloads:
            found["workloads"] = [
                {"kind": item.kind, "name": item.name, "container": item.container}
                | ({} if item.image == self.image else {"image": item.image})
                for item in self.workloads
            ]
        if self.parameters:
            found["parameters"] = self.parameters
        return yaml.dump(found).encode()


def path(name: str) -> str:
    """Where the platform repo registers ``name``."""
    return f"services/{name}.yaml"
