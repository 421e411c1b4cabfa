"""Entries about builds: from a commit of an app repo to the signed statements about its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from interlock.platform.books.vocabulary.body import Body
from interlock.platform.domain.ids import CommitId, Digest


def build_key(repository: str, commit: str, attempt: int) -> str:
    """One entry for an attempt at a commit, whether it was started or refused."""
    key = f"build/{repository}/{commit}"
    return key if attempt == 1 else f"{key}/{attempt}"


@dataclass(frozen=True, slots=True)
class BuildStarted(Body):
    """A commit's PipelineRun was created. Subject: the service."""

    KIND: ClassVar[str] = "build-started"

    commit: CommitId
    run: str
    """``namespace/name``."""


@dataclass(frozen=True, slots=True)
class BuildRefused(Body):
    """A commit is not built. Subject: the service."""

    KIND: ClassVar[str] = "build-refused"

    commit: CommitId
    code: str
    error: str


@dataclass(frozen=True, slots=True)
class RunRead(Body):
    """A finished pipeline run was read. Subject: the image's digest; evidence: ``run``, ``task/<pipeline task>``."""

    KIND: ClassVar[str] = "run-read"

    image: str
    service: str
    run: str
    uid: str
    source: str
    commit: CommitId

    @property
    def key(self) -> str:
        return f"{self.KIND}/{self.uid}"


@dataclass(frozen=True, slots=True)
class RunFailed(Body):
    """A pipeline run ended without success. Subject: the service; evidence: ``run``, ``task/<pipeline task>``."""

    KIND: ClassVar[str] = "run-failed"

    run: str
    uid: str
    commit: CommitId
    reason: str
    """Of the run's condition."""
    message: str

    @property
    def key(self) -> str:
        return f"{self.KIND}/{self.uid}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One signed statement as pushed: digests in the registry."""

    predicate_type: Annotated[str, Field(alias="predicateType")]
    manifest: Digest
    bundle: Digest
    document: Digest | None = None
    """The pipeline's own document; None for provenance."""


@dataclass(frozen=True, slots=True)
class Attested(Body):
    """Statements about an image were signed and pushed: ``provenance``, ``sbom``, ``scan``. Subject: its digest."""

    KIND: ClassVar[str] = "attested"

    uid: str
    statements: Mapping[str, Statement]

    @staticmethod
    def key(digest: str, uid: str) -> str:
        return f"attested/{digest}/{uid}"
