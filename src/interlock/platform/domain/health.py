"""Whether a digest is healthy in an environment, as Argo CD and git report it."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.verdict import Basis


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    """One Application: deployed means Synced and Healthy at one revision, and nothing less (gitops.md 0.4)."""

    name: str
    sync: str
    health: str
    revision: CommitId
    """What it was last compared with."""
    digest: Digest
    """The image digest that the service's values hold at ``revision``."""
    tag: str
    sealed: bool
    """Whether ``revision`` is a seal that verifies with the seal key; false where the environment has none."""
    basis: Basis = Basis.EXECUTED
    """``simulated`` where no container really runs."""
