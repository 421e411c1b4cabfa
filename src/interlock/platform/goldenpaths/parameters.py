"""What a golden path is asked for: the service, and the environment that one env repo describes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from interlock.errors import InputError

_LABEL = re.compile(r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")
_PERSON = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
_REGISTRY = re.compile(r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-][a-z0-9]+)*)+$")


@dataclass(frozen=True, slots=True)
class Service:
    """One service of an estate. Raises InputError ``name-invalid`` for a name that is no DNS label (RFC 1123)."""

    name: str
    team: str
    owner: str
    """Person id of the service owner (never an account)."""
    organisation: str
    """Forge organisation that owns the estate's repositories."""
    registry: str
    """Image repositories' prefix, such as ``registry.acme.test/integration``."""
    git: str = "https://git"
    """Stable prefix of the forge, as files write it."""

    def __post_init__(self) -> None:
        for what, value in (("service", self.name), ("team", self.team), ("organisation", self.organisation)):
            if not _LABEL.match(value):
                raise InputError(
                    "name-invalid", f"the {what} name is no DNS label", got=value, expected="a-z, 0-9 and -, at most 63"
                )
        if not _PERSON.match(self.owner):
            raise InputError("name-invalid", "the owner is no person id", got=self.owner)
        if not _REGISTRY.match(self.registry):
            raise InputError(
                "registry-invalid",
                "no image repository prefix",
                got=self.registry,
                expected="host/project, such as registry.acme.test/integration",
            )

    @property
    def image(self) -> str:
        """The image repository, without tag."""
        return f"{self.registry}/{self.name}"

    @property
    def repository(self) -> str:
        """Stable URL of the app repo."""
        return f"{self.git.rstrip('/')}/{self.organisation}/{self.name}"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, as its env repo's Applications name it."""

    name: str
    cluster: str
    """Stable name of the cluster, such as ``https://prod-cluster``."""
    revision: str
    """Branch that Applications track: ``sealed`` where only proven commits may sync, else ``main``."""
    prune: bool
    """Whether Argo CD may delete what left the repository; never in prod."""

    def __post_init__(self) -> None:
        if not _LABEL.match(self.name):
            raise InputError("name-invalid", "the environment name is no DNS label", got=self.name)


def environment(name: str, *, cluster: str | None = None) -> Environment:
    """The environment of that name with the design's defaults (section 5): dev tracks main, the others sealed;
    prune only outside prod.

    An estate whose ``platform.yaml`` says otherwise builds `Environment` itself.
    """
    return Environment(
        name=name,
        cluster=cluster or f"https://{name}-cluster",
        revision="main" if name == "dev" else "sealed",
        prune=name != "prod",
    )
