"""Whether a digest is healthy in an environment, as Argo CD and git report it.

``of`` is the one reading of an Application: gate, loops, proof and commands ask it what is deployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.verdict import Basis


@dataclass(frozen=True, slots=True)
class Sync:
    """What an Application's status says."""

    name: str
    sync: str
    """``Unknown`` where it was never compared."""
    health: str
    phase: str
    """Of the newest operation; empty when there was none."""
    revision: str
    """What it was last compared with; empty when it never was."""

    @property
    def state(self) -> str:
        """``sync``, and the operation where it is not Succeeded: the comparison may be ahead of what was applied."""
        return self.sync if self.phase in ("", "Succeeded") else f"{self.sync}, operation {self.phase}"

    @property
    def deployed(self) -> str | None:
        """The revision that is Synced, Healthy and applied without error; None while it is not all of that
        (research/gitops.md 0.4)."""
        done = (self.state, self.health) == ("Synced", "Healthy")
        return self.revision or None if done else None


def of(application: Mapping[str, Any]) -> Sync:
    """Read an Application object. ``status.history`` is not looked at: it is no audit trail (research/gitops.md 0)."""
    status = _mapping(application, "status")
    sync, operation = _mapping(status, "sync"), status.get("operationState")
    return Sync(
        name=str(_mapping(application, "metadata").get("name", "")),
        sync=str(sync.get("status") or "Unknown"),
        health=str(_mapping(status, "health").get("status") or "Unknown"),
        # An operation that tells no phase, or that is no mapping, has not been seen to succeed.
        phase=str(_mapping(status, "operationState").get("phase") or "Unknown") if operation else "",
        revision=str(sync.get("revision") or ""),
    )


def _mapping(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


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
