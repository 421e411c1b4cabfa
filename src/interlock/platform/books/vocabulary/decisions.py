"""Entries about deliveries: what the gate judged, what was merged and sealed, and what then ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from interlock.platform.books.vocabulary.body import Body
from interlock.platform.domain.ids import (
    CheckId,
    CommitId,
    DeliveryKind,
    Digest,
    EnvironmentName,
    ObjectId,
    ReasonCode,
    RecordNumber,
    ServiceName,
)
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Basis, Verdict

NO_SERVICE = ServiceName("-")
"""Stands for the service in a subject where a restoring revert touches none, or several."""


def subject(environment: EnvironmentName, service: ServiceName) -> str:
    """The subject of every entry about a delivery."""
    return f"{environment}/{service}"


@dataclass(frozen=True, slots=True)
class Checked:
    """One check as it was judged, by the ``version`` of its rule."""

    id: CheckId
    version: int
    verdict: Verdict
    reason: ReasonCode
    detail: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Judged(Body):
    """A gate that was valid, for one head on one base: written down before the platform asks the forge to merge.

    After a crash between merge and seal it says what was meant to be merged; a commit of ``main`` without one was
    merged by somebody else. Evidence: ``reviews``, ``record`` where one was asked for, and ``facts``.
    Version 1 named no checks.
    """

    KIND: ClassVar[str] = "judged"
    VERSION: ClassVar[int] = 2

    environment: EnvironmentName
    service: ServiceName | None
    kind: DeliveryKind
    restores: bool
    repository: str
    """``owner/name``."""
    pull: int
    title: str
    base: CommitId
    head: CommitId
    result: ResultIds
    platform_commit: CommitId
    """The sealed platform commit that rules and people were read from."""
    record: RecordNumber | None = None
    checks: tuple[Checked, ...] = ()
    """Every check, in its order."""
    added: tuple[CheckId, ...] = ()
    """Those of them that the software demanded and the estate's own table did not name."""

    @classmethod
    def upcast(cls, value: Any, version: int) -> Any:
        return {**value, "checks": [], "added": []}

    @property
    def subject(self) -> str:
        return subject(self.environment, self.service or NO_SERVICE)

    @property
    def key(self) -> str:
        """One entry for a head on a base under one state of the rules."""
        pull = f"{self.KIND}/{self.repository}/{self.pull}"
        return f"{pull}/{self.base}/{self.head}/{self.platform_commit}"


@dataclass(frozen=True, slots=True)
class Merged(Body):
    """The decision about a merge commit, written after it was proven and before its seal, whose trailer names it.

    Evidence: ``merge``, ``reviews``, with a record ``record``, and ``facts``. Version 1 knew a fixed list of kinds.
    """

    KIND: ClassVar[str] = "merged"
    VERSION: ClassVar[int] = 2

    environment: EnvironmentName
    service: ServiceName
    kind: DeliveryKind
    repository: str
    """The stable URL."""
    pull: int
    base: CommitId
    """The merge's first parent."""
    head: CommitId
    """The head that the gate judged."""
    merge: CommitId
    result: Mapping[str, ObjectId]
    """Path -> object id, in the merge, of the service's own paths and its chart: what approvals hold for."""
    platform_commit: Annotated[CommitId | None, Field(alias="platformCommit")] = None
    """The sealed platform commit that rules and people were read from."""
    record: RecordNumber | None = None

    @property
    def subject(self) -> str:
        return subject(self.environment, self.service)

    @staticmethod
    def key(repository: str, merge: str) -> str:
        return f"merged/{repository}/{merge}"


@dataclass(frozen=True, slots=True)
class Sealed(Body):
    """``seal`` is on the branch ``sealed``; ``decision`` is the id of the merge's entry. Subject: the delivery's."""

    KIND: ClassVar[str] = "sealed"

    repository: str
    seal: CommitId
    merge: CommitId
    decision: Digest

    @property
    def key(self) -> str:
        return f"{self.KIND}/{self.repository}/{self.seal}"


@dataclass(frozen=True, slots=True)
class ApplicationsProven(Body):
    """The Applications at the tip of an open environment are those of registered services. Subject: ``<env>/-``."""

    KIND: ClassVar[str] = "applications-proven"

    repository: str
    commit: CommitId
    files: str
    platform_commit: Annotated[CommitId, Field(alias="platformCommit")]

    @property
    def key(self) -> str:
        return f"{self.KIND}/{self.repository}/{self.commit}"


@dataclass(frozen=True, slots=True)
class Synced(Body):
    """The cluster runs ``revision``. Subject: the delivery's; evidence: ``sync``."""

    KIND: ClassVar[str] = "synced"

    application: str
    revision: CommitId

    @property
    def key(self) -> str:
        return f"{self.KIND}/{self.application}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Removed(Body):
    """What the removal merged as ``merge`` names is gone: read back, none of it is live. Subject: the delivery's."""

    KIND: ClassVar[str] = "removed"

    application: str
    """The Application whose operation deleted it."""
    merge: CommitId
    objects: tuple[str, ...]
    """Kind, namespace, name and uid of each."""

    @staticmethod
    def key_of(merge: str) -> str:
        return f"removed/{merge}"

    @property
    def key(self) -> str:
        return self.key_of(self.merge)
