"""What a loop may do, as values: plans decide on them, `interlock.platform.controller.acting` does them.

Every act is idempotent: done twice, or again after a kill in its middle, it leaves what doing it once leaves. So a plan
says what ought to be, in an order in which stopping after any act is safe, and the next round plans the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.clients.forge.client import StatusState
from interlock.platform.books.vocabulary import RecordClosed, Synced
from interlock.platform.books.vocabulary.body import Body
from interlock.platform.delivery.gate import Gate
from interlock.platform.delivery.history import Proof
from interlock.platform.delivery.readmodel import Missing, Outcome
from interlock.platform.domain.ids import CommitId, RecordNumber
from interlock.platform.domain.removal import Place
from interlock.platform.estate import Environment, Service
from interlock.platform.facts.seals import Seal as SealMade
from interlock.platform.kinds.record import Plan
from interlock.platform.statements.run import FinishedRun


@dataclass(frozen=True, slots=True)
class CreateRun:
    """By the run's name."""

    run: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """An entry of the ledger, by its key."""

    subject: str
    body: Body
    key: str


@dataclass(frozen=True, slots=True)
class SetStatus:
    """The newest commit status of a context."""

    repository: str
    """``owner/name``."""
    commit: str
    context: str
    state: StatusState
    description: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of what is missing at a head; by the two."""

    repository: str
    number: int
    head: str
    missing: Missing
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What the read model says of a build or a sync."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Attest:
    """Sign what a run shows; by the run and its image."""

    run: FinishedRun


@dataclass(frozen=True, slots=True)
class KeepFailed:
    """Keep what a run was that failed; by the run."""

    run: FinishedRun


@dataclass(frozen=True, slots=True)
class Publish:
    """Annotate a run and its tasks with their provenance."""

    run: FinishedRun


@dataclass(frozen=True, slots=True)
class CaptureSync:
    """Keep an Application and its workload as they are, and write the sync down; by Application and revision."""

    environment: Environment
    service: Service
    application: Mapping[str, Any]
    body: Synced


@dataclass(frozen=True, slots=True)
class CloseRecord:
    """By the record's number."""

    number: RecordNumber
    notes: str
    body: RecordClosed


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """By pull request and head, which is what the record's correlation id says."""

    plan: Plan
    title: str


@dataclass(frozen=True, slots=True)
class CancelRecord:
    """Of a pull request (``owner/name#number``) that was closed; by the two."""

    number: RecordNumber
    delivery: str


@dataclass(frozen=True, slots=True)
class ClosePull:
    """By its number; ``why`` is said once, before."""

    repository: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Write the judgement down and merge exactly the judged head."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class RecordSeal:
    """The tip of ``sealed``, in the ledger; by the seal."""

    environment: Environment
    seal: SealMade


@dataclass(frozen=True, slots=True)
class RecordMerge:
    """A proven merge, in the ledger; by repository and commit."""

    environment: Environment
    proof: Proof


@dataclass(frozen=True, slots=True)
class Seal:
    """A proven merge; ``sealed`` moves from ``previous`` or not at all."""

    environment: Environment
    proof: Proof
    previous: CommitId


@dataclass(frozen=True, slots=True)
class SealApplications:
    """The proven Applications of an environment without seals of its own; moves as `Seal` does."""

    environment: Environment
    proof: Proof
    previous: CommitId


@dataclass(frozen=True, slots=True)
class Prune:
    """Ask Argo CD to delete exactly these objects of an Application, at the revision that it was compared with; an
    operation that is there already stays."""

    application: str
    revision: str
    objects: tuple[Place, ...]


Act = (
    CreateRun
    | Write
    | SetStatus
    | Comment
    | Note
    | Attest
    | KeepFailed
    | Publish
    | CaptureSync
    | CloseRecord
    | OpenRecord
    | CancelRecord
    | ClosePull
    | Merge
    | RecordSeal
    | RecordMerge
    | Seal
    | SealApplications
    | Prune
)
