"""Who made a commit: the signature says which key, the estate says whose key. Names and dates in it are never read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from interlock.formats.signatures import Commit, Verified, openpgp, verify_commit
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import Estate

GENESIS = "genesis-key"
"""Why nobody is known to have made a commit that the estate's genesis key signed."""


def by_genesis(commit: Commit, key: str) -> bool:
    """Whether ``key``, the estate's genesis key, signed it."""
    return isinstance(verify_commit(commit, ssh_keys=[key]), Verified)


@dataclass(frozen=True)
class Signers:
    """Attributes commits by the keys of one estate."""

    estate: Estate

    def attribute(self, commits: Iterable[Commit], *, at: datetime | None) -> tuple[CommitFacts, ...]:
        """``at``: when the signer must be a known person; None for authorship, which does not end with employment."""
        genesis = self.estate.keys.genesis
        ssh_keys = (*self.estate.people.ssh_keys(), *([genesis] if genesis else ()))
        forge = self.estate.keys.forge
        fingerprint = openpgp.fingerprint(forge)
        return tuple(self._attribute(item, ssh_keys, forge, fingerprint, at) for item in commits)

    def _attribute(
        self, commit: Commit, ssh_keys: tuple[str, ...], forge: str, fingerprint: str, at: datetime | None
    ) -> CommitFacts:
        answer = verify_commit(commit, certificates=[forge], ssh_keys=ssh_keys)
        person, platform, problem = None, False, ""
        if not isinstance(answer, Verified):
            problem = answer.reason
        elif answer.kind == "ssh" and self.estate.keys.genesis and by_genesis(commit, self.estate.keys.genesis):
            problem = GENESIS
        elif answer.kind == "ssh":
            found = self.estate.people.by_key(answer.fingerprint, at)
            person, problem = (found.id, "") if found else (None, "unknown-person")
        elif answer.fingerprint == fingerprint and len(commit.parents) == 2:
            # The forge signs its merges, and also what somebody edits in its web page: only a merge has no author.
            platform = True
        else:
            problem = "forge-signed-edit"
        return CommitFacts(CommitId(commit.id), commit.subject, len(commit.parents), person, platform, problem)
