"""What a removal deletes: objects by name and identity, as a delivery lists them and as the cluster has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where Argo CD finds an object: it knows neither version nor identity."""

    group: str
    kind: str
    namespace: str
    """Empty for what belongs to the cluster."""
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """One object. Another object of the same name has another ``uid``, and is not meant."""

    api_version: str
    kind: str
    namespace: str
    """Empty for what belongs to the cluster."""
    name: str
    uid: str

    @property
    def place(self) -> Place:
        return Place(self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name} ({self.uid})"


@dataclass(frozen=True, slots=True)
class Removal:
    """The file of a service that is being removed."""

    application: str
    """Uid of its Application, which goes last."""
    objects: tuple[Named, ...]
    """Sorted."""
