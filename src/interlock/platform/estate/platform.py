"""``platform.yaml``: environments in their order, rules, windows, teams, and how the outside systems are spoken to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from interlock.platform.domain.ids import EnvironmentName
from interlock.platform.domain.record import RecordState
from interlock.platform.domain.verdict import Basis
from interlock.platform.estate import layout
from interlock.platform.estate.model import Duration, ImageRepository, Label, Model, PersonKey, Text
from interlock.platform.estate.windows import Freeze, Window

ToolboxImage = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$")]

PLATFORM = EnvironmentName("platform")
"""The platform repo is delivered like an environment of this name."""


Who = Literal[
    "platform-reviewer",
    "platform-team",
    "service-owner",
    "owners-touched",
    "data-owner",
    "other-team",
    "change-manager",
    "anyone",
]


class Requirement(Model):
    """Approvals that a delivery needs. Each person counts once in a delivery, for one requirement."""

    who: Who
    count: int = Field(default=1, ge=1, le=10)


class KindRules(Model):
    """What one kind of delivery asks beyond its environment (estate/rules.py); None: what the environment asks."""

    approvals: tuple[Requirement, ...] | None = None
    change_record: bool | None = Field(alias="changeRecord", default=None)
    windows: tuple[Window, ...] | None = None
    freezes: bool | None = None
    """Whether the estate's freezes stop it."""


class Rules(Model):
    """What the gate demands of a delivery into one environment."""

    approvals: tuple[Requirement, ...] = ()
    change_record: bool = Field(alias="changeRecord", default=False)
    signed_commits: bool = Field(alias="signedCommits", default=True)
    image: Literal["exists", "signed", "attested"] = "attested"
    """``signed`` adds the release key's signature; ``attested`` adds SBOM, scan and provenance statements."""
    isolation: tuple[Literal["bubblewrap", "container", "unshare", "none"], ...] = ("bubblewrap", "container")
    """How the build's steps must have been isolated."""
    healthy_before: bool = Field(alias="healthyBefore", default=True)
    """The digest must be Synced and Healthy in the previous environment."""
    scan_max_age: Duration | None = Field(alias="scanMaxAge", default=None)
    kinds: dict[str, KindRules] = Field(default_factory=dict)
    """By kind of delivery; at least as strict as the rest."""


class Environment(Model):
    """One environment: an env repo, a cluster, and the rules of its gate."""

    name: Label
    repository: Label
    cluster: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[0-9]+)?$")]
    namespaces: Literal["service", "service-environment"] = "service"
    """How namespaces are called there. Environments that share a cluster have ``service-environment``."""
    promotes_from: Label | None = Field(alias="promotesFrom", default=None)
    """The environment from which images come, one that stands earlier; the one before unless it says another."""
    sealed: bool
    """Applications track branch ``sealed``; else they track ``main``."""
    prune: bool = False
    """Whether Argo CD may delete what left the repository."""
    bases: tuple[Basis, ...] = Field(min_length=1)
    """How facts may have been obtained; a real prod accepts only ``executed``."""
    rules: Rules
    windows: tuple[Window, ...] = ()
    """Weekly change windows; none means: always open."""

    def namespace(self, service: str) -> str:
        """Where the service's objects are in the cluster."""
        return service if self.namespaces == "service" else layout.application_name(service, self.name)

    @property
    def branch(self) -> str:
        """Short name of what Applications track."""
        return layout.short(self.ref)

    @property
    def ref(self) -> str:
        """Its full name, which Applications track."""
        return layout.SEALED if self.sealed else layout.MAIN


class PlatformRepository(Model):
    """The platform repo and its gate: kind ``onboarding`` registers a service."""

    repository: Label = "platform"
    cluster: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[0-9]+)?$")] = "https://hub-cluster"
    rules: Rules
    team: Label | None = None
    """The team that requirement ``platform-team`` asks."""
    configuration_item: Text | None = Field(alias="configurationItem", default=None)
    """The platform's CI in the CMDB, for change records of its own deliveries; the repository's name unless it says."""


class Team(Model):
    id: Label
    name: Text
    owner: PersonKey | None = None
    """Person id: who owns the team's new services unless `service create` names somebody else."""


class Advisories(Model):
    max_age: Duration = Field(alias="maxAge", default="5d", validate_default=True)
    """An advisory folder older than this gives ``unknown``, never a pass."""


class KeyRules(Model):
    """How the release key and the attest key are replaced."""

    overlap: Duration = Field(default="30d", validate_default=True)
    """How long a key stays beside its successor, from when that was sealed."""


class GoldenPath(Model):
    shape: Label
    pipeline: Label
    """The one Pipeline that builds services of this shape."""


