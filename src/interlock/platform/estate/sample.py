"""The sample estate that ``interlock platform init`` writes: four repositories of organisation ``acme``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.platform.estate import argocd
from interlock.platform.estate.estate import KEYS, Keys
from interlock.platform.estate.model import parse
from interlock.platform.estate.platform import Platform

ENVIRONMENTS = ("dev", "test", "prod")

_PLATFORM = """\
# The estate. Changed by pull request only; the gate reads it from the last sealed commit of this repository.
apiVersion: interlock.dev/v1alpha1
kind: Platform
organisation: {organisation}
git: https://git
registry: {registry}
builder: {builder}

# Which field of an AppProject demands the seal. `signatureKeys` works with every Argo CD; from 3.5 on
# `sourceIntegrity` (mode strict) may be used instead. Never both: Argo CD refuses that.
sourceIntegrity: signatureKeys

# This repository is delivered by the same rules. Registering a service is kind `onboarding`.
platform:
  repository: platform
  cluster: https://hub-cluster
  rules:
    approvals:
      - who: platform-reviewer

# In the order of promotion.
environments:
  # Free for all: direct commits, no approvals, no seal.
  - name: dev
    repository: env-dev
    cluster: https://dev-cluster
    sealed: false
    prune: true
    bases: [{bases}]
    rules:
      image: signed
      signedCommits: false
      healthyBefore: false
  - name: test
    repository: env-test
    cluster: https://test-cluster
    sealed: true
    prune: true
    bases: [{bases}]
    rules:
      approvals:
        - who: platform-reviewer
      image: attested
  # `bases`: on one machine the clusters are simulated and ACE is not run. A real prod says [executed].
  - name: prod
    repository: env-prod
    cluster: https://prod-cluster
    sealed: true
    prune: false
    bases: [{bases}]
    rules:
      approvals:
        - who: service-owner
        - who: other-team
      changeRecord: true
      signedCommits: true
      image: attested
      isolation: [bubblewrap, container]
      healthyBefore: true
      scanMaxAge: 30d
    windows:
      - days: [mon, tue, wed, thu, fri, sat, sun]
        from: "00:00"
        to: "24:00"
        timezone: UTC

# Nothing is delivered into the named environments in these times.
freezes: []

teams:
  - id: payments
    name: Payments
    owner: sam
  - id: ledger
    name: Ledger
  - id: platform
    name: Platform engineering

# Each shape of service has exactly one pipeline.
goldenPaths:
  - shape: ace-flow
    pipeline: build-ace-flow

# An older advisory folder gives `unknown`, never a pass.
advisories:
  maxAge: {advisories}

tickets:
  system: servicenow
  number: CHG
  types: [normal, standard, emergency]
  # The platform's words, and the raw states that mean them here (ServiceNow's defaults).
  states:
    new: ["-5"]
    assess: ["-4"]
    authorize: ["-3"]
    scheduled: ["-2"]
    implement: ["-1"]
    review: ["0"]
    closed: ["3"]
    canceled: ["4"]
  deliverable: [scheduled, implement]
  # Where conflict detection runs, leave `Not Run` out.
  conflictClear: ["No Conflict", Not Run]
  window: 2d

# Forge accounts that are no people.
accounts:
  platform: interlock
  pipeline: interlock-ci
  reader: argocd
"""


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A person of the sample, met as ``id`` in the forge and, where named, in the ticket system."""

    id: str
    name: str
    team: str
    forge: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


PEOPLE = (
    SamplePerson("dana", "Dana Moss", "payments", forge=("dana", "dana-alt")),
    SamplePerson("sam", "Sam Okafor", "payments", forge=("sam",)),
    SamplePerson("rita", "Rita Lindqvist", "ledger", forge=("rita",)),
    SamplePerson("pat", "Pat Moreau", "platform", forge=("pat",), roles=("platform-reviewer",)),
    SamplePerson("carol", "Carol Jensen", "platform", tickets=("carol",), roles=("change-manager",)),
)
"""``dana-alt`` is a second account of Dana: her approvals of her own work do not count."""


