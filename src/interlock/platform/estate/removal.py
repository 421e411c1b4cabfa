"""``apps/<service>/removal.yaml`` of an env repo: every object that the removal of the service deletes, by its uid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.domain.removal import Named, Removal
from interlock.platform.estate.model import API_VERSION, Model, Text, parse

Part = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:/-]{0,252}$")]


class NamedObject(Model):
    """One object to delete."""

    api_version: Part = Field(alias="apiVersion")
    kind: Part
    namespace: Part | Literal[""] = ""
    name: Part
    uid: Part


class RemovalFile(Model):
    """The file. Objects are in the order of apiVersion, kind, namespace, name; the bytes are those of `dump`."""

    api_version: Literal["interlock.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Removal"]
    application: Text
    """Uid of the service's Application, which goes last."""
    objects: tuple[NamedObject, ...] = Field(max_length=500)


def read(data: bytes, *, file: str) -> Removal:
    """Raises InputError ``yaml-*`` or ``estate-*`` with the position, ``removal-file-form`` for other bytes than `dump`
    writes."""
    found = parse(RemovalFile, data, file=file)
    objects = tuple(Named(item.api_version, item.kind, item.namespace, item.name, item.uid) for item in found.objects)
    read = Removal(found.application, objects)
    if dump(read) != data:
        raise InputError("removal-file-form", "not as `interlock service remove` writes it", where=file)
    return read


def dump(removal: Removal) -> bytes:
    """The file: the same bytes for equal removals."""
    objects = [
        {
            "apiVersion": item.api_version,
            "kind": item.kind,
            "namespace": item.namespace,
            "name": item.name,
            "uid": item.uid,
        }
        for item in sorted(set(removal.objects))
    ]
    return yaml.dump(
        {"apiVersion": API_VERSION, "kind": "Removal", "application": removal.application, "objects": objects}
    ).encode()
