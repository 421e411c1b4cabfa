"""``services/<name>.yaml`` of the platform repo: the registered facts of a service that the gate trusts.

An app repo carries a ``service.yaml`` too, which its team may change at will; who owns a service is decided here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interlock.formats import yaml
from interlock.platform.estate.model import API_VERSION, ImageRepository, Label, Model, PersonKey, Text


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

    def file(self) -> bytes:
        """The file that registers this service, byte for byte as the gate expects it."""
        return yaml.dump(
            {
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
        ).encode()


def path(name: str) -> str:
    """Where the platform repo registers ``name``."""
    return f"services/{name}.yaml"