class Tickets(Model):
    """How records of the change-management system are read (research/audit_portal.md 3.1)."""

    system: Literal["servicenow"] = "servicenow"
    number: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,10}$")] = "CHG"
    """Prefix of record numbers."""
    types: tuple[Text, ...] = Field(default=("normal", "standard", "emergency"), min_length=1)
    """Types of record that may carry a delivery."""
    states: dict[RecordState, tuple[str, ...]]
    """The platform's words -> the raw states that mean them."""
    deliverable: tuple[RecordState, ...] = (RecordState.SCHEDULED, RecordState.IMPLEMENT)
    """States in which a delivery may be merged."""
    approved: tuple[str, ...] = ("approved",)
    rejected: tuple[str, ...] = ("rejected",)
    """Raw values of the approval summary field."""
    conflict_clear: tuple[str, ...] = Field(alias="conflictClear", default=("", "No Conflict"))
    window: Duration = Field(default="2d", validate_default=True)
    """Length of the window that the platform writes into a record that it opens."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Tickets:
        raw = [value for values in self.states.values() for value in values]
        if RecordState.UNMAPPED in self.states or len(raw) != len(set(raw)):
            raise ValueError("states: every raw state has one meaning, and `unmapped` is none")
        return self

    def state(self, raw: str) -> RecordState:
        return next((state for state, values in self.states.items() if raw in values), RecordState.UNMAPPED)


class Accounts(Model):
    """Forge accounts that are no people."""

    platform: Text = "interlock"
    """The only account that may merge and push ``sealed``."""
    pipeline: Text = "interlock-ci"
    """Opens bump pull requests; can neither review nor merge."""
    reader: Text = "argocd"


class Platform(Model):
    """The file. Environments stand in promotion order."""

    api_version: Literal["interlock.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Platform"]
    organisation: Label
    git: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+$")] = "https://git"
    registry: ImageRepository
    """Prefix of the services' image repositories."""
    builder: Text
    """Builder id that provenance must name."""
    toolbox: ToolboxImage | None = None
    """The image on which every step of the catalog runs. None in an estate of before 0.2: its catalog alone says it."""
    source_integrity: Literal["signatureKeys", "sourceIntegrity"] = Field(alias="sourceIntegrity")
    """Which field of an AppProject demands the seal; see estate/argocd.py."""
    platform: PlatformRepository
    environments: tuple[Environment, ...] = Field(min_length=1)
    freezes: tuple[Freeze, ...] = ()
    teams: tuple[Team, ...] = Field(min_length=1)
    golden_paths: tuple[GoldenPath, ...] = Field(alias="goldenPaths", min_length=1)
    advisories: Advisories = Advisories()
    keys: KeyRules = KeyRules()
    tickets: Tickets
    accounts: Accounts = Accounts()

    @property
    def itself(self) -> Environment:
        """The platform repo as the environment that it is delivered like."""
        own = self.platform
        every = tuple(dict.fromkeys(basis for item in self.environments for basis in item.bases))
        return Environment(
            name=PLATFORM, repository=own.repository, cluster=own.cluster, sealed=True, bases=every, rules=own.rules
        )

    def _clusters(self) -> list[str]:
        """Each as often as environments need it for themselves."""
        shared = {item.cluster for item in self.environments if item.namespaces == "service-environment"}
        return [*shared, *(item.cluster for item in self.environments if item.namespaces == "service")]

    @model_validator(mode="after")
    def _unique(self) -> Platform:
        for what, found in (
            ("environment", [item.name for item in self.environments]),
            ("repository", [self.platform.repository, *(item.repository for item in self.environments)]),
            # Environments may share a cluster where their namespaces tell them apart; the hub's is no environment's.
            ("cluster", [self.platform.cluster, *self._clusters()]),
            ("team", [item.id for item in self.teams]),
            ("shape", [item.shape for item in self.golden_paths]),
        ):
            twice = {item for item in found if found.count(item) > 1}
            if twice:
                raise ValueError(f"{what} {', '.join(sorted(twice))} appears twice")
        if self.platform.team not in {None, *(item.id for item in self.teams)}:
            raise ValueError(f"platform: team {self.platform.team} is none of `teams`")
        known = {item.name for item in self.environments}
        for index, item in enumerate(self.environments):
            if item.promotes_from not in {None, *(before.name for before in self.environments[:index])}:
                raise ValueError(f"{item.name}: promotesFrom names no environment before it: {item.promotes_from}")
        if PLATFORM in known:
            raise ValueError("environment `platform` is the platform repo's own name")
        for freeze in self.freezes:
            if unknown := set(freeze.environments) - known - {PLATFORM}:
                raise ValueError(f"freeze {freeze.name!r} names no environment: {', '.join(sorted(unknown))}")
        return self
