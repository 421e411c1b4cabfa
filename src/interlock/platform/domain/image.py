"""Container images as values: which one, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, Digest, ReasonCode
from interlock.platform.domain.names import DIGEST
from interlock.platform.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ImageReference:
    """The ``image`` mapping of a values file. An empty ``digest`` means: nothing runs yet."""

    repository: str
    tag: str
    digest: Digest

    @property
    def pinned(self) -> bool:
        return DIGEST.fullmatch(self.digest) is not None

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}@{self.digest}"


class StatementKind(StrEnum):
    """The three statements that the platform signs about a build."""

    SBOM = "sbom"
    SCAN = "scan"
    PROVENANCE = "provenance"


@dataclass(frozen=True, slots=True)
class Signed:
    """The outcome of looking for a good signature or statement: ``reason`` is ``formats/sigstore``'s when not valid."""

    verdict: Verdict
    reason: ReasonCode
    detail: str = ""
    digest: Digest | None = None
    """Of the bundle that decided."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scan statement says."""

    verdict: Verdict
    """valid: nothing at or above the threshold; unknown: the scanner could not tell."""
    detail: str
    finished_at: datetime
    advisories_at: datetime | None
    """When the advisory folder had been refreshed."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the provenance statement says of the build."""

    builder: str
    source: str
    """Stable URL of the repository that was built."""
    commit: CommitId
    pipeline: str
    run: str
    isolation: str
    """Weakest isolation of the run's steps: ``bubblewrap``, ``container``, ``unshare`` or ``none``."""
    succeeded: bool = True


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Everything read about one image; each fact may be unread on its own."""

    reference: ImageReference
    media_type: str | Unread | None
    """Of the manifest at the digest; None when the registry has no such manifest."""
    tag_digest: Digest | Unread | None
    """What the tag points to now; None when there is no such tag."""
    missing_blobs: tuple[Digest, ...] | Unread = ()
    """Blobs that the manifest names and the registry does not have."""
    signature: Signed | Unread | None = None
    statements: Mapping[StatementKind, Signed | Unread] = field(default_factory=dict)
    scan: Scan | Unread | None = None
    provenance: Provenance | Unread | None = None
