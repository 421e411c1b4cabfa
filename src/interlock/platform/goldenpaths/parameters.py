"""What a golden path is asked for: the service, and the environment that one env repo describes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from interlock.errors import InputError
from interlock.formats import yaml

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-][a-z0-9]+)*)+")


def _require_label(what: str, value: str) -> None:
    try:
        # `on`, `no` and `null` are labels too, and some reader of the generated files would take them for another type.
        plain = yaml.load(value, file=what).value == value
    except InputError:
        plain = False
    if not _LABEL.fullmatch(value) or not plain:
        raise InputError(
            "name-invalid",
            f"the {what} name is no usable DNS label",
            got=repr(value),
            expected="a-z, 0-9 and -, starting with a letter, at most 63, no word that YAML reads otherwise",
        )


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
    configuration_item: str = ""
    """The service's CI in the CMDB; its name when empty."""

    def __post_init__(self) -> None:
        for what, value in (("service", self.name), ("team", self.team), ("organisation", self.organisation)):
            _require_label(what, value)
        if not _PERSON.fullmatch(self.owner):
            raise InputError("name-invalid", "the owner is no person id", got=self.owner)
        if not _REGISTRY.fullmatch(self.registry):
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
    """Full name of the branch that Applications track: ``refs/heads/sealed`` where only proven commits may sync, else
    ``refs/heads/main``."""
    prune: bool
    """Whether Argo CD may delete what left the repository; never in prod."""
    repository: str = ""
    """Name of its env repo; ``env-<name>`` when empty."""

    def __post_init__(self) -> None:
        _require_label("environment", self.name)


def environment(name: str, *, cluster: str | None = None) -> Environment:
    """The environment of that name with the design's defaults (section 5): dev tracks main, the others sealed;
    prune only outside prod.

    An estate whose ``platform.yaml`` says otherwise builds `Environment` itself.
    """
    return Environment(
        name=name,
        cluster=cluster or f"https://{name}-cluster",
        revision="refs/heads/main" if name == "dev" else "refs/heads/sealed",
        prune=name != "prod",
    )