def sample(
    *,
    keys: Keys,
    seal_key_ids: Sequence[str],
    ssh_keys: Mapping[str, Sequence[str]],
    chart: Mapping[str, bytes],
    catalog: Mapping[str, bytes],
    builder: str,
    organisation: str = "acme",
    registry: str = "registry.acme.test/integration",
    bases: Sequence[str] = ("executed", "simulated", "static"),
    advisories_max_age: str = "5d",
) -> dict[str, dict[str, bytes]]:
    """Repository name -> path -> bytes, for ``platform`` and ``env-<name>``.

    ``ssh_keys``: person id -> public key lines. ``chart``: the library chart relative to its folder. ``catalog``:
    files as they stand in the platform repo (``catalog/...``). ``seal_key_ids``: see estate/argocd.py. ``builder``:
    the builder id that the platform's provenance statements carry.
    """
    settings = _PLATFORM.format(
        organisation=organisation,
        registry=registry,
        builder=builder,
        bases=", ".join(bases),
        advisories=advisories_max_age,
    ).encode()
    platform = parse(Platform, settings, file="platform.yaml")
    library = {f"charts/service/{path}": data for path, data in chart.items()}
    repositories = {
        "platform": {
            "README.md": _PLATFORM_README.format(organisation=organisation).encode(),
            "platform.yaml": settings,
            "people.yaml": people_file(PEOPLE, ssh_keys),
            **dict(
                zip(KEYS, (item.encode() for item in (keys.seal, keys.forge, keys.release, keys.attest)), strict=True)
            ),
            **argocd.files(platform, seal_key_ids=seal_key_ids, seal_certificate=keys.seal),
            **catalog,
            **library,
        }
    }
    for environment in platform.environments:
        readme = _ENVIRONMENT_README.format(
            name=environment.name,
            rule="Direct commits are welcome." if not environment.sealed else "Changed by delivery only.",
        )
        repositories[environment.repository] = {
            "README.md": readme.encode(),
            # Argo CD refuses a source path that does not exist, and git keeps no empty folder.
            "argocd/README.md": b"One Application per file, written by onboarding deliveries.\n",
            **library,
        }
    return {name: dict(sorted(files.items())) for name, files in repositories.items()}


def people_file(people: Sequence[SamplePerson], ssh_keys: Mapping[str, Sequence[str]]) -> bytes:
    """``people.yaml`` of the sample."""
    lines = [
        "# Who is who. Rules compare people, never accounts: list every account that a person has.",
        "apiVersion: interlock.dev/v1alpha1",
        "kind: People",
        "people:",
    ]
    for person in people:
        lines += [
            f"  - id: {person.id}",
            f"    name: {person.name}",
            f"    email: {person.id}@acme.test",
            f"    teams: [{person.team}]",
            "    accounts:",
            f"      forge: [{', '.join(person.forge)}]",
            f"      tickets: [{', '.join(person.tickets)}]",
        ]
        if person.roles:
            lines.append(f"    roles: [{', '.join(person.roles)}]")
        if found := ssh_keys.get(person.id, ()):
            lines += ["    sshKeys:", *(f'      - "{key.strip()}"' for key in found)]
    return ("\n".join(lines) + "\n").encode()


_PLATFORM_README = """\
# The platform of {organisation}

| file | what it decides |
|---|---|
| `platform.yaml` | environments, rules, windows, teams, ticket system |
| `people.yaml` | who is who: persons, their accounts and keys |
| `services/<name>.yaml` | registered services and their owners |
| `keys/` | public keys: seal, forge, image signatures, statements |
| `argocd/` | AppProjects, root Applications, Argo CD's keyring |
| `catalog/`, `charts/service/` | tasks and pipelines; the services' library chart |

Everything here takes effect from branch `sealed`, which only the platform moves.
"""

_ENVIRONMENT_README = """\
# What runs in {name}

`argocd/<service>.yaml` is a service's Application, `apps/<service>/` its chart and values, `charts/service/` the
library chart. {rule} `interlock status` shows what runs; `interlock trace {name}/<service>` says why it may.
"""
